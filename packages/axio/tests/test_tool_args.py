from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.events import ToolFieldDelta, ToolFieldEnd, ToolFieldStart
from axio.tool_args import ESCAPES, State, ToolArgStream, ToolFieldEvent


def start(key: str) -> ToolFieldStart:
    return ToolFieldStart(0, "c", key)


def delta(key: str, text: str) -> ToolFieldDelta:
    return ToolFieldDelta(0, "c", key, text)


def end(key: str) -> ToolFieldEnd:
    return ToolFieldEnd(0, "c", key)


def field(key: str, text: str) -> list[ToolFieldEvent]:
    return [start(key), delta(key, text), end(key)] if text else [start(key), end(key)]


def feed(chunks: Iterable[str]) -> list[ToolFieldEvent]:
    stream = ToolArgStream("c")
    return [event for chunk in chunks for event in stream.feed(chunk)]


def joined(events: list[ToolFieldEvent]) -> list[ToolFieldEvent]:
    """The events with the deltas between two others put together."""
    made: list[ToolFieldEvent] = []
    for event in events:
        last = made[-1] if made else None
        if isinstance(event, ToolFieldDelta) and isinstance(last, ToolFieldDelta):
            made[-1] = delta(event.key, last.text + event.text)
        else:
            made.append(event)
    return made


CASES: dict[str, list[ToolFieldEvent]] = {
    "{}": [],
    " \n{ } trailing": [],
    '{"a": "x"}': field("a", "x"),
    '{"a": ""}': field("a", ""),
    '{"a":"x","b":"y"}': field("a", "x") + field("b", "y"),
    '{"a": 12 , "b": -1.5e3}': field("a", "12") + field("b", "-1.5e3"),
    '{"a": true, "b": null, "c": false}': (
        field("a", "true") + field("b", "null") + field("c", "false")
    ),
    '{"a": {"b": [1, {"c": "}]\\"" }]}, "d": []}': (
        field("a", '{"b": [1, {"c": "}]\\"" }]}') + field("d", "[]")
    ),
    r'{"a": "\"\\\/\b\f\n\r\t"}': field("a", '"\\/\b\f\n\r\t'),
    r'{"a": "\u00e9\u4e2d\uD83D\uDE00"}': field("a", "é中😀"),
    r'{"a": "\q\x"}': field("a", "qx"),
    r'{"k\n\u00e9\ud83d\ude00": 1}': field("k\né😀", "1"),
    '{"é😀": "中"}': field("é😀", "中"),
    # Half a pair, alone or in the wrong order, stands for nothing.
    r'{"a": "\ud83d"}': field("a", "\ufffd"),
    r'{"a": "\ud83dx"}': field("a", "\ufffdx"),
    r'{"a": "\ud83d\n"}': field("a", "\ufffd\n"),
    r'{"a": "\ud83d\ud83d\ude00"}': field("a", "\ufffd😀"),
    r'{"a": "\ude00\ud83d"}': field("a", "\ufffd\ufffd"),
    r'{"\ude00": 1}': field("\ufffd", "1"),
    # The halves of a pair that a provider cut in two come unescaped.
    '{"a": "\ud83d\ude00", "b": ["\ud83d\ude00\ud83d"]}': (
        field("a", "😀") + field("b", '["😀\ufffd"]')
    ),
    '{"a": "\ud83d\\ude00"}': field("a", "😀"),
    # Broken escapes.
    r'{"a": "\u12G4"}': field("a", "\ufffdG4"),
    r'{"a": "\u"}': field("a", "\ufffd"),
    r'{"a": "\ud83d\u12"}': field("a", "\ufffd\ufffd"),
    # Things that are no JSON.
    '{"a":}': field("a", ""),
    '{"a":,"b":1}': field("a", "") + field("b", "1"),
    '{"a" "b": 1}': field("a", "1"),
    '{, , "a": 1,}': field("a", "1"),
    '{"a": tru"e, "b": ]}': field("a", 'tru"e') + field("b", "]"),
    '{"a": "line\nbreak"}': field("a", "line\nbreak"),
    "[1, 2]": [],
    '[{"a": 1}]': [],
    '"text"': [],
    "12": [],
    "null": [],
    "": [],
    "]": [],
}


@pytest.mark.parametrize("text", CASES)
def test_whole_and_character_by_character_give_the_same_fields(text: str) -> None:
    assert feed([text]) == CASES[text]
    assert joined(feed(text)) == CASES[text]


@pytest.mark.parametrize("text", CASES)
def test_every_cut_in_two_gives_the_same_fields(text: str) -> None:
    for cut in range(len(text) + 1):
        assert joined(feed([text[:cut], text[cut:]])) == CASES[text], cut


