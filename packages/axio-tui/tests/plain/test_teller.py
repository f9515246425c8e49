"""A conversation is told in lines that are never rewritten, and nothing in it steers a terminal."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, strategies as st

from axio.blocks import ImageBlock
from axio.events import (
    Error,
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.types import StopReason, Usage
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.entries import Entry, Failure, Media, Note, Reasoning, Text, ToolCall, User
from axio_tui.plain.teller import Teller

USAGE = Usage(10, 5)
DONE = SessionEndEvent(StopReason.end_turn, USAGE)


def call(id: str, name: str, output: str, **arguments: object) -> list[StreamEvent]:
    return [
        ToolUseStart(0, id, name),
        ToolInputDelta(0, id, json.dumps(arguments)),
        IterationEnd(1, StopReason.tool_use, USAGE),
        ToolResult(id, name, False, output, arguments),
    ]


def answer(*pieces: str) -> list[StreamEvent]:
    return [*(TextDelta(0, piece) for piece in pieces), IterationEnd(2, StopReason.end_turn, USAGE)]


def told(events: Iterable[StreamEvent], at: Sequence[bool] | None = None) -> str:
    """All that is printed of a run, looked at after some of its events."""
    conversation, teller, text = Conversation(), Teller(), ""
    conversation.say("go")
    for number, event in enumerate(events):
        conversation.feed(event)
        if at is None or at[number % len(at)]:
            text += teller.tell(conversation.entries)
    conversation.close()
    return text + teller.tell(conversation.entries, over=True)


RUN = [
    *answer("I look")[:1],
    *call("a", "look", "one\ntwo", path="x"),
    *answer("It has ", "two lines:\n\n", "- one\n- t", "wo\n"),
    DONE,
]
WHOLE = """\
you: go
axio: I look
tool: look(path="x")
  | one
  | two
axio: It has two lines:

