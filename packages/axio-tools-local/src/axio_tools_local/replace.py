"""Replace a text that has to be there, and say where it may be meant when it is not."""

from __future__ import annotations

import difflib

from axio_tools_local.changes import MAX_CHANGED_BYTES
from axio_tools_local.style import Style

_SHOWN_PLACES = 5
_COMPARED_LINES = 20_000
_COMPARED_LENGTH = 300


def replace_text(data: bytes, old: str, new: str, replace_all: bool) -> tuple[bytes, int]:
    """`data` with `old` replaced, and how often; `ValueError`, which says what to do, if not.

    Line feeds in `old` match the CR LF of a file all of whose lines end so.
    """
    style = Style.of(data)
    body = style.body(data)
    wanted = style.piece(old)
    if not wanted:
        raise ValueError("old_text is empty; write_file creates a file")
    if old == new:
        raise ValueError("old_text and new_text are the same; nothing was changed")
    if wanted not in body:
        wanted = style.with_ends(wanted)
    count = body.count(wanted)
    if count == 0:
        raise ValueError(f"old_text was not found. {_hint(body, wanted)}")
    if count > 1 and not replace_all:
        raise ValueError(
            f"old_text stands there {count} times, at {_places(body, wanted, count)}; "
            "give more of the text around it, or set replace_all"
        )
    replacement = style.with_ends(style.piece(new))
    size = len(data) + count * (len(replacement) - len(wanted))
    if size > MAX_CHANGED_BYTES:
        raise ValueError(
            f"the file would have {size} bytes, the limit for a change is {MAX_CHANGED_BYTES}; "
            "nothing was changed"
        )
    return style.mark + body.replace(wanted, replacement), count


def _places(data: bytes, old: bytes, count: int) -> str:
    lines = []
    position = 0
    for _ in range(min(count, _SHOWN_PLACES)):
        position = data.index(old, position) + len(old)
        lines.append(str(data.count(b"\n", 0, position - len(old)) + 1))
    return f"line {', '.join(lines)}{', ...' if count > len(lines) else ''}"


def _hint(data: bytes, old: bytes) -> str:
    """Where something like `old` stands."""
    wanted = [line.strip() for line in old.split(b"\n")]
    while wanted and not wanted[0]:
        del wanted[0]
    while wanted and not wanted[-1]:
        del wanted[-1]
    if not wanted:
        return "It is nothing but white space."
    lines = data.split(b"\n", _COMPARED_LINES)[:_COMPARED_LINES]
    stripped = [line.strip() for line in lines]
    for index in range(len(lines) - len(wanted) + 1):
        end = index + len(wanted)
        if stripped[index:end] == wanted:
            text = _shown(b"\n".join(lines[index:end]))
            return f"Lines {index + 1} to {end} differ from it only in white space:\n{text}"
    candidates = [_shown(line[:_COMPARED_LENGTH]) for line in stripped if line]
    close = difflib.get_close_matches(_shown(wanted[0][:_COMPARED_LENGTH]), candidates, 1)
    if not close:
        return "Nothing in the file is like its first line; read the file again."
    number = [_shown(line[:_COMPARED_LENGTH]) for line in stripped].index(close[0]) + 1
    return f"The line most like its first one is line {number}:\n{close[0]}"


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "replace")
