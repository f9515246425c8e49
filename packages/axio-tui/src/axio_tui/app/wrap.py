"""From pieces of text to rows of one width. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

__all__ = ("Row", "breaks", "fitting", "folded", "row_of", "unstacked", "wrapped")

_WORD = re.compile(r"\s*\S+\s*|\s+")
_STACKED = 8  # signs without a width of their own that are shown on one that has


class Row(NamedTuple):
    """One row on the screen. `joins`: the line above goes on in it."""

    strip: Strip
    joins: bool = False


def breaks(text: str, width: int) -> list[int]:
    """The offsets at which the text is to be broken into lines of at most `width` cells: between
    words, or in the middle of one that is longer than a line."""
    length = len if text.isascii() else cell_len
    if length(text) <= width:
        return []
    found: list[int] = []
    used = 0
    for match in _WORD.finditer(text):
        word = match[0]
        bare = length(word.rstrip())
        if used + bare <= width:
            used += length(word)
        elif bare <= width:
            found.append(match.start())
            used = length(word)
        else:
            if used:
                found.append(match.start())
            used = 0
            for offset, character in enumerate(word, match.start()):
                cells = length(character)
                if used + cells > width and used:
                    found.append(offset)
                    used = 0
                used += cells
    return [offset for offset in found if offset]


def folded(text: str, width: int) -> list[int]:
    """As `breaks`, but only where a line is full: for code."""
    if text.isascii():
        return list(range(width, len(text), width))
    found: list[int] = []
    used = 0
    for offset, character in enumerate(text):
        cells = cell_len(character)
        if used + cells > width and used:
            found.append(offset)
            used = 0
        used += cells
    return found


def _cut(pieces: Iterable[Segment], offsets: Sequence[int]) -> Iterator[list[Segment]]:
    """The pieces, cut at offsets of their text."""
    line: list[Segment] = []
    position = 0
    ends = iter(offsets)
    end = next(ends, None)
    for text, style, _ in pieces:
        while end is not None and position + len(text) >= end:
            head, text = text[: end - position], text[end - position :]
            if head:
                line.append(Segment(head, style))
            yield line
            line, position, end = [], end, next(ends, None)
        if text:
            line.append(Segment(text, style))
            position += len(text)
    yield line


def row_of(pieces: Sequence[Segment], width: int, fill: Style, joins: bool = False) -> Row:
    """One row of exactly `width` cells, the rest of it drawn in the style `fill`."""
    cells = 0
    parts: list[Segment] = []
    for text, style, _ in pieces:
        room = width - cells
        if len(text) > _STACKED * width + _STACKED:
            text = unstacked(text)
        length = cell_len(text)
        if length > room:
            text = fitting(text, room)
            length = cell_len(text)
        parts.append(Segment(text, style))
        cells += length
    if cells < width:
        parts.append(Segment(" " * (width - cells), fill))
    return Row(Strip(parts, max(cells, width)), joins)


def unstacked(text: str) -> str:
    """The text without what would be heaped up on one sign."""
    if text.isascii():
        return text
    kept: list[str] = []
    on_top = 0
    for character in text:
        on_top = 0 if cell_len(character) else on_top + 1
        if on_top <= _STACKED:
            kept.append(character)
    return "".join(kept)


def fitting(text: str, room: int) -> str:
    """As much of the text as has room."""
    used = 0
    for offset, character in enumerate(text):
        used += cell_len(character)
        if used > room:
            return text[:offset]
    return text


def wrapped(
    pieces: Sequence[Segment],
    width: int,
    fill: Style,
    *,
    first: Sequence[Segment] = (),
    rest: Sequence[Segment] | None = None,
    is_code: bool = False,
) -> list[Row]:
    """One line of text as rows. `first` stands before the first of them, `rest` before the others.

    Both have the same width, and leave room for some text.
    """
    rest = first if rest is None else rest
    room = max(1, width - sum(cell_len(text) for text, _, _ in first))
    text = "".join(piece.text for piece in pieces)
    offsets = (folded if is_code else breaks)(text, room)
    rows: list[Row] = []
    for number, line in enumerate(_cut(pieces, offsets)):
        if offsets and line and not is_code:
            last = line[-1]
            line[-1] = Segment(last.text.rstrip(), last.style)
        rows.append(row_of([*(rest if number else first), *line], width, fill, joins=number > 0))
    return rows
