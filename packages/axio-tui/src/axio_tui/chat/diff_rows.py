"""A unified diff as rows with the numbers of their lines, for one column or for two. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, TypeAlias

from axio_tui.chat.shown import lines_of

__all__ = ("Kind", "Row", "pairs_of", "rows_of")

Kind: TypeAlias = Literal["+", "-", " ", "@", "text", "title"]
"""Added, taken away, unchanged, a gap between two places; a line of text, and one above others."""

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `number` is its place in the old file if it is taken away, else in the new one;
    None for the rest of a long line."""

    kind: Kind
    text: str
    number: int | None = None


def rows_of(diff: str) -> Iterator[Row]:
    """The rows of a unified diff of one file, with a title for a new file and for none that is
    text."""
    old = new = 0
    in_hunk = False
    for line in diff.removesuffix("\n").split("\n"):
        if found := _HUNK.match(line):
            if in_hunk:
                yield Row("@", "⋮")
            old, new, in_hunk = int(found[1]), int(found[2]), True
        elif not in_hunk:
            if line == "--- /dev/null":
                yield Row("title", "new file")
            elif line and not line.startswith(("--- ", "+++ ")):
                yield Row("title", next(lines_of(line)))
        elif line.startswith("\\"):
            yield Row("text", line)
        else:
            kind, number = _sign(line), old if line.startswith("-") else new
            old += kind != "+"
            new += kind != "-"
            for index, piece in enumerate(lines_of(line[1:])):
                yield Row(kind, piece, None if index else number)


def _sign(line: str) -> Literal["+", "-", " "]:
    return "+" if line.startswith("+") else "-" if line.startswith("-") else " "


def pairs_of(rows: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows side by side: old on the left, new on the right. What is not of a diff stands on
    both sides, as one row."""
    taken: list[Row] = []
    added: list[Row] = []
    for row in rows:
        if row.kind == "-":
            if added:
                yield from _together(taken, added)
            taken.append(row)
        elif row.kind == "+":
            added.append(row)
        else:
            yield from _together(taken, added)
            yield row, row
    yield from _together(taken, added)


def _together(taken: list[Row], added: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    yield from zip_longest(taken, added)
    taken.clear()
    added.clear()
