"""The line at the bottom: mode, model, window, tokens, money, folder, and the key for help."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.keys import hint
from axio_tui.harmless import one_line

__all__ = ("StatusLine", "fitted", "short_folder")


def fitted(parts: Sequence[str], width: int, between: str) -> str:
    """The parts in a line; where there is no room for all, the last ones before the very last are
    left out."""
    kept = [part for part in parts if part]
    while len(kept) > 1 and cell_len(between.join(kept)) > width:
        del kept[-2]
    return between.join(kept)


class StatusLine(Static):
    """`tell` says what there is to know; only a line that differs is drawn."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
    StatusLine.-plan { color: $text-success; }
    StatusLine.-accept-edits { color: $text-warning; }
    StatusLine.-auto { color: $text-error; }
    StatusLine.-full { text-style: bold; }
    """

    def __init__(self, *, is_ascii: bool = False, id: str | None = None) -> None:
        super().__init__("", markup=False, id=id)
        self._between = " - " if is_ascii else " · "
        self._told: tuple[str, ...] = ()
        self._parts: tuple[str, ...] = ()
        self._doing = ""

    def doing(self, words: str) -> None:
        """Say what the model is doing, in its own words, until the run ends."""
        if words != self._doing and self.is_attached:
            self._doing = words
            self.tell(*self._told)

    def tell(self, *parts: str, is_busy: bool = True) -> None:
        """The parts, the most important first. A run goes on, or nothing is done any more."""
        self._told = parts
        self._doing = self._doing if is_busy else ""
        shown = (*parts[:1], self._doing, *parts[1:]) if self._doing else parts
        told = (*(one_line(part, 200) for part in shown), hint(self.app, "help", "help"))
        if told != self._parts:
            self._parts = told
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.update(Content(fitted(self._parts, self.size.width - 2, self._between)))


def short_folder(path: str) -> str:
    """A folder as people write it."""
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if path == home or path.startswith(home + os.sep) else path
