"""Lines of a file as bytes. A line ends with a line feed, before which a carriage return may
stand, and with nothing else: the numbers of `read_file` and of `patch_file` are the same."""

from __future__ import annotations


def uses_crlf(data: bytes) -> bool:
    """Whether every line ends with CR LF."""
    ends = data.count(b"\n")
    return ends > 0 and data.count(b"\r\n") == ends


def in_style_of(text: bytes, data: bytes) -> bytes:
    """`text`, with CR LF at the ends of its lines when those of `data` have it.

    Text that has a carriage return of its own is left alone.
    """
    if b"\r" not in text and uses_crlf(data):
        return text.replace(b"\n", b"\r\n")
    return text


def replace_lines(data: bytes, first: int, last: int, content: bytes) -> bytes:
    """`data` with the lines `first` to `last` (from 1, both included) replaced by `content`.

    With `last == first - 1` nothing is replaced, and `content` comes before line `first`. The line
    before `content` and `content` itself get a line end where they lack one. `ValueError` when
    there are no such lines.
    """
    lines = _split(data)
    if first < 1 or first > len(lines) + 1:
        raise ValueError(f"from_line is {first}, but the file has {_count(lines)}")
    if last < first - 1:
        raise ValueError(f"to_line must be >= {first - 1}, got {last}")
    if last > len(lines):
        raise ValueError(f"to_line is {last}, but the file has {_count(lines)}")
    end = b"\r\n" if uses_crlf(data) else b"\n"
    before = b"".join(lines[: first - 1])
    if content:
        content = in_style_of(content, data)
        content += b"" if content.endswith(b"\n") else end
        before += end if before and not before.endswith(b"\n") else b""
    return before + content + b"".join(lines[last:])


def _split(data: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _count(lines: list[bytes]) -> str:
    return f"{len(lines)} line" + ("" if len(lines) == 1 else "s")