- one
- two
"""


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_it_reads_the_same_whenever_it_is_looked_at(at: list[bool]) -> None:
    assert told(RUN, at) == WHOLE


def test_a_line_of_an_answer_is_told_when_it_is_complete() -> None:
    teller = Teller(start=1)
    user = User("go")
    assert teller.tell([user, Text("One.\nTw")]) == "axio: One.\n"
    assert teller.tell([user, Text("One.\nTwo.")]) == ""
    assert teller.tell([user, Text("One.\nTwo.\nThr")]) == "Two.\n"
    assert teller.tell([user, Text("One.\nTwo.\nThree.")], over=True) == "Three.\n"


def test_who_speaks_is_told_with_the_first_word() -> None:
    teller = Teller(start=1)
    assert teller.tell([User("go"), Text("O")]) == "axio: "
    assert teller.break_line() == "\n", "before something else is printed"
    assert teller.tell([User("go"), Text("One.")], over=True) == "One.\n"


def test_a_call_is_told_when_it_is_complete_and_once() -> None:
    teller = Teller(start=0)
    writing = ToolCall("a", "look", {}, "writing", draft='{"pa')
    assert teller.tell([writing]) == ""
    running = ToolCall("a", "look", {"path": "x"}, "running")
    assert teller.tell([running]) == 'tool: look(path="x")\n'
    assert teller.tell([running]) == ""
    done = ToolCall("a", "look", {"path": "x"}, "done", "seen")
    assert teller.tell([done]) == "  | seen\n"
    assert teller.tell([done], over=True) == ""


def test_a_call_that_only_sets_the_line_of_status_is_told_if_it_fails() -> None:
    done = ToolCall("a", "status_line", {"message": "reading"}, "done", "ok")
    assert Teller(start=0).tell([done], over=True) == ""
    failed = ToolCall("a", "status_line", {}, "failed", "no message")
    assert "status_line()" in Teller(start=0).tell([failed], over=True)


def test_results_that_come_in_another_order_say_whose_they_are() -> None:
    teller = Teller()
    calls = [ToolCall(id, "look", {"path": id}, "running") for id in "ab"]
    assert teller.tell(calls) == 'tool: look(path="a")\ntool: look(path="b")\n'
    calls[1] = ToolCall("b", "look", {"path": "b"}, "done", "two")
    assert teller.tell(calls) == "  | two\n"
    calls[0] = ToolCall("a", "look", {"path": "a"}, "failed", "gone")
    assert teller.tell(calls) == 'tool: result of look(path="a")\n  ! gone\n'


@pytest.mark.parametrize("when", [True, False])
def test_a_call_that_is_asked_about_is_told_whole_and_once(when: bool) -> None:
    entries: list[Entry] = [User("go"), ToolCall("a", "look", {"path": "x"}, "running")]
    teller = Teller(start=1)
    first = teller.tell(entries) if when else ""
    assert first + str(teller.tell_call(entries, "a", None)) == 'tool: look(path="x")\n'
    assert teller.tell(entries) == ""
    assert teller.tell_call(entries, "other", None) is None
    long: list[Entry] = [ToolCall("b", "look", {"path": "x" * 1000}, "running")]
    teller = Teller()
    assert "1,002 characters" in teller.tell(long)
    assert "x" * 1000 in str(teller.tell_call(long, "b", None)), "cut lines are told again"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Here it is:\none\ntwo", "(the answer is the output above)\n"),
        ("Here it is:\n\none\ntwo\n", "(the answer is the output above)\n"),
        ("Here it is:\none\ntwo and more", "Here it is:\none\ntwo and more\n"),
        ("one\ntwo", "one\ntwo\n"),
        ("Two lines.", "Two lines.\n"),
    ],
)
@given(cuts=st.lists(st.integers(1, 8), max_size=8))
def test_an_answer_that_only_repeats_an_output_is_not_printed_again(
    said: str, shown: str, cuts: list[int]
) -> None:
    pieces, rest = [], said
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    text = told([*call("a", "look", "one\ntwo"), *answer(*pieces, rest), DONE])
    assert text.endswith(f"  | two\naxio: {shown}")


def test_an_answer_that_breaks_off_is_told_to_its_end_with_the_reason() -> None:
    failed: list[StreamEvent] = [TextDelta(0, "One.\nTw"), Error(RuntimeError("the line is dead"))]
    text = told([*failed, SessionEndEvent(StopReason.error, USAGE)])
    assert text == "you: go\naxio: One.\nTw\naxio: error: the line is dead\n"
    half = [*failed[:1], ToolUseStart(1, "a", "look"), *failed[1:]]
    text = told([*half, SessionEndEvent(StopReason.error, USAGE)])
    assert text == "you: go\naxio: One.\nTw\naxio: error: the line is dead\n"


def test_words_on_the_screen_are_not_said_again() -> None:
    teller = Teller()
    teller.on_screen()
    assert teller.tell([User("typed"), User("queued")], over=True) == "you: queued\n"


# ── texts of others ───────────────────────────────────────────────────────────────────────────

HARMFUL = [
    "[/]", "[red]", "{}", "%s", "\r", "\x00", "\x9b1m", "\ud800", "\u202e", "\u200b", "a\u0301",
    "\x1b[2J", "\x1b]0;t\x07", "\x1b]52;c;aGk=\x07", "\x1b]8;;http://x\x07y\x1b]8;;\x07",
]  # fmt: skip
words = st.lists(st.sampled_from(HARMFUL) | st.text(max_size=6), max_size=6).map("".join)


def entries_of(text: str) -> list[Entry]:
    return [
        User(text, (ImageBlock("image/png", b"x"),)),
        Reasoning(text, 1.0),
        Text(text),
        ToolCall("a", text or "t", {text: text, "b": [text]}, "done", text),
        ToolCall("c", "look", {}, "failed", text),
        Media(ImageBlock("image/png", b"x")),
        Failure(text, text),
        Note("cancelled", text),
        Note(text or "kind", text),
    ]


@given(words)
def test_no_text_of_others_steers_the_terminal(text: str) -> None:
    shown = Teller().tell(entries_of(text), over=True)
    for character in shown.replace("\n", "").replace("\t", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs"), repr(character)
        assert character not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff"


def test_many_combining_marks_are_text_like_any_other() -> None:
    marks = "a" + "\u0301" * 100_000
    shown = Teller().tell(entries_of(marks), over=True)
    assert "\u0301" in shown and shown.endswith("\n")
