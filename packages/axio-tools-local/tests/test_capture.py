from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from axio_tools_local import capture as module
from axio_tools_local.capture import Capture, Lines
from axio_tools_local.workspace import Output

CUTS = st.lists(st.integers(1, 7), max_size=40)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    found = []
    for cut in cuts:
        found.append(data[:cut])
        data = data[cut:]
    return [*found, data]


@given(st.text("aé€😀\n\r\x0c\u2028"), CUTS)
def test_lines_do_not_depend_on_how_the_bytes_were_cut(text: str, cuts: list[int]) -> None:
    lines = Lines()
    found = [line for piece in pieces(text.encode(), cuts) for line in lines.feed(piece)]
    found += lines.close()
    assert "".join(found) == text
    assert found == [line + "\n" for line in text.split("\n")[:-1]] + (
        [text.split("\n")[-1]] if not text.endswith("\n") and text else []
    )


@given(st.text("aé€😀\n", max_size=60), st.integers(0, 20), st.integers(4, 20), CUTS)
def test_head_and_tail_are_kept_and_no_character_is_broken(
    text: str, head: int, tail: int, cuts: list[int]
) -> None:
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "HEAD_BYTES", head)
        patch.setattr(module, "TAIL_BYTES", tail)
        capture = Capture()
        found = [p for piece in pieces(data, cuts) for p in capture.feed(Output("stdout", piece))]
        found += capture.close()
    result = "".join(part for _, part in found)
    assert "\ufffd" not in result
    if len(data) <= head + tail - 6:  # a character may be left to the other side of each cut
        assert result == text
    if result != text:
        before, _, rest = result.partition("\n[... ")
        omitted, _, after = rest.partition(" bytes left out ...]\n")
        assert text.startswith(before) and text.endswith(after)
        assert len(before.encode()) + int(omitted) + len(after.encode()) == len(data)


def test_bytes_that_are_not_text_are_replaced() -> None:
    lines = Lines()
    assert [*lines.feed(b"a\xff\0b\n\xc3"), *lines.close()] == ["a\ufffd\ufffdb\n", "\ufffd"]


def test_the_streams_do_not_disturb_each_other() -> None:
    capture = Capture()
    found: list[tuple[str, str]] = []
    for output in (Output("stdout", b"\xc3"), Output("stderr", b"x"), Output("stdout", b"\xa9")):
        found += capture.feed(output)
    found += capture.close()
    assert found == [("stdout", "é"), ("stderr", "x")]
