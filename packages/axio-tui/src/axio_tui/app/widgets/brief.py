"""`Brief`: a text in three lines at most. Where they are not all of it, they say so."""

from __future__ import annotations

from itertools import pairwise

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.wrap import breaks, fitting

__all__ = ("Brief",)

_LINES = 3
_MORE = " ... more: Ctrl+F"


class Brief(Static):
    """Shows one line of text, wrapped to the width that there is."""

    DEFAULT_CSS = f"Brief {{ height: auto; max-height: {_LINES}; }}"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(markup=False, id=id)
        self.text = ""

    def tell(self, text: str) -> None:
        self.text = text
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        content, width = Content(self.text), self.content_size.width
        if width and content.get_height({}, width) > _LINES:
            content = Content("\n".join(_cut(self.text, width)))
        self.update(content)


def _cut(text: str, width: int) -> list[str]:
    """The lines that are shown, none of them wider than there is room."""
    starts = breaks(text, width)
    lines = [text[start:end].rstrip() for start, end in pairwise([0, *starts, len(text)])]
    if len(lines) > _LINES:
        room = max(0, width - cell_len(_MORE))
        lines[_LINES - 1 :] = [fitting(lines[_LINES - 1], room).rstrip() + _MORE]
    return lines
