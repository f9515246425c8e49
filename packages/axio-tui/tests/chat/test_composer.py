"""The text of a prompt: pastes, commands and mentions of files."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from axio_tui.chat.clean import clean
from axio_tui.chat.composer import (
    Command,
    Pastes,
    Shell,
    Words,
    mention_at,
    mentions_in,
    parse,
    quoted,
)

FIVE_HUNDRED = "\n".join(map(str, range(1, 501)))
ODD = st.text(st.sampled_from("a1\n\r\x00\x1b\x02\x03\ud800[]: ,paste@\"'\\/!")) | st.text()


def test_a_small_paste_is_text_and_a_large_one_a_placeholder_that_is_sent_whole() -> None:
    pastes = Pastes()
    assert pastes.place("two\nlines") == "two\nlines"
    placeholder = pastes.place(FIVE_HUNDRED)
    assert placeholder == "[paste 1: 500 lines, 1,891 characters]"
    assert pastes.whole(f"see {placeholder}, please") == f"see {FIVE_HUNDRED}, please"


def test_a_long_line_is_a_placeholder_too() -> None:
    pastes = Pastes()
    line = "x" * 1_000_000
    assert pastes.place(line) == "[paste 1: 1 line, 1,000,000 characters]"
    assert pastes.whole(pastes.place(line)) == line


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_each_end_of_a_line_is_a_newline(end: str) -> None:
    assert clean(f"a{end}b{end}{end}c") == "a\nb\n\nc"


@given(ODD)
def test_cleaned_text_can_be_encoded_and_holds_no_control(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not {c for c in cleaned if c < " " or "\x7f" <= c <= "\x9f"} - {"\t", "\n"}
    assert clean(cleaned) == cleaned


@given(st.lists(st.tuples(ODD, ODD.map(lambda text: text * 50 + FIVE_HUNDRED))), ODD)
def test_a_draft_comes_back_with_every_paste(parts: list[tuple[str, str]], end: str) -> None:
    pastes = Pastes()
    text = clean("".join(typed for typed, _ in parts) + end)
    for typed, paste in parts:
        text += clean(typed) + pastes.place(paste, text)
    again = Pastes()
    restored = again.restore(pastes.kept(text))
    assert again.whole(restored) == pastes.whole(text)
    assert all(len(piece) <= 10_000 for piece in restored.split("["))


def test_many_small_pastes_do_not_make_a_text_that_is_too_long_to_be_edited() -> None:
    pastes = Pastes()
    text = ""
    for number in range(1_000):
        text += pastes.place(f"{number} {'x' * 1_000}", text)
    assert len(text) < 60_000
    assert pastes.whole(text).count("x") == 1_000_000


def test_a_text_that_comes_back_after_it_was_sent_has_its_placeholders() -> None:
    pastes = Pastes()
    text = f"see {pastes.place(FIVE_HUNDRED)}"
    whole = pastes.whole(text)
    pastes.sent()
    assert pastes.fold(whole) == text
    pastes.place("x" * 20_000_000)
    pastes.sent()
    assert pastes.whole(text) == text


def test_words_that_only_look_like_a_placeholder_stay_as_they_are() -> None:
    pastes = Pastes()
    typed = "[paste 1: 500 lines, 1,891 characters]"
    assert pastes.whole(typed) == typed
    placed = pastes.place(FIVE_HUNDRED, beside=typed)
    assert pastes.whole(f"{typed} {placed}") == f"{typed} {FIVE_HUNDRED}"


def test_a_placeholder_inside_of_a_paste_is_text() -> None:
    pastes = Pastes()
    first = pastes.place(FIVE_HUNDRED)
    second = pastes.place(f"{first}\n{FIVE_HUNDRED}")
    assert pastes.whole(second) == f"{first}\n{FIVE_HUNDRED}"


def test_a_text_from_an_editor_has_its_pastes_as_placeholders_again() -> None:
    pastes = Pastes()
    text = f"look: {pastes.place(FIVE_HUNDRED)} ok"
    assert pastes.fold(pastes.whole(text)) == text
    written = "\n".join(["a line of mine"] * 100)
    assert pastes.fold(written) == written
    edited = "y" * 50_000 + pastes.whole(text)
    assert pastes.whole(pastes.fold(edited)) == edited
    assert len(pastes.fold(edited)) < 100


@given(st.lists(st.integers(0, 2), min_size=4, max_size=4), st.data())
def test_an_edit_never_leaves_half_a_placeholder(gaps: list[int], data: st.DataObject) -> None:
    pastes = Pastes()
    placeholders = [pastes.place(f"{FIVE_HUNDRED}{n}") for n in range(3)]
    line = "#" * gaps[0] + "".join(
        placeholder + "#" * gap for placeholder, gap in zip(placeholders, gaps[1:], strict=True)
    )
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    first, last = pastes.widen(line, start, end)
    left = f"{line[:first]}x{line[last:]}"
    whole = [left[a:b] for a, b in pastes.spans(left)]
    for placeholder in whole:
        left = left.replace(placeholder, "")
    assert set(left) <= {"#", "x"}
    if start == end:
        assert whole == placeholders


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("!ls -l", Shell("ls -l")),
        ("!!ls -l\n", Shell("ls -l", is_shared=True)),
        ("!", Words("!")),
        ("!!", Words("!!")),
        (" !ls", Words(" !ls")),
        ("/model", Command("model")),
        ("/model  gpt x \n", Command("model", "gpt x")),
        ("/export a b\nc", Command("export", "a b\nc")),
        ("/usr/bin/python is there", Words("/usr/bin/python is there")),
        ("/ what", Words("/ what")),
        ("//quit is a word", Words("/quit is a word")),
        (" /model", Words(" /model")),
        ("look at @calc.py.", Words("look at @calc.py.", ("calc.py",))),
        ("(@a/b.py) and @a/b.py", Words("(@a/b.py) and @a/b.py", ("a/b.py",))),
        ("me@example.org @", Words("me@example.org @")),
        ('@"two words.txt", and', Words('@"two words.txt", and', ("two words.txt",))),
        ("@~/notes @../up", Words("@~/notes @../up", ("~/notes", "../up"))),
    ],
)
def test_the_meaning_of_a_text(text: str, meaning: object) -> None:
    assert parse(text) == meaning


def test_a_paste_is_no_command_and_mentions_nothing() -> None:
    pastes = Pastes()
    for start in ("!rm -r ~", "/quit", "@secret"):
        text = pastes.place(f"{start}\n{FIVE_HUNDRED}")
        assert parse(text) == Words(text)


@given(st.text(st.sampled_from("ab./ \"\\@'é-,")).filter(str.strip))
def test_a_quoted_path_is_read_as_it_was(path: str) -> None:
    assert [m.path for m in mentions_in(f"see {quoted(path)} and")] == [path]


@pytest.mark.parametrize(
    ("text", "path"),
    [("@", ""), ("see @cal", "cal"), ('@"two w', "two w"), ("a@b", None), ("@cal ", None)],
)
def test_the_mention_that_is_being_written(text: str, path: str | None) -> None:
    found = mention_at(text, len(text))
    assert (found and found.path) == path
    if found:
        assert text[found.start] == "@" and found.end == len(text)


def test_reading_a_hostile_text_takes_linear_time() -> None:
    for piece in ("@", '@"', "[paste 1: ", "/a ", "@a,", '@"\\'):
        text = piece * (1_000_000 // len(piece))
        parse(text)
        Pastes().whole(text)
        mention_at(text, len(text))
