"""Tables as rows: columns as wide as their cells if there is room, else narrower. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment

from axio_tui.app.look import Look
from axio_tui.app.wrap import Row, row_of, wrapped

__all__ = ("Cell", "table_rows")

_NARROWEST = 3


class Cell(NamedTuple):
    """The pieces of one cell. `right`: they stand at its right side."""

    pieces: Sequence[Segment]
    right: bool = False

    @property
    def cells(self) -> int:
        return sum(cell_len(piece.text) for piece in self.pieces)


def table_rows(
    table: Sequence[Sequence[Cell]], look: Look, width: int, before: Sequence[Segment] = ()
) -> list[Row]:
    """The table, the first line of which is its head, each row after the pieces `before`."""
    base, dim = look("base"), look("base", "dim")
    count = max((len(line) for line in table), default=0)
    if not count:
        return []
    between = f" {look.glyph('quote')} "
    room = width - sum(cell_len(p.text) for p in before) - len(between) * (count - 1)
    wanted = [
        max((line[n].cells for line in table if n < len(line)), default=0) for n in range(count)
    ]
    widths = _fitting(wanted, room)
    rows: list[Row] = []
    for number, line in enumerate(table):
        columns = [
            wrapped(line[n].pieces if n < len(line) else (), widths[n], base) for n in range(count)
        ]
        for k in range(max(map(len, columns))):
            pieces: list[Segment] = list(before)
            for n, column in enumerate(columns):
                if n:
                    pieces.append(Segment(between, dim))
                cell = (
                    list(column[k].strip) if k < len(column) else [Segment(" " * widths[n], base)]
                )
                right = n < len(line) and line[n].right
                pieces += _to_the_right(cell) if right else cell
            rows.append(row_of(pieces, width, base))
        if number == 0:
            bar = look.glyph("rule")
            lines = f"{bar}{look.glyph('cross')}{bar}".join(bar * cells for cells in widths)
            rows.append(row_of([*before, Segment(lines, dim)], width, base))
    return rows


def _fitting(wanted: Sequence[int], room: int) -> list[int]:
    """Widths that fit into the room: the widest columns give up most."""
    widths = [max(1, cells) for cells in wanted]
    while sum(widths) > room:
        widest = max(widths)
        if widest <= _NARROWEST:
            break
        index = widths.index(widest)
        second = max([w for w in widths if w < widest], default=_NARROWEST)
        over = sum(widths) - room
        widths[index] = max(_NARROWEST, second - 1, widest - over)
    return widths


def _to_the_right(cell: Sequence[Segment]) -> list[Segment]:
    """The cell with the blanks at its end moved to its beginning."""
    *others, last = cell
    text = last.text.rstrip(" ")
    blanks = last.text[len(text) :]
    return [Segment(blanks, last.style), *others, Segment(text, last.style)]
