"""Results are written for the model: text, blocks and JSON, no Python."""

from __future__ import annotations

import datetime
import json
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, strategies as st

from axio.blocks import ContentBlock, ImageBlock, TextBlock, ToolUseBlock
from axio.exceptions import GuardError, HandlerError
from axio.results import as_content, as_text, words_of
from axio.schema import json_value
from axio.tool import Tool

PICTURE = ImageBlock("image/png", b"\x89PNG")


class Mood(StrEnum):
    calm = "calm"


class Size(Enum):
    small = 1


class Spot(NamedTuple):
    x: int
    y: int


@dataclass
class Parcel:
    weight: float
    tags: set[str] = field(default_factory=set)
    sent: datetime.date | None = None
    number: int = field(default=7, init=False)


class Invoice(pydantic.BaseModel):
    total: Decimal
    due: datetime.date = pydantic.Field(alias="dueDate")


class Reading(msgspec.Struct):
    at: datetime.date
    values: set[str]


DAY = datetime.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("plain ✓", "plain ✓"),
        ("", ""),
        (None, ""),
        (Mood.calm, "calm"),
        (True, "true"),
        (3, "3"),
        (2.5, "2.5"),
        (float("nan"), "nan"),
        ({"a": [1, None, "ä"]}, '{"a": [1, null, "ä"]}'),
        ((1, "b"), '[1, "b"]'),
        ([], "[]"),
        (deque([1]), "[1]"),
        ({"b", "a"}, '["a", "b"]'),
        ({}, "{}"),
        ({1: "x", False: "y"}, '{"1": "x", "false": "y"}'),
        ({None: 1, 2.5: 2}, '{"null": 1, "2.5": 2}'),
        ({Mood.calm: Size.small}, '{"calm": 1}'),
        (OrderedDict(a=1), '{"a": 1}'),
        (MappingProxyType({"a": 1}), '{"a": 1}'),
        ({"a": 1}.keys(), '["a"]'),
        ({"a": 1}.values(), "[1]"),
        (DAY, "2026-03-01"),
        ([DAY], '["2026-03-01"]'),
        (PurePosixPath("a/b"), "a/b"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (b"raw text", "raw text"),
        ({"out": b"text"}, '{"out": "text"}'),
        (Spot(1, 2), '{"x": 1, "y": 2}'),
        (
            Parcel(1, {"b", "a"}, DAY),
            '{"weight": 1, "tags": ["a", "b"], "sent": "2026-03-01", "number": 7}',
        ),
        (
            [Invoice(total=Decimal("1.5"), dueDate=DAY)],
            '[{"total": "1.5", "dueDate": "2026-03-01"}]',
        ),
        ({"r": Reading(DAY, {"b", "a"})}, '{"r": {"at": "2026-03-01", "values": ["a", "b"]}}'),
        (KeyError("k"), "'k'"),
    ],
)
def test_a_result_is_text_or_json(value: object, content: str) -> None:
    assert as_content(value) == content
    assert type(as_content(value)) is str


def test_parts_without_a_form_in_json_are_told_by_their_str() -> None:
    class Odd:
        def __str__(self) -> str:
            return "an odd thing"

    assert as_content(Odd()) == "an odd thing"
    assert as_content({"it": Odd(), "far": float("inf")}) == '{"it": "an odd thing", "far": "inf"}'


def test_what_json_cannot_hold_at_all_is_told_by_its_str() -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    assert as_content(endless) == "[1, [...]]"
    assert as_content({(1, 2): 3}) == "{(1, 2): 3}"
    assert as_content({1: "x", "1": "y"}) == "{1: 'x', '1': 'y'}"


def test_blocks_are_taken_as_they_are_in_a_list_of_the_result_s_own() -> None:
    blocks: list[ContentBlock] = [TextBlock("seen"), PICTURE]
    content = as_content(blocks)
    assert content == blocks
    assert content is not blocks
    assert as_content(PICTURE) == [PICTURE]
    assert as_content((PICTURE,)) == [PICTURE]


def test_blocks_that_no_result_may_hold_become_text() -> None:
    call = ToolUseBlock("c1", "greet", {"name": "Ann"})
    expected = {"id": "c1", "name": "greet", "input": {"name": "Ann"}}
    content = as_content([TextBlock("x"), call])
    assert isinstance(content, str)
    assert json.loads(content) == [{"text": "x"}, expected]


def test_the_text_of_a_result_leaves_its_media_out() -> None:
    assert as_text("plain") == "plain"
    assert as_text([TextBlock("one"), PICTURE, TextBlock("two")]) == "one\ntwo"
    assert as_text([PICTURE]) == ""


keys = st.text("xyz") | st.integers(-3, 3) | st.booleans() | st.none() | st.dates()
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=4)
    | st.dates()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.timedeltas()
    | st.complex_numbers()
    | st.sampled_from([Mood.calm, Size.small, object, len, Spot(1, 2)])
)
anything = st.recursive(
    leaves | st.builds(Parcel, st.floats(0, 9)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.frozensets(leaves, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(anything)
def test_every_value_has_a_text_and_containers_are_json(value: object) -> None:
    content = as_content(value)
    assert isinstance(content, str)
    if isinstance(value, (list, tuple, frozenset, dict, Parcel)):
        json.loads(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_data_comes_through_unchanged(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        with pytest.raises(TypeError, match="cannot hold a float"):
            json_value(value)
    else:
        assert json_value(value) == value
        content = as_content(value)
        assert isinstance(value, str) or value is None or json.loads(str(content)) == value


async def _told(error: BaseException) -> str:
    async def fail() -> None:
        raise error

    with pytest.raises(HandlerError) as caught:
        await Tool("fail", fail)()
    return words_of(caught.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("k"), "KeyError: 'k'"),
        (ValueError("no good"), "ValueError: no good"),
        (RuntimeError(), "RuntimeError"),
        (HandlerError("say it so"), "say it so"),
        (HandlerError(), "HandlerError"),
        (HandlerError("None"), "None"),
    ],
)
async def test_an_error_of_a_handler_is_told_with_its_class(error: Exception, words: str) -> None:
    assert await _told(error) == words
    assert words_of(error) == words


def test_errors_of_other_classes_are_told_with_their_class() -> None:
    class NotFound(HandlerError):
        pass

    assert words_of(NotFound("no such file")) == "NotFound: no such file"
    assert words_of(GuardError("denied")) == "GuardError: denied"
    assert words_of(GuardError()) == "GuardError"


def test_words_of_its_own_are_kept_beside_a_cause() -> None:
    error = HandlerError("Field 'it' is not valid: too old")
    error.__cause__ = ValueError("too old")
    assert words_of(error) == "Field 'it' is not valid: too old"
    refused = GuardError("'oops'")
    refused.__cause__ = KeyError("oops")
    assert words_of(refused) == "GuardError: KeyError: 'oops'"


def test_an_error_that_cannot_say_anything_is_told_by_its_class() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert words_of(Mute()) == "Mute"
