"""Marks on rows that are there: the entry that is selected, and text that is. Pure."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

__all__ = ("highlighted", "marked")


def marked(strip: Strip, sign: str, style: Style) -> Strip:
    """The row with a sign in its first cell."""
    return Strip([Segment(sign, style), *strip.crop(1, strip.cell_length)], strip.cell_length)


def highlighted(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """The row with its signs from `start` to `end` (-1: all) in the style."""
    text = strip.text
    first = cell_len(text[:start])
    last = strip.cell_length if end == -1 else cell_len(text[:end])
    if first >= last:
        return strip
    before, inside, after = strip.divide([first, last, strip.cell_length])
    chosen = [Segment(part.text, (part.style or Style()) + style) for part in inside]
    return Strip([*before, *chosen, *after], strip.cell_length)
