"""Bytes of a terminal: a paste is text up to its end, and no byte is too much."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st
from textual import events

from axio_tui.app.typed import Typed

START, END = b"\x1b[200~", b"\x1b[201~"
PIECES = [START, END[:5], b"\x1b[31m", b"\x1b]0;t\x07", b"\x1b", b"\x11", b"\x00", b"\xe9", b"a\r"]


def told(chunks: Iterable[bytes]) -> list[str]:
    """The keys by their characters, and each paste after a "paste:"."""
    typed = Typed()
    return [
        f"paste:{message.text}"
        if isinstance(message, events.Paste)
        else str(getattr(message, "character", message))
        for chunk in chunks
        for message in typed.feed(chunk)
    ]


def pasted(payload: bytes) -> str:
    text = payload.decode("utf-8", "replace").translate({0: "\ufffd", 0x1B: "\ufffd"})
    return f"paste:{text}"


@given(st.binary(max_size=40), st.lists(st.integers(1, 9), max_size=12))
def test_any_bytes_are_taken_wherever_they_are_cut(data: bytes, sizes: list[int]) -> None:
    chunks = []
    rest = data
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    told([*chunks, rest, START, b"p", END])


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=8).map(b"".join),
    st.lists(st.integers(1, 9), max_size=30),
)
def test_a_paste_is_one_text_wherever_it_is_cut(payload: bytes, sizes: list[int]) -> None:
    payload = payload.replace(END, b"")
    data = b"x" + START + payload + END + b"y"
    if (payload + END).find(END) != len(payload):
        return  # the payload has begun its end by itself
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    assert told([*chunks, data]) == ["x", pasted(payload), "y"]


def test_a_byte_that_is_no_utf8_is_a_replacement_character() -> None:
    assert told([b"a\xffb", "é".encode()[:1], "é".encode()[1:]]) == ["a", "\ufffd", "b", "é"]
    assert told([START + b"caf\xe9" + END]) == ["paste:caf\ufffd"]


def test_two_pastes_in_one_read_are_two() -> None:
    assert told([START + b"1" + END + b"k" + START + END + START + b"2" + END]) == [
        "paste:1",
        "k",
        "paste:",
        "paste:2",
    ]


def test_alt_and_enter_are_one_key_wherever_they_are_cut() -> None:
    typed = Typed()
    keys = [m for piece in (b"a\x1b", b"\rb") for m in typed.feed(piece)]
    assert [getattr(key, "key", key) for key in keys] == ["a", "alt+enter", "b"]


def test_a_terminal_says_what_it_tells_and_that_is_no_key() -> None:
    for answer, tells_all in ((b"\x1b[?1u", True), (b"\x1b[?0u", False), (b"", False)):
        typed = Typed()
        keys = [m for piece in (b"a", answer[:3], answer[3:], b"b") for m in typed.feed(piece)]
        assert [getattr(key, "key", key) for key in keys] == ["a", "b"]
        assert typed.tells_all is tells_all


@pytest.mark.parametrize("cut", range(1, len(START)))
def test_a_paste_that_begins_slowly_is_still_a_text(
    cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("textual._parser.get_time", lambda: now)
    typed = Typed()
    list(typed.feed(START[:cut]))
    now += 60
    given_up = list(typed.tick())
    assert given_up and isinstance(given_up[0], events.Key)
    messages = list(typed.feed(START[cut:] + b"y\x11" + END))
    assert [type(message) for message in messages] == [events.Paste]
    assert getattr(messages[0], "text", None) == "y\x11"
    [key] = typed.feed(b"z")
    assert getattr(key, "character", None) == "z"
