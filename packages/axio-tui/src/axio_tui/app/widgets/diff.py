"""`Sheet`: rows of text and of diffs that are scrolled, laid out when they are seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, TypeAlias

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from axio_tui.app.wrap import breaks, folded
from axio_tui.chat.diff_rows import Kind, Row, pairs_of

__all__ = ("Sheet",)

SIDE_BY_SIDE = 110
"""Columns from which old and new stand side by side: those of a window of 120, less its borders."""
_NUMBER = 5  # columns of the number of a line

_SCROLL = {
    "up": "scroll_up",
    "down": "scroll_down",
    "pageup": "page_up",
    "pagedown": "page_down",
    "home": "scroll_home",
    "end": "scroll_end",
}

Line: TypeAlias = list[tuple[Kind, str]]

_CLASSES: dict[Kind, str] = {
    "+": "sheet--added",
    "-": "sheet--taken",
    " ": "sheet--same",
    "@": "sheet--gap",
    "title": "sheet--title",
    "text": "sheet--text",
}


class Sheet(ScrollView):
    """Shows `rows`. A line that is too long for the width goes on in the next."""

    COMPONENT_CLASSES: ClassVar = {
        "sheet--added",
        "sheet--taken",
        "sheet--same",
        "sheet--gap",
        "sheet--title",
        "sheet--text",
    }
    DEFAULT_CSS = """
    Sheet { height: auto; max-height: 100%; scrollbar-size-vertical: 1; overflow-x: hidden; }
    Sheet .sheet--added { background: $success-muted; color: $text-success; }
    Sheet .sheet--taken { background: $error-muted; color: $text-error; }
    Sheet .sheet--same, Sheet .sheet--text { color: $foreground; }
    Sheet .sheet--gap { color: $text-muted; }
    Sheet .sheet--title { text-style: bold; }
    """

    def __init__(self, rows: Sequence[Row] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.can_focus = False
        self._rows = rows
        self._laid_out: tuple[int, list[Line]] = (0, [])

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    @rows.setter
    def rows(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._laid_out = (0, [])
        self.scroll_home(animate=False)
        self.refresh(layout=True)

    def _lines(self, width: int) -> list[Line]:
        if self._laid_out[0] != width:
            self._laid_out = (width, list(_lay_out(self._rows, max(10, width))))
        return self._laid_out[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(self._text_width(width)))

    def _text_width(self, width: int) -> int:
        return width - self.styles.scrollbar_size_vertical

    def on_resize(self) -> None:
        self._measure()

    def _measure(self) -> None:
        width = self._text_width(self.size.width + self.scrollbar_size_vertical)
        self.virtual_size = Size(width, len(self._lines(width)))

    def scroll_by_key(self, key: str) -> bool:
        """True if the key scrolls; it has done so then."""
        if key in _SCROLL:
            getattr(self, f"action_{_SCROLL[key]}")()
        return key in _SCROLL

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines(self._text_width(width + self.scrollbar_size_vertical))
        at = y + round(self.scroll_y)
        base = self.rich_style
        if at >= len(lines):
            return Strip.blank(width, base)
        strip = Strip([Segment(text, self._style(kind, base)) for kind, text in lines[at]])
        return strip.adjust_cell_length(width, self._style(lines[at][-1][0], base))

    def _style(self, kind: Kind, base: Style) -> Style:
        return base + self.get_component_rich_style(_CLASSES[kind])


def _lay_out(rows: Sequence[Row], width: int) -> Iterator[Line]:
    if width < SIDE_BY_SIDE:
        for row in rows:
            for line in _wrapped(row, width):
                yield [(row.kind, line)]
        return
    half = (width - 1) // 2
    for left, right in pairs_of(rows):
        if left is not None and left is right and left.kind != " ":
            for line in _wrapped(left, width):
                yield [(left.kind, line)]
        else:
            yield from _beside(left, right, half)


def _beside(left: Row | None, right: Row | None, width: int) -> Iterator[Line]:
    sides = [
        [] if row is None else [(row.kind, line) for line in _wrapped(row, width)]
        for row in (left, right)
    ]
    nothing: tuple[Kind, str] = (" ", "")
    for index in range(max(map(len, sides))):
        line: Line = []
        for side in sides:
            kind, text = side[index] if index < len(side) else nothing
            line += [(kind, set_cell_size(text, width)), (" ", "│")]
        yield line[:-1]


def _wrapped(row: Row, width: int) -> Iterator[str]:
    """The lines of a row: number, sign, text."""
    if row.kind in ("text", "title", "@"):
        before = ""
    else:
        number = "" if row.number is None else str(row.number)
        before = f"{number:>{_NUMBER}} {row.kind} "
    room = max(2, width - len(before))
    # Words stay whole, but not in a file, of which each column counts.
    starts = (folded if before else breaks)(row.text, room)
    for start, end in pairwise([0, *starts, len(row.text)]):
        yield before + row.text[start:end]
        if before:
            before = f"{'':>{_NUMBER}} {row.kind} "
