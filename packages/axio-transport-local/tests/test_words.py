"""How a text is cut into words, and what pieces of it look like."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from axio_transport_local.numerals import numerals
from axio_transport_local.words import context, listed, quoted, shape, split, stems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("open notes.txt, please!", ["open", "notes.txt", "please"]),
        ("what's in (see below) a/b?", ["what's", "in", "see", "below", "a/b"]),
        ("run print(2) or (4+5)/3", ["run", "print(2)", "or", "(4+5)/3"]),
        ("say 'hi there' now", ["say", "hi", "there", "now"]),
        ("a ... b", ["a", "...", "b"]),
        ("", []),
    ],
)
def test_a_word_is_a_piece_between_blanks_without_its_punctuation(
    text: str, words: list[str]
) -> None:
    assert [word.text for word in split(text)] == words


@given(st.text())
def test_every_word_stands_where_it_says(text: str) -> None:
    ends = [0]
    for word in split(text):
        assert text[word.start : word.end] == word.text != ""
        assert ends[-1] <= word.start < word.end <= word.last
        ends.append(word.last)


def test_beside_a_piece_stand_words_punctuation_or_the_ends() -> None:
    words = split("mail Ann: come in")
    assert context(words, 1, 1) == ("mail", ":")
    assert context(words, 2, 3) == (":", "$")
    assert context(words, 0, 0) == ("^", "ann")
    assert context(split("to Elm Street 12345"), 1, 2) == ("to", "<number>")


def test_a_capital_makes_an_article_part_of_a_name() -> None:
    assert context(split("put on The Wall"), 3, 3)[0] == "The"
    assert context(split("The wall"), 1, 1)[0] == "the"


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        ("save 'see you at 5' in \"a b.txt\"", ["see you at 5", "a b.txt"]),
        ("it's Tom's dog, isn't it", []),
        ("“so” he said", ["so"]),
        ("'unclosed", []),
    ],
)
def test_quoted_passages_have_a_beginning_and_a_matching_end(
    text: str, passages: list[str]
) -> None:
    assert [text[start:end] for start, end in quoted(text)] == passages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.b:80/c?d=e", "url"),
        ("x@y.org", "mail"),
        ("1,500.25", "number"),
        ("5%", "number"),
        ("9am", "time"),
        ("2027-01-09", "date"),
        ("1.4.2", "version"),
        ("v7", "version"),
        ("src/a.py", "file"),
        (".env.local", "file"),
        ("/tmp", "folder"),
        ("docs/", "folder"),
        ("LH123", "id"),
        ("release-1.0", "id"),
        ("print('x')", "code"),
        ("12 * 5", "code"),
        ("USD", "CAPS"),
        ("Nina Simone", "Name"),
        ("kitchen", "word"),
        ("two words", "words"),
        (".", "other"),
        ("", "empty"),
        ("a" * 400, "other"),
    ],
)
def test_the_shape_of_a_text(text: str, expected: str) -> None:
    assert shape(text) == expected


@given(st.text(max_size=500))
def test_every_text_has_a_shape(text: str) -> None:
    assert shape(text)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a.txt", ["a.txt"]),
        ("a.txt and b.txt", ["a.txt", "b.txt"]),
        ("a, b, and c", ["a", "b", "c"]),
        ("1; 2 & 3", ["1", "2", "3"]),
    ],
)
def test_the_items_of_an_enumeration(text: str, items: list[str]) -> None:
    assert listed(text) == items


def test_stems_meet_across_endings_and_underscores() -> None:
    assert stems("Listing files") & stems("list_files") == {"list", "fil"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lines 3 to 5", [3, 5]),
        ("1,500 g in 2.50 min", [1500, 2.5]),
        ("-5 degrees, $20 and 25min", [-5, 20, 25]),
        ("LH12 at 12:30 on 2027-01-09, v1.2.3, 1,5", []),
        ("three eggs", [3]),
        ("3 of three", [3]),
        ("no number", []),
    ],
)
def test_numbers_as_people_write_them(text: str, values: list[float]) -> None:
    assert [numeral.value for numeral in numerals(split(text))] == values


@given(st.integers(-(10**9), 10**9))
def test_a_number_is_found_however_it_is_spelled(value: int) -> None:
    for spelling in (f"{value}", f"{value:,}", f"{value}.0", f"{value},"):
        found = numerals(split(f"take {spelling} now"))
        assert [numeral.value for numeral in found] == [value], spelling
