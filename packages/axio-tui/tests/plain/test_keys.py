"""Keys become lines, and lines that come at once one text."""

from __future__ import annotations

from hypothesis import given, strategies as st

from axio_tui.plain.keys import Typed, joined


def typed(*pieces: bytes) -> tuple[list[str], str]:
    keys = Typed()
    for piece in pieces:
        keys.feed(piece)
    return keys.lines, keys.rest


def test_lines_end_with_return_and_newline_and_the_rest_is_kept() -> None:
    assert typed(b"one\rtwo\nthr") == (["one", "two"], "thr")
    assert typed("grü".encode()[:3], "grü".encode()[3:]) == ([], "grü")


def test_keys_that_edit_do_so_and_others_are_no_text() -> None:
    assert typed(b"ab\x7f\x08c") == ([], "c")
    assert typed(b"one two\x17") == ([], "one")
    assert typed(b"one two\x15x") == ([], "x")
    assert typed(b"\x04a\x1b\x00b") == ([], "ab")


@given(st.text("ab\n\té", max_size=30), st.integers(0, 40))
def test_pieces_may_be_cut_anywhere(text: str, cut: int) -> None:
    data = text.encode()
    assert typed(data[:cut], data[cut:]) == typed(data)
    lines, rest = typed(data)
    assert "\n".join([*lines, rest]) == text


def test_a_paste_is_one_text_whatever_ends_its_lines() -> None:
    assert joined(b"one\r\rthree\r\n") == joined(b"one\n\nthree\n") == "one\n\nthree"
    assert joined(b"caf\xe9\n") == "caf\ufffd"
