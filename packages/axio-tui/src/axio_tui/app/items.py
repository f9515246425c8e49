"""`Item`: an entry of the transcript, and its rows as far as they have been drawn."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip

from axio_tui.app.blocks import Blocks
from axio_tui.app.entry_rows import View, entry_rows
from axio_tui.app.look import Look
from axio_tui.app.markdown import block_rows
from axio_tui.app.wrap import Row, row_of
from axio_tui.chat.entries import (
    Entry,
    Reasoning,
    Text,
    ToolCall,
    User,
    is_shown_elsewhere,
)
from axio_tui.harmless import PlainText

__all__ = ("GUTTER", "Item", "is_same_thing")

GUTTER = 2
"""Cells on the left: the sign of a prompt, and of the entry that is selected."""


class Item:
    """`rows` draws the entry, once for a look and a width. Until then `height` is estimated. It is
    known after `release`, which gives the rows up until they are wanted again."""

    __slots__ = (
        *("_count", "_entry", "_growing", "_key", "_rows"),
        *("agents", "gap", "is_open", "since"),
    )

    def __init__(self, entry: Entry, gap: bool) -> None:
        self._entry = entry
        self.gap = gap
        self.is_open = False
        self.agents: Sequence[str] = ()
        self.since: float | None = None
        """When its tool has begun to work."""
        self._growing: _Growing | None = None
        self._key: tuple[Look, int] | None = None
        self._rows: list[Row] | None = None
        self._count = 0

    @property
    def entry(self) -> Entry:
        return self._entry

    @property
    def is_growing(self) -> bool:
        """True for a text of the model that has been drawn."""
        return self._growing is not None

    @property
    def is_hidden(self) -> bool:
        """True if it has no rows."""
        return is_shown_elsewhere(self._entry)

    @property
    def can_open(self) -> bool:
        return isinstance(self._entry, ToolCall | Reasoning | User)

    def update(self, entry: Entry, gap: bool) -> None:
        """The entry is another now; where it is the same text or call, it stays open."""
        if not is_same_thing(self._entry, entry):
            self.is_open, self.since, self._growing = False, None, None
        self._entry, self.gap = entry, gap
        self.forget()

    def forget(self) -> None:
        """It has to be drawn again."""
        self._key = None

    def release(self) -> None:
        """Keep no rows: they take a hundred times the memory of the text."""
        self._rows = self._growing = None

    def toggle(self) -> None:
        self.is_open = not self.is_open
        self.forget()

    def height(self, look: Look, width: int) -> int:
        """The number of its rows; estimated if it has not been drawn for this width."""
        if self._key is not None and self._key == (look, width):
            return self._count
        room = max(1, width - GUTTER)
        if self.is_hidden:
            return 0
        match self._entry:
            case Text(text=text) | User(text=text):
                return self.gap + text.count("\n") + len(text) // room + 1
            case _:
                return self.gap + 1

    def rows(self, look: Look, width: int, now: float = 0.0) -> list[Row]:
        """Its rows. `now` is the time at which a running tool has worked since `since`."""
        if self._rows is not None and self._key == (look, width):
            return self._rows
        room = max(1, width - GUTTER)
        sign = [Segment("  ", look("base"))]
        rows: Sequence[Row]
        if self.is_hidden:
            rows = ()
        elif isinstance(self._entry, Text):
            if self._growing is None:
                self._growing = _Growing()
            rows = self._growing.rows(self._entry.text, look, room)
        else:
            seconds = None if self.since is None else now - self.since
            view = View(look, room, self.is_open, seconds, self.agents)
            rows = [_beside(sign, row, width) for row in entry_rows(self._entry, view)]
            if isinstance(self._entry, User):
                mark = [Segment(f"{look.glyph('prompt')} ", look("base", "user"))]
                rows = [_beside(mark, Row(Strip(list(rows[0].strip)[1:])), width), *rows[1:]]
        gap = [row_of((), width, look("base"))] * (self.gap and not self.is_hidden)
        self._rows = [*gap, *rows]
        self._key, self._count = (look, width), len(self._rows)
        return self._rows


def _beside(sign: Sequence[Segment], row: Row, width: int) -> Row:
    return Row(Strip([*sign, *row.strip], width), row.joins)


class _Growing:
    """The rows of a text of the model: those of settled blocks are drawn once."""

    __slots__ = ("_blocks", "_drawn", "_filter", "_key", "_rows", "_text")

    def __init__(self) -> None:
        self._begin()
        self._key: tuple[Look, int] | None = None

    def _begin(self) -> None:
        self._text = ""
        self._filter = PlainText()
        self._blocks = Blocks()
        self._drawn = 0
        self._rows: list[Row] = []

    def rows(self, text: str, look: Look, room: int) -> list[Row]:
        if not text.startswith(self._text):
            self._begin()
        if self._key != (look, room):
            self._key, self._drawn, self._rows = (look, room), 0, []
        self._blocks.feed(self._filter.feed(text[len(self._text) :]))
        self._text = text
        settled = self._blocks.settled
        for block in settled[self._drawn :]:
            self._rows += self._draw(block_rows(block, look, room), look, room)
        self._drawn = len(settled)
        tail = self._blocks.open()
        if tail is None:
            return self._rows
        return [*self._rows, *self._draw(block_rows(tail, look, room), look, room)]

    def _draw(self, rows: list[Row], look: Look, room: int) -> list[Row]:
        """The rows beside the gutter; none blank at the very beginning."""
        if not self._rows and rows and not rows[0].strip.text.strip():
            rows = rows[1:]
        sign = [Segment(" " * GUTTER, look("base"))]
        return [_beside(sign, row, room + GUTTER) for row in rows]


def is_same_thing(old: Entry, new: Entry) -> bool:
    """True if one is what the other has become."""
    if isinstance(old, ToolCall) and isinstance(new, ToolCall):
        return old.call_id == new.call_id
    return type(old) is type(new)
