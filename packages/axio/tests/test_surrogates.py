"""A character may be cut into halves; what is made of them is text."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from axio.surrogates import Halves, joined

ODD = st.text(st.sampled_from("ab\u00e9\u4e16\U0001f44b\ud83d\ude00\udbff\udc00"), max_size=12)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Gr\u00fc\u00dfe \U0001f44b", "Gr\u00fc\u00dfe \U0001f44b"),
        ("\ud83d\udc4b!", "\U0001f44b!"),
        ("a\ud83d", "a\ufffd"),
        ("\udc4ba", "\ufffda"),
        ("\udc4b\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\udc4b", "\ufffd\U0001f44b"),
    ],
)
def test_halves_that_meet_are_a_character_and_lone_ones_are_replaced(text: str, whole: str) -> None:
    assert joined(text) == whole


@given(st.lists(ODD))
def test_where_the_pieces_are_cut_makes_no_difference(pieces: list[str]) -> None:
    halves = Halves()
    told = [halves.feed(piece) for piece in pieces if piece]
    told.append(halves.flush())
    assert "".join(told) == joined("".join(pieces))
    for text in told:
        text.encode()


def test_nothing_but_a_first_half_is_held_back() -> None:
    halves = Halves()
    assert halves.feed("caf\u00e9") == "caf\u00e9"
    assert halves.feed("a\ud83d") == "a"
    assert halves.held
    assert halves.feed("b") == "\ufffdb"
    assert halves.flush() == ""
