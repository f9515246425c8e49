"""Whose arguments they are, under any index, and other habits of servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.events import Error, StreamEvent, ToolUseStart
from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, StreamError
from axio.types import StopReason, Usage
from axio_transport_anthropic.decode import MessagesDecoder
from support.odd_streams import Seen, calls
from support.pieces import cut

Event = dict[str, Any]
ROME, OSLO = '{"town":"Rome"}', '{"town":"Oslo"}'


def events_of(*sent: Event, stop: str | None = "tool_use") -> list[StreamEvent]:
    end = {"type": "message_delta", "delta": {"stop_reason": stop}}
    decoder = MessagesDecoder()
    body = "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in (*sent, end, {"type": "message_stop"})
    )
    return [*decoder.feed(body.encode()), *decoder.close()]


def seen(*sent: Event, stop: str | None = "tool_use") -> Seen:
    outcome = Seen()
    for event in events_of(*sent, stop=stop):
        outcome.take(event)
        if isinstance(event, Error):
            assert isinstance(event.exception, StreamError)
            outcome.error = event.exception
    return outcome


def begin(usage: Any = None, content: Any = ()) -> Event:
    return {"type": "message_start", "message": {"usage": usage, "content": list(content)}}


def start(index: Any, id: Any = "t", input: Any = None, name: str = "map") -> Event:
    block = {"type": "tool_use", "id": id, "name": name, "input": input or {}}
    return {"type": "content_block_start", "index": index, "content_block": block}


def other(index: int, kind: str, **more: Any) -> Event:
    block = {"type": kind, **more}
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: Any, value: Any, kind: str = "input_json") -> Event:
    field = {"input_json": "partial_json"}.get(kind, kind)
    delta = {"type": f"{kind}_delta", field: value}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def over(index: Any) -> Event:
    return {"type": "content_block_stop", "index": index}


# ── whose arguments they are ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent",
    [
        [start(4), piece(5, ROME), over(4)],
        [start(4), piece(5, ROME[:7]), over(4), piece(5, ROME[7:])],
        [start(4), over(4), piece(9, ROME)],
        [start(0), over(0), piece(0, ROME)],
        [start(4), piece(0, ROME)],
        [other(0, "text", text=""), start(1), piece(0, ROME), over(1)],
        [start("2"), piece("2", ROME), over("2")],
        [start(2.0), piece(2, ROME), over(2.0)],
        [start(0), piece(0, {"town": "Rome"}), over(0)],
        [start(0, input={"town": "Rome"}), over(0)],
        [start(0, input={"town": "Rome"})],
        [start(0, input=ROME), over(0)],
        [start(0, input={"town": "Rome"}), piece(0, ROME), over(0)],
        [start(0), piece(0, None), piece(0, ""), piece(0, ROME), over(0)],
        [start(0), piece(0, "\n", "text"), piece(0, ROME), over(0)],
        [start(0), piece(0, ROME[:5]), start(0), piece(0, ROME), over(0)],
    ],
)
def test_a_call_gets_all_arguments_that_came(sent: list[Event]) -> None:
    outcome = seen(begin(), *sent)
    assert [(name, json.loads(text)) for name, text in calls(outcome)] == [
        ("map", {"town": "Rome"})
    ]
    assert outcome.stop is StopReason.tool_use


@pytest.mark.parametrize(
    "sent",
    [
        [start(0, "a"), piece(0, ROME), over(0), start(1, "b"), piece(0, OSLO), over(1)],
        [start(0, "a"), piece(1, ROME), over(0), start(1, "b"), piece(2, OSLO), over(1)],
        [start(0, "a"), over(0), start(1, "b"), over(1), piece(0, ROME), piece(1, OSLO)],
        [start(0, "a"), start(1, "b"), piece(1, OSLO), piece(0, ROME)],
        [start(0, "a"), piece(0, ROME), over(0), start(0, "b"), piece(0, OSLO), over(0)],
        [start(0, "a"), piece(0, ROME), over(0), start(1, "a"), piece(1, OSLO), over(1)],
        [start(4, "a"), piece(5, ROME), over(4), start(5, "b"), over(5), piece(5, OSLO)],
        [
            *(start(4, "a"), piece(5, ROME[:7]), over(4), start(6, "b"), piece(5, ROME[7:])),
            *(piece(6, OSLO), over(6)),
        ],
    ],
)
def test_two_calls_get_each_its_own(sent: list[Event]) -> None:
    assert calls(seen(begin(), *sent)) == [("map", ROME), ("map", OSLO)]


@pytest.mark.parametrize(
    "sent",
    [
        [start(0, "a"), start(1, "b"), piece(7, ROME)],
        [start(0, "a"), piece(0, ROME), over(0), piece(0, OSLO)],
        [piece(0, ROME)],
        [other(0, "text", text="Hi"), piece(0, ROME), over(0)],
        [start(0, "a"), piece(0, "{"), begin(), other(0, "text", text="Sorry")],
    ],
)
def test_arguments_that_belong_to_no_call_run_none(sent: list[Event]) -> None:
    assert isinstance(seen(begin(), *sent).error, ProtocolError)


@pytest.mark.parametrize("index", [3, 4, 0])
def test_input_of_a_tool_that_runs_elsewhere_is_no_argument_of_ours(index: int) -> None:
    elsewhere = other(3, "server_tool_use", id="s", name="web_search", input={})
    outcome = seen(begin(), elsewhere, piece(index, ROME), over(3), stop="end_turn")
    assert (outcome.calls, outcome.stop, outcome.error) == ({}, StopReason.end_turn, None)


@pytest.mark.parametrize("id", ["", None, 0])
def test_a_call_without_an_id_gets_one(id: Any) -> None:
    first, second = (
        event
        for event in events_of(begin(), start(0, id), start(1, id))
        if isinstance(event, ToolUseStart)
    )
    assert first.tool_use_id and second.tool_use_id and first.tool_use_id != second.tool_use_id


# ── words, counts and reasons ─────────────────────────────────────────────────────────────────


def test_content_that_stands_only_in_the_first_event_is_read() -> None:
    content = [{"type": "text", "text": "Look: "}, start(0, input={"town": "Rome"})]
    content[1] = content[1]["content_block"]
    outcome = seen(begin(content=content))
    assert outcome.text == "Look: "
    assert outcome.arguments() == [{"town": "Rome"}]


@pytest.mark.parametrize("kind", ["text", "thinking"])
def test_halves_of_a_character_are_joined_and_lone_ones_replaced(kind: str) -> None:
    def said(*pieces: str) -> str:
        outcome = seen(begin(), *(piece(0, text, kind) for text in pieces), over(0))
        return outcome.text or outcome.reasoning

    assert said("a\ud83d", "\ude00b") == "a\U0001f600b"
    assert said("a\ud83d", "b") == "a\ufffdb"
    assert said("\ude00", "b\ud83d") == "\ufffdb\ufffd"


@pytest.mark.parametrize(
    ("first", "last", "usage"),
    [
        ({"input_tokens": 8, "output_tokens": 1}, {"output_tokens": 5.0}, Usage(8, 5)),
        ({"input_tokens": "8"}, {"output_tokens": "5"}, Usage(8, 5)),
        ({"input_tokens": 8}, {"input_tokens": 0, "output_tokens": 5}, Usage(8, 5)),
        (
            {"input_tokens": 8, "cache_read_input_tokens": 90},
            {"input_tokens": 7, "cache_read_input_tokens": 0, "output_tokens": 5},
            Usage(7, 5),
        ),
        (
            {"input_tokens": 0, "output_tokens": 0},
            {"input_tokens": 6, "cache_read_input_tokens": 2, "output_tokens": 5},
            Usage(8, 5, 2),
        ),
        ({"input_tokens": True}, {"output_tokens": -5, "input_tokens": "none"}, Usage(0, 0)),
    ],
)
def test_counts_of_all_shapes_are_read_and_zeros_take_nothing_back(
    first: Event, last: Event, usage: Usage
) -> None:
    assert seen(begin(first), {"type": "message_delta", "usage": last}).usage == usage


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("END_TURN", StopReason.end_turn),
        ("MAX_TOKENS", StopReason.max_tokens),
        ("Model_Context_Window_Exceeded", StopReason.max_tokens),
        ("stop", StopReason.end_turn),
        ("length", StopReason.max_tokens),
        ("tool_calls", StopReason.tool_use),
        ("brand_new", StopReason.end_turn),
        ("null", StopReason.end_turn),
    ],
)
def test_a_reason_counts_in_any_spelling_and_an_unknown_one_ends_the_turn(
    reason: str, stop: StopReason
) -> None:
    assert seen(begin(), piece(0, "Hi", "text"), stop=reason).stop is stop


def test_an_unknown_reason_after_a_call_leaves_it_to_be_run() -> None:
    outcome = seen(begin(), start(0), piece(0, ROME), over(0), stop="brand_new")
    assert outcome.stop is StopReason.tool_use


def test_reasons_that_name_a_failure_are_failures() -> None:
    outcome = seen(begin(), piece(0, "Hi", "text"), stop="network_error")
    assert isinstance(outcome.error, ProviderError) and outcome.error.retryable
    outcome = seen(begin(), piece(0, "Hi", "text"), stop="content_filter")
    assert isinstance(outcome.error, ContentFiltered)


# ── servers at random ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Server:
    """How a server counts its blocks, and which of its events it leaves out."""

    first: int  # where it begins to count
    off: int  # by how much the index of pieces is off
    stops: bool  # sends an event at the end of a block
    ids: str  # own, none, same


def sent_by(server: Server, blocks: list[tuple[str, str]], cuts: list[int]) -> Iterator[Event]:
    yield begin()
    for number, (kind, text) in enumerate(blocks):
        index = server.first + number
        if kind == "input_json":
            id = {"own": f"call{number}", "none": "", "same": "call"}[server.ids]
            yield start(index, id, name=f"tool{number % 2}")
        else:
            yield other(index, kind, **{kind: ""})
        for part in cut(text, cuts):
            yield piece(index + server.off, part, kind)
        if server.stops or server.off:
            yield over(index)


@given(
    st.builds(
        Server, st.integers(0, 3), st.sampled_from([0, 0, 1, -1, 40]), st.booleans(),
        st.sampled_from(["own", "none", "same"]),
    ),
    st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["text", "thinking"]),
                st.text(st.sampled_from("ab\u00e9\U0001f600\U0001f601"), min_size=1, max_size=6),
            ),
            st.tuples(
                st.just("input_json"),
                st.text(st.sampled_from('a"\u00e9\U0001f600'), max_size=6).map(
                    lambda town: json.dumps({"town": town}, ensure_ascii=False)
                ),
            ),
        ),
        max_size=5,
    ),
    st.lists(st.integers(0, 30), max_size=4),
)  # fmt: skip
def test_an_answer_is_the_same_from_all_servers(
    server: Server, blocks: list[tuple[str, str]], cuts: list[int]
) -> None:
    server = Server(server.first + (server.off < 0), server.off, server.stops, server.ids)
    outcome = seen(*sent_by(server, blocks, cuts))
    assert outcome.error is None
    assert outcome.text == "".join(text for kind, text in blocks if kind == "text")
    assert outcome.reasoning == "".join(text for kind, text in blocks if kind == "thinking")
    assert calls(outcome) == [
        (f"tool{number % 2}", text)
        for number, (kind, text) in enumerate(blocks)
        if kind == "input_json"
    ]
