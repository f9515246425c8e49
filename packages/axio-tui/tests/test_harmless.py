"""Text that a model, a tool or a server wrote cannot steer the terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, strategies as st

from axio_tui.harmless import PlainText, one_line, plain, visible

SEQUENCES = {
    "colour": "\x1b[31mred\x1b[0m",
    "colour, C1": "\x9b31mred\x9bm",
    "window title": "\x1b]0;owned\x07red",
    "hyperlink": "\x1b]8;;http://example.com\x1b\\red\x1b]8;;\x1b\\",
    "title, C1": "\x9d0;owned\x9cred",
    "device control": "\x1bP1$r0m\x1b\\red",
    "character set": "\x1b(0red\x1b(B",
    "reset": "\x1bcred",
    "cursor": "\x1b[2J\x1b[1;1Hred",
    "bells and backspaces": "\x07r\x08ed\x7f\x00",
    "bidirectional": "\u202er\u2066e\u2069d\u202c",
    "invisible": "r\u200b\ufeffe\u2060d\U000e0041",
    "escape twice": "\x1b\x1b[1mred",
}


@pytest.mark.parametrize("text", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_control_sequences_leave_only_the_text(text: str) -> None:
    assert plain(text) == "red"


@pytest.mark.parametrize("text", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_a_sequence_may_be_cut_anywhere(text: str) -> None:
    for cut in range(len(text) + 1):
        filter = PlainText()
        assert filter.feed(text[:cut]) + filter.feed(text[cut:]) == "red"


def test_a_carriage_return_cannot_overwrite_what_stands_in_the_line() -> None:
    assert plain("rm -rf /\rls     \n") == "rm -rf /\nls     \n"
    assert plain("one\r\ntwo\r\n") == "one\ntwo\n"


@pytest.mark.parametrize("start", ["\x1b]0;", "\x1b[", "\x1bP", "\x9d"])
def test_an_unfinished_sequence_swallows_no_more_than_its_line(start: str) -> None:
    assert plain(f"{start}12\nnext line") == "\nnext line"


@pytest.mark.parametrize(
    "text", ["naïve Zürich", "日本語", "👩‍👩‍👧 family", "می‌خواهم", "tab\there\n", "e\u0301"]
)
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_lone_surrogates_can_be_printed() -> None:
    assert plain("a\ud800b").encode() == "a\ufffdb".encode()


@given(st.text(st.characters() | st.sampled_from("\x1b[]\\m;0\x07\x9b\r\n")), st.data())
@example("\x1b]0;x\x1b", None)
def test_nothing_that_controls_a_terminal_ever_comes_out(text: str, data: st.DataObject) -> None:
    whole = plain(text)
    assert all(c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cs") for c in whole)
    if data is not None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
        filter = PlainText()
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert "".join(filter.feed(piece) for piece in pieces) == whole


def test_what_has_to_be_decided_about_is_shown_with_its_hidden_characters() -> None:
    assert visible("ls\u202e\x1b[8m; rm\u200b") == r"ls\u202e\x1b[8m; rm\u200b"
    assert visible("naïve 日本") == "naïve 日本"


def test_one_line_is_one_line_of_bounded_length() -> None:
    assert one_line("  one\n\ttwo\r\nthree ") == "one two three"
    assert one_line("x" * 50, limit=10) == "x" * 10 + "..."
