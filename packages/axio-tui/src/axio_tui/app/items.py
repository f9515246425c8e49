"""`Item`: an entry of the transcript, and its rows as far as they have been drawn."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import overload

from rich.segment import Segment
from textual.strip import Strip

from axio_tui.app.blocks import Block, Blocks
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
_KEPT = 500
"""Rows of one text that are kept, unless one block has more: five screens of the largest kind."""


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
        self._rows: Sequence[Row] | None = None
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

    def rows(self, look: Look, width: int, now: float = 0.0) -> Sequence[Row]:
        """Its rows. `now` is the time at which a running tool has worked since `since`."""
        if self._rows is not None and self._key == (look, width):
            return self._rows
        room = max(1, width - GUTTER)
        sign = [Segment("  ", look("base"))]
        self._key = (look, width)
        if self.is_hidden:
            self._rows = ()
        elif isinstance(self._entry, Text):
            if self._growing is None:
                self._growing = _Growing()
            self._growing.take(self._entry.text, look, room, self.gap)
            self._rows = self._growing
        else:
            seconds = None if self.since is None else now - self.since
            view = View(look, room, self.is_open, seconds, self.agents)
            rows = [_beside(sign, row, width) for row in entry_rows(self._entry, view)]
            if isinstance(self._entry, User):
                mark = [Segment(f"{look.glyph('prompt')} ", look("base", "user"))]
                rows[0] = _beside(mark, Row(Strip(list(rows[0].strip)[1:])), width)
            self._rows = [row_of((), width, look("base")), *rows] if self.gap else rows
        self._count = len(self._rows)
        return self._rows

    @property
    def held(self) -> int:
        """The number of rows that are kept."""
        rows = self._rows or ()
        return rows.held if isinstance(rows, _Growing) else len(rows)


def _beside(sign: Sequence[Segment], row: Row, width: int) -> Row:
    return Row(Strip([*sign, *row.strip], width), row.joins)


class _Growing(Sequence[Row]):
    """The rows of a text of the model. Those of a settled block are counted once, and drawn again
    when they are looked at: the blocks that were looked at last are kept."""

    __slots__ = ("_blocks", "_drawn", "_filter", "_kept", "_key", "_tail", "_text", "_tops")

    def __init__(self) -> None:
        self._key: tuple[Look, int, bool] | None = None
        self._begin()

    def _begin(self) -> None:
        self._text = ""
        self._filter = PlainText()
        self._blocks = Blocks()
        self._forget()

    def _forget(self) -> None:
        self._tops = [0]  # the first row of each settled block, and the end of the last
        self._kept: dict[int, list[Row]] = {}  # by the number of its block
        self._drawn = 0  # rows that are kept
        self._tail: list[Row] = []

    @property
    def held(self) -> int:
        """The rows that are kept, of all those that there are."""
        return self._drawn + len(self._tail)

    def take(self, text: str, look: Look, room: int, gap: bool) -> None:
        """Let these be the rows: of this text, with a blank one above it if there is a gap."""
        if not text.startswith(self._text):
            self._begin()
        if self._key != (look, room, gap):
            self._key = (look, room, gap)
            self._forget()
        self._blocks.feed(self._filter.feed(text[len(self._text) :]))
        self._text = text
        settled = self._blocks.settled
        for number in range(len(self._tops) - 1, len(settled)):
            rows = self._draw(settled[number], number)
            self._tops.append(self._tops[-1] + len(rows))
            self._keep(number, rows)
        tail = self._blocks.open()
        self._tail = [] if tail is None else self._draw(tail, len(settled))

    def _draw(self, block: Block, number: int) -> list[Row]:
        """The rows of a block beside the gutter; above the first is the gap and nothing else."""
        assert self._key is not None
        look, room, gap = self._key
        rows = block_rows(block, look, room)
        if self._tops[number] <= gap and rows and not rows[0].strip.text.strip():
            rows = rows[1:]
        sign = [Segment(" " * GUTTER, look("base"))]
        above = [row_of((), room + GUTTER, look("base"))] if gap and not number else []
        return [*above, *(_beside(sign, row, room + GUTTER) for row in rows)]

    def _keep(self, number: int, rows: list[Row]) -> None:
        self._kept[number] = rows
        self._drawn += len(rows)
        while self._drawn > _KEPT and len(self._kept) > 1:
            self._drawn -= len(self._kept.pop(next(iter(self._kept))))

    def __len__(self) -> int:
        return self._tops[-1] + len(self._tail)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # also of one that is counted from the end
        if index >= self._tops[-1]:
            return self._tail[index - self._tops[-1]]
        number = bisect_right(self._tops, index) - 1
        rows = self._kept.pop(number, None)
        if rows is None:
            rows = self._draw(self._blocks.settled[number], number)
        else:
            self._drawn -= len(rows)
        self._keep(number, rows)
        return rows[index - self._tops[number]]


def is_same_thing(old: Entry, new: Entry) -> bool:
    """True if one is what the other has become."""
    if isinstance(old, ToolCall) and isinstance(new, ToolCall):
        return old.call_id == new.call_id
    return type(old) is type(new)
