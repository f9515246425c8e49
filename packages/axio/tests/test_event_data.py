"""Events as data and back."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

from axio import events
from axio.blocks import ReasoningBlock
from axio.event_data import event_from_dict, event_to_dict
from axio.events import Error, NestedEvent, StreamEvent, TextDelta, ToolResult
from axio.exceptions import LimitReached, StreamError
from axio.types import StopReason, Usage

TEXT = st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "index": st.integers(0, 9),
    "iteration": st.integers(0, 9),
    "is_error": st.booleans(),
    "input": st.dictionaries(TEXT, JSON, max_size=3),
    "data": st.binary(),
    "media_type": st.just("audio/wav"),
    "role": st.sampled_from(["user", "assistant"]),
    "stop_reason": st.sampled_from(StopReason),
    "usage": st.builds(Usage, *[st.integers(0, 99)] * 5),
    "total_usage": st.builds(Usage, *[st.integers(0, 99)] * 5),
    "block": st.builds(ReasoningBlock, TEXT, TEXT, st.dictionaries(TEXT, JSON, max_size=2)),
    "exception": st.builds(LimitReached, TEXT) | st.builds(StreamError, TEXT),
    "event": st.builds(TextDelta, st.integers(0, 9), TEXT),
}
SPECIAL = {
    ("ImageOutput", "media_type"): st.just("image/png"),
    ("VideoOutput", "media_type"): st.just("video/mp4"),
    ("TurnComplete", "usage"): FIELDS["usage"] | st.none(),
}


def any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    names = kind.__dataclass_fields__
    known = {n: SPECIAL.get((kind.__name__, n), FIELDS.get(n, TEXT)) for n in names}
    return st.builds(kind, **known)


EVENTS: st.SearchStrategy[StreamEvent] = st.one_of([any_of(k) for k in get_args(StreamEvent)])


def error_of(event: Any) -> Any:
    while isinstance(event, NestedEvent):
        event = event.event
    return (type(event.exception), str(event.exception)) if isinstance(event, Error) else None


@given(EVENTS)
def test_every_event_comes_back_from_json_as_it_was(event: StreamEvent) -> None:
    data = json.loads(json.dumps(event_to_dict(event)))
    again = event_from_dict(data)
    assert type(again) is type(event)
    if error_of(event) is None:
        assert again == event
    else:
        # An error without words is told by its class.
        kind, words = error_of(event)
        assert error_of(again) == (kind, words or kind.__name__)
    assert event_to_dict(again) == data


def test_there_is_a_strategy_for_every_event() -> None:
    assert {kind.__name__ for kind in get_args(StreamEvent)} <= set(events.__all__)


def test_arguments_may_hold_numbers_that_are_none_in_strict_json() -> None:
    event = ToolResult("a", "t", False, "", {"from": -inf, "to": [inf], "step": nan})
    again: Any = event_from_dict(json.loads(json.dumps(event_to_dict(event))))
    assert repr(again) == repr(event)


def test_an_event_inside_events_comes_back_whole() -> None:
    inner = NestedEvent("b", "deep", Error(LimitReached("no more")))
    again: Any = event_from_dict(event_to_dict(NestedEvent("a", "outer", inner)))
    assert (again.tool_use_id, again.event.name) == ("a", "deep")
    assert repr(again.event.event.exception) == repr(LimitReached("no more"))


def test_an_error_of_the_program_is_told_by_its_name() -> None:
    again: Any = event_from_dict(event_to_dict(Error(KeyError("x"))))
    assert repr(again.exception) == repr(RuntimeError("KeyError: 'x'"))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "Nothing"},
        {"type": ["TextDelta"]},
        {"type": "TextDelta"},
        {"type": "TextDelta", "index": "x", "delta": 5},
        {"type": "Error"},
        {"type": "NestedEvent", "tool_use_id": "a", "name": "b", "event": None},
    ],
)
def test_what_is_no_event_is_a_value_error(data: Any) -> None:
    with pytest.raises(ValueError):
        event_from_dict(data)
