"""`Column`: the items of a transcript under each other, and which of their rows stand where. Pure.

Items are drawn where they are looked at, and the rows of those that were seen last are kept. The
heights of what was never drawn are estimates, and are put right around a place, so that this place
does not move.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from textual.selection import Selection

from axio_tui.app.items import GUTTER, Item
from axio_tui.app.look import Look
from axio_tui.app.wrap import Row
from axio_tui.chat.entries import Entry, Reasoning, ToolCall, is_shown_elsewhere

__all__ = ("Column", "Place")


_KEPT = 2_000
"""Rows that are kept, unless one item has more: twenty screens."""


class Place(NamedTuple):
    """A row of an item."""

    item: int
    row: int


class Column:
    """`items` from top to bottom. `height` is that of all of them, in rows."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.now = 0.0
        """The time, for what tells how long it goes on."""
        self._heights: list[int] = []
        self._tops = [0]
        self._look: Look | None = None
        self._width = 0
        self._kept: dict[Item, int] = {}  # how many rows of which item; the last used at the end
        self._kept_rows = 0

    @property
    def height(self) -> int:
        return self._tops[-1]

    @property
    def is_ready(self) -> bool:
        """True once it has a look and a width."""
        return self._look is not None and self._width > 0

    def fit(self, look: Look, width: int) -> None:
        """Draw everything anew, for this look and this width."""
        self._look, self._width = look, width
        self._heights = [item.height(look, width) for item in self.items]
        self._add_up()

    def take(self, entries: Sequence[Entry], changed: Iterable[int]) -> None:
        """Let the items be those of the entries, of which some have changed."""
        items, count = self.items, len(entries)
        del items[count:], self._heights[count:]
        for index in sorted(changed):
            if index >= count:
                break
            entry = entries[index]
            above = index - 1
            while above >= 0 and is_shown_elsewhere(entries[above]):
                above -= 1
            gap = above >= 0 and _has_gap(entries[above], entry)
            if index == len(items):
                items.append(Item(entry, gap))
                self._heights.append(0)
            else:
                items[index].update(entry, gap)
            self._estimate(index)
        self._add_up()

    def changed(self, index: int) -> None:
        """An item looks different now."""
        self.items[index].forget()
        self._estimate(index)
        self._add_up()

    def _estimate(self, index: int) -> None:
        if self._look is not None:
            item = self.items[index]
            is_seen = self._heights[index] and item.is_growing
            # A text that is being written has been drawn, and is a little longer now.
            estimate = item.height(self._look, self._width)
            self._heights[index] = self._heights[index] if is_seen else estimate

    def _add_up(self) -> None:
        self._tops = [0, *accumulate(self._heights)]

    # ── places ────────────────────────────────────────────────────────────────────────────────

    def place(self, line: int) -> Place:
        """The place of a line; the nearest one for a line that is not there."""
        if not self.items:
            return Place(0, 0)
        line = min(max(line, 0), max(self.height - 1, 0))
        index = min(bisect_right(self._tops, line) - 1, len(self.items) - 1)
        return Place(index, line - self._tops[index])

    def line(self, place: Place) -> int:
        """The line of a place; the last one of its item if that has become shorter."""
        if place.item >= len(self.items):
            return self.height
        return self._tops[place.item] + min(place.row, max(self._heights[place.item] - 1, 0))

    def span(self, index: int) -> tuple[int, int]:
        """The first line of an item, and the one after its last."""
        return self._tops[index], self._tops[index + 1]

    # ── drawing ───────────────────────────────────────────────────────────────────────────────

    def _rows_of(self, index: int) -> Sequence[Row]:
        """The rows of an item, drawn if need be; those that were seen longest ago are given up."""
        assert self._look is not None
        item = self.items[index]
        rows = item.rows(self._look, self._width, self.now)
        held = item.held
        self._kept_rows += held - self._kept.pop(item, 0)
        self._kept[item] = held
        while self._kept_rows > _KEPT and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._kept_rows -= self._kept.pop(oldest)
            oldest.release()
        return rows

    def _draw(self, index: int) -> bool:
        """Draw an item. True if it is not as high as it was thought to be."""
        count = len(self._rows_of(index))
        if count == self._heights[index]:
            return False
        self._heights[index] = count
        return True

    def settle_from(self, place: Place, count: int) -> int:
        """Draw `count` rows from a place on; its line."""
        index, drawn, is_other = place.item, -place.row, False
        while index < len(self.items) and drawn < count:
            is_other = self._draw(index) or is_other
            drawn += self._heights[index]
            index += 1
        if is_other:
            self._add_up()
        return self.line(place)

    def settle_end(self, count: int) -> int:
        """Draw the last `count` rows; the line of the first of them."""
        index, drawn, is_other = len(self.items) - 1, 0, False
        while index >= 0 and drawn < count:
            is_other = self._draw(index) or is_other
            drawn += self._heights[index]
            index -= 1
        if is_other:
            self._add_up()
        return max(0, self.height - count)

    def settle_between(self, place: Place, by: int) -> int:
        """Draw what there is between a place and the line `by` lines from it; that line."""
        for _ in range(100):
            line = self.line(place) + by
            first, last = sorted((self.place(line).item, place.item))
            last = min(last, len(self.items) - 1)
            if not sum([self._draw(index) for index in range(first, last + 1)]):
                break
            self._add_up()
        return min(max(line, 0), self.height)

    def row(self, line: int) -> Row | None:
        """The row in a line, drawn if need be; None where there is none."""
        if self._look is None or not 0 <= line < self.height:
            return None
        place = self.place(line)
        rows = self._rows_of(place.item)
        return rows[place.row] if place.row < len(rows) else None

    def selected(self, selection: Selection) -> str:
        """The text that is selected; lines that were broken to fit are whole again."""
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self.height - 1
        text = ""
        for line in range(first, last + 1):
            row, span = self.row(line), selection.get_span(line)
            if row is None or span is None:
                continue
            start, end = max(span[0], GUTTER), span[1]
            part = row.strip.text[start : None if end == -1 else end].rstrip()
            if line > first:
                text += " " if row.joins else "\n"
            text += part.lstrip() if row.joins else part
        return text


def _has_gap(above: Entry, entry: Entry) -> bool:
    """A blank row stands between them, but not between calls."""
    small = (ToolCall, Reasoning)
    return not (isinstance(above, small) and isinstance(entry, small))