@pytest.mark.parametrize("text", CASES)
def test_any_beginning_can_be_all_that_comes(text: str) -> None:
    for cut in range(len(text)):
        for event in feed([text[:cut]]):
            event.key.encode()


def test_a_key_starts_at_its_colon_and_a_value_ends_when_complete() -> None:
    stream = ToolArgStream("c")
    assert stream.feed('{"pa') == []
    assert stream.feed('th" ') == []
    assert stream.feed(": ") == [start("path")]
    assert stream.feed('"a') == [delta("path", "a")]
    assert stream.feed('b"') == [delta("path", "b"), end("path")]
    assert stream.feed(', "n": 1') == [start("n"), delta("n", "1")]
    assert stream.feed("2}") == [delta("n", "2"), end("n")]


def test_deltas_of_one_feed_are_one() -> None:
    assert feed(['{"a": "x\\ny\\u0041z"}']) == field("a", "x\nyAz")


def test_current_key_stays_after_the_end_of_its_field() -> None:
    stream = ToolArgStream("c")
    assert stream.current_key == ""
    stream.feed('{"a": 1')
    assert stream.current_key == "a"
    stream.feed(', "b": {"inner": 2}}')
    assert stream.current_key == "b"


def test_done_is_the_end_of_the_outermost_object() -> None:
    stream = ToolArgStream("c")
    seen = []
    for chunk in ('{"a": {"b": "}"}', "}", '{"c": 1}'):
        events = stream.feed(chunk)
        seen.append(stream.done)
    assert seen == [False, True, True]
    assert events == []


@pytest.mark.parametrize("text", ["[]", '"}"', "1}", "{", ""])
def test_what_is_no_object_is_never_done(text: str) -> None:
    stream = ToolArgStream("c")
    stream.feed(text)
    assert not stream.done


def test_events_carry_index_and_id() -> None:
    events = ToolArgStream("call_7", 3).feed('{"a": 1}')
    assert events == [
        ToolFieldStart(3, "call_7", "a"),
        ToolFieldDelta(3, "call_7", "a", "1"),
        ToolFieldEnd(3, "call_7", "a"),
    ]
    assert ToolArgStream("c", index=2).feed('{"a":')[0].index == 2


def test_states_are_ten_from_init_to_uesc() -> None:
    assert [state.value for state in State] == list(range(10))
    assert (State.INIT, State.UESC) == (0, 9)
    assert ESCAPES["n"] == "\n"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def cuts(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def objects(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    value = draw(st.dictionaries(st.text(max_size=6), json_values, max_size=4))
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    )
    return value, cuts(draw, text)


@given(objects())
def test_the_fields_of_any_object_come_out_as_they_went_in(
    example: tuple[dict[str, Any], list[str]],
) -> None:
    value, chunks = example
    stream = ToolArgStream("c")
    texts: dict[str, str] = {}
    ended: list[str] = []
    for chunk in chunks:
        for event in stream.feed(chunk):
            match event:
                case ToolFieldStart(key=key):
                    texts[key] = ""
                case ToolFieldDelta(key=key, text=text):
                    assert text
                    texts[key] += text
                case ToolFieldEnd(key=key):
                    ended.append(key)
    assert stream.done
    assert list(texts) == ended == list(value)
    assert {k: t if isinstance(value[k], str) else json.loads(t) for k, t in texts.items()} == value


@st.composite
def scraps(draw: st.DrawFn) -> tuple[str, list[str]]:
    pieces = st.sampled_from(
        [*'{}[]":,\\ \nabu0', '{"', '":', "\\u", "d83d", "de00", "\ud83d", "\ude00", "é", "😀"]
    )
    text = draw(st.sampled_from(["", '{"a":'])) + "".join(draw(st.lists(pieces, max_size=30)))
    return text, cuts(draw, text)


@given(scraps())
def test_any_text_cut_anywhere_gives_the_same_harmless_events(
    example: tuple[str, list[str]],
) -> None:
    text, chunks = example
    events = feed(chunks)
    assert joined(events) == joined(feed([text]))
    for event in events:
        event.key.encode()
        if isinstance(event, ToolFieldDelta):
            event.text.encode()


def test_the_work_for_a_character_does_not_grow_with_the_text() -> None:
    """Counted in calls of Python functions, which unlike seconds are the same on every machine."""

    def calls(size: int) -> int:
        text = json.dumps({"path": "x", "content": "a" * size, "nested": ["b" * size]})
        stream = ToolArgStream("c")
        count = 0

        def profile(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += 1

        sys.setprofile(profile)
        try:
            for at in range(0, len(text), 20):
                stream.feed(text[at : at + 20])
        finally:
            sys.setprofile(None)
        return count

    small, large = calls(5_000), calls(50_000)
    assert large < 10.5 * small
