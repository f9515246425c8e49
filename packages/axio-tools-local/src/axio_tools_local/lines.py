"""Lines of a file as bytes. A line ends with a line feed, before which a carriage return may
stand, and with nothing else: the numbers of `read_file` and of `patch_file` are the same."""

from __future__ import annotations

from axio_tools_local.style import Style


def replace_lines(data: bytes, first: int, last: int, content: str) -> bytes:
    """`data` with the lines `first` to `last` (from 1, both included) replaced by `content`.

    With `last == first - 1` nothing is replaced, and `content` comes before line `first`. The line
    before `content` and `content` itself get a line end where they lack one. `ValueError` when
    there are no such lines, or when the text cannot be put into this file.
    """
    style = Style.of(data)
    body = style.body(data)
    count = body.count(b"\n") + (not body.endswith(b"\n") and body != b"")
    if first < 1:
        raise ValueError(f"from_line must be >= 1, got {first}")
    if last < first - 1:
        raise ValueError(f"to_line must be >= {first - 1}, got {last}")
    if last > count:
        lines = "1 line" if count == 1 else f"{count} lines"
        raise ValueError(f"lines {first} to {last} are meant, but the file has {lines}")
    start = _end_of(body, first - 1, 0)
    end = _end_of(body, last - first + 1, start)
    return style.mark + _joined(style, body[:start], style.piece(content), body[end:])


def _joined(style: Style, before: bytes, piece: bytes, after: bytes) -> bytes:
    if piece:
        line_end = style.with_ends(b"\n")
        piece = style.with_ends(piece)
        piece += b"" if piece.endswith(b"\n") else line_end
        before += line_end if before and not before.endswith(b"\n") else b""
    return before + piece + after


def _end_of(data: bytes, lines: int, start: int) -> int:
    """Where so many lines from `start` on end; found by halving, without a list of all lines."""
    end = len(data)
    if lines == 0:
        return start
    if data.count(b"\n", start) < lines:  # the last one has no line feed
        return end
    while end - start > 1:
        middle = (start + end) // 2
        passed = data.count(b"\n", start, middle)
        if passed < lines:
            start, lines = middle, lines - passed
        else:
            end = middle
    return end
