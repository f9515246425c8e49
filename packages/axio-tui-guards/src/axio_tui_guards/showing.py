"""A call on a person's screen: all of it, and nothing that the eye would pass over.

A terminal shows some characters as a blank or not at all, moves with others, and lets what stands
behind a screenful of blanks scroll away. So these are told by their names and numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from axio.exceptions import GuardError
from axio_tui_guards.values import members

__all__ = ("MAX_SHOWN", "beside", "visible", "whole")

MAX_SHOWN = 4000
"""Characters of a call's arguments that a question has room for."""

_BESIDE = 160
_MAX_READ = 100_000
# Printable by their category, and yet nothing is seen of them.
_BLANK_LOOKING = {
    *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159)),
    *map(chr, range(0x180B, 0x1810)),
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xE0100, 0xE01F0)),
    "⟨",  # else a text could pretend to be such a mark
}
_BLANKS = re.compile(r"(?: |\\[tnr]){12,}")
_AGAIN = re.compile(r"(\\.|⟨[^⟩]{1,12}⟩|[^⟨])\1{24,}")


def visible(text: str) -> str:
    """`text` with all that the eye would pass over told in angle brackets: `⟨40 blanks⟩`,
    `⟨U+200B⟩`, `⟨500 times⟩`."""
    hidden = {
        ord(char): f"⟨U+{ord(char):04X}⟩"
        for char in set(text)
        if not char.isprintable() or char in _BLANK_LOOKING
    }
    text = text.translate(hidden)
    text = _BLANKS.sub(lambda run: f"⟨{_blanks(run[0])} blanks⟩", text)
    return _AGAIN.sub(lambda run: f"{run[1]}⟨{len(run[0]) // len(run[1])} times⟩", text)


def _blanks(run: str) -> int:
    return len(run) - run.count("\\")


def whole(arguments: Mapping[str, Any], room: int = MAX_SHOWN) -> str:
    """The arguments, one a line, short ones last. `GuardError` when a person could not read them
    whole: nobody approves what was not on the screen."""
    lines: list[str] = []
    longest = max(room, _MAX_READ)
    for name, value in arguments.items():
        told = _told(value)
        if len(told) <= longest:
            lines.append(f"  {visible(name)} = {visible(told)}")
            room -= len(lines[-1])
        if room < 0 or len(told) > longest:
            raise GuardError(
                f"denied: {name[:100]!r} makes this call too long to be shown to a person; "
                "make it smaller"
            )
    return "\n".join(sorted(lines, key=len, reverse=True))


def _told(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_held)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, or a ring
        return repr(value)


def _held(value: Any) -> Any:
    """An object by what it holds: its repr may leave that out."""
    held = {name: getattr(value, name, None) for name in members(value)}
    return {type(value).__name__: held} if held else repr(value)


def beside(subjects: Iterable[str]) -> list[str]:
    """The first commands and paths of a call, to be repeated where the person answers."""
    told = []
    for subject in islice(subjects, 4):
        text = visible(json.dumps(subject, ensure_ascii=False))
        cut = len(text) - _BESIDE
        told.append(text if cut <= 0 else f"{text[:_BESIDE]}⟨{cut} characters more, see above⟩")
    return told
