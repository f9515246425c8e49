"""An entry of the transcript as rows. Pure; texts of a model, which grow, are in `items`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment

from axio_tui.app.look import Look
from axio_tui.app.wrap import Row, row_of, wrapped
from axio_tui.chat.entries import (
    Entry,
    Failure,
    Media,
    MediaBlock,
    Note,
    Reasoning,
    Text,
    ToolCall,
    User,
)
from axio_tui.harmless import one_line, plain

__all__ = (
    "View",
    "argument_of",
    "entry_rows",
    "in_short",
    "seconds_of",
    "shortened",
    "value_lines",
)

_FIRST = (
    "command",
    "file_path",
    "path",
    "filename",
    "directory",
    "pattern",
    "query",
    "url",
    "task",
)
_LINES = 200
"""Lines of a result, or of the end of a running output, that are shown in an opened call."""
_SHELL_LINES = 10  # of its beginning, and of its end
_PROMPT_LINES = 30
_ARGUMENT_LINES = 40

_NOTES = {
    "cancelled": "Stopped.",
    "max_iterations": "Stopped: the model was asked as often as is allowed for one prompt.",
    "approval": "Stopped: a call waits to be approved.",
    "crash": "Stopped: the program ended in the middle.",
    "compacted": "Shortened",
}


@dataclass(frozen=True, slots=True)
class View:
    """How an entry is looked at. `seconds` is how long its tool works by now, `agents` a line for
    each agent that works for it."""

    look: Look
    width: int
    is_open: bool = False
    seconds: float | None = None
    agents: Sequence[str] = ()


def entry_rows(entry: Entry, view: View) -> list[Row]:
    """The rows of an entry that is no text of the model."""
    match entry:
        case User():
            return _user(entry, view)
        case Reasoning():
            return _reasoning(entry, view)
        case ToolCall():
            return _call(entry, view)
        case Failure():
            return _failure(entry, view)
        case Note(kind="shell", text=text):
            lines = plain(text).split("\n")
            if not view.is_open:
                lines = shortened(lines, _SHELL_LINES, _SHELL_LINES, "Enter shows all")
            return _lines(lines, view, "dim")
        case Note(kind=kind, text=text):
            words = _NOTES.get(kind, one_line(kind, 60) if kind != "system" else "")
            said = " ".join(part for part in (words, one_line(text, 2_000)) if part)
            return _lines([said], view, "dim", "emphasis")
        case Media(block=block):
            return _lines([in_short(block)], view, "dim")
        case Text(text=text):
            return _lines(plain(text).split("\n"), view)


def _lines(lines: Sequence[str], view: View, *names: str, indent: str = "") -> list[Row]:
    style = view.look("base", *names)
    before = [Segment(indent, style)] if indent else []
    rows: list[Row] = []
    for line in lines:
        pieces = [Segment(line.expandtabs(4), style)]
        rows += wrapped(pieces, view.width, view.look("base"), first=before)
    return rows


def _user(entry: User, view: View) -> list[Row]:
    lines = plain(entry.text).split("\n")
    if not view.is_open:
        lines = shortened(lines, _PROMPT_LINES, 0, "Enter shows all")
    lines += [in_short(block) for block in entry.unnamed]
    return _lines(lines, view, "user")


def in_short(block: MediaBlock) -> str:
    """A picture or the like in one line."""
    return f"[{one_line(block.media_type, 60)}, {len(block.data):,} bytes]"


def shortened(lines: Sequence[str], first: int, last: int, how: str) -> list[str]:
    """The first and the last of many lines, and how many there are between."""
    if len(lines) <= first + last + 1:
        return list(lines)
    told = f"[{len(lines) - first - last:,} more lines: {how}]"
    return [*lines[:first], told, *lines[len(lines) - last :]]


def seconds_of(seconds: float | None) -> str:
    """A time in a few signs; "" for none."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _head(view: View) -> str:
    return view.look.glyph("opened" if view.is_open else "closed") + " "


def _reasoning(entry: Reasoning, view: View) -> list[Row]:
    time = seconds_of(entry.seconds)
    rows = _lines([f"{_head(view)}thought{f' for {time}' if time else ''}"], view, "dim")
    if view.is_open:
        rows += _lines(plain(entry.text).split("\n"), view, "dim", "emphasis", indent="  ")
    return rows


def _failure(entry: Failure, view: View) -> list[Row]:
    rows = _lines([f"Error: {one_line(entry.text, 4_000)}"], view, "error")
    if entry.lost:
        lost = plain(entry.lost).split("\n")
        if not view.is_open:
            lost = shortened(lost, 0, 6, "Enter shows all")
        rows += _lines(["Not kept:", *lost], view, "dim", indent="  ")
    return rows


# ── calls ─────────────────────────────────────────────────────────────────────────────────────────


def argument_of(input: Mapping[str, Any]) -> str:
    """The argument that says most about a call, in one line."""
    name = next((name for name in _FIRST if name in input), None)
    value = input[name] if name else next(iter(input.values()), "")
    return one_line(value if isinstance(value, str) else json.dumps(value, default=str), 500)


def _status(call: ToolCall, view: View) -> str:
    time = seconds_of(call.seconds if call.seconds is not None else view.seconds)
    status = "" if call.status == "done" and time else call.status
    parts = (status, time, one_line(call.decision, 200))
    return f" {view.look.glyph('dot')} ".join(part for part in parts if part)


def _call(call: ToolCall, view: View) -> list[Row]:
    look = view.look
    name = one_line(call.name, 60)
    status = _status(call, view)
    argument = argument_of(call.input)
    room = view.width - cell_len(name) - cell_len(status) - 6
    if cell_len(argument) > room:
        argument = argument[: max(0, room - 3)] + look.glyph("more") if room > 3 else ""
    style = {"failed": "error", "running": "warning", "writing": "warning"}.get(call.status, "dim")
    pieces = [
        Segment(_head(view), look("base", "dim")),
        Segment(name, look("base", "tool")),
        Segment(f"  {argument}" if argument else "", look("base")),
        Segment(f"  {status}", look("base", style)),
    ]
    rows = [row_of(pieces, view.width, look("base"))]
    for line in view.agents:
        rows += _lines([f"{look.glyph('branch')} {line}"], view, "dim", indent="  ")
    return rows + _opened(call, view) if view.is_open else rows


def _opened(call: ToolCall, view: View) -> list[Row]:
    """The arguments of the call, what it puts out, and its result."""
    rows: list[Row] = []
    if call.draft:
        rows += _lines(plain(call.draft).split("\n")[-_LINES:], view, "dim", indent="  ")
    for name, lines in value_lines(call.input):
        shown = shortened(lines, _ARGUMENT_LINES, 0, "f shows all")
        if len(lines) == 1:
            rows += _lines([f"{name}: {lines[0]}"], view, indent="  ")
        else:
            rows += _lines([f"{name}:"], view, indent="  ")
            rows += _lines(shown, view, indent="    ")
    if call.output:
        rows += _lines(plain(call.output).split("\n")[-_LINES:], view, "dim", indent="  ")
    if call.result:
        half = _LINES // 2
        lines = shortened(plain(call.result).split("\n"), half, half, "f shows all")
        style = "error" if call.status == "failed" else "dim"
        rows += _lines(lines, view, style, indent="  ")
    rows += _lines([in_short(block) for block in call.media], view, "dim", indent="  ")
    return rows


def value_lines(input: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The arguments of a call, each by its name and as lines."""
    for name, value in input.items():
        text = value if isinstance(value, str) else json.dumps(value, indent=2, default=str)
        yield one_line(name, 80), plain(text).split("\n")
