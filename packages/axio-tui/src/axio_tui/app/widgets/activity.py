"""The line above the composer: what goes on, and that there is more below."""

from __future__ import annotations

from time import monotonic

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.keys import hint
from axio_tui.app.look import glyph

__all__ = ("Activity",)


class Activity(Static):
    """`tell` sets the words; without any the line is empty."""

    DEFAULT_CSS = "Activity { height: 1; padding: 0 1; color: $text-muted; }"

    def __init__(self, *, is_ascii: bool = False, id: str | None = None) -> None:
        super().__init__("", markup=False, id=id)
        self._is_ascii = is_ascii
        self._told = ("", "")

    def tell(self, busy_since: float | None, words: str, is_behind: bool, is_new: bool) -> None:
        """A run goes on since then, or none; `words` say more of it."""
        left = words
        if busy_since is not None:
            minutes, seconds = divmod(int(max(0, monotonic() - busy_since)), 60)
            passed = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
            parts = (f"{words or 'working'} {passed}", hint(self.app, "stop", "stops"))
            left = ", ".join(filter(None, parts))
        more = "new" if is_new else "more"
        below = " ".join([glyph("down", self._is_ascii), f"{more}, {hint(self.app, 'end', '')}"])
        told = (left, below if is_behind else "")
        if told != self._told:
            self._told = told
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        left, right = self._told
        blanks = self.size.width - 2 - cell_len(left) - cell_len(right)
        line = Content(left + " " * max(1, blanks)) if right else Content(left)
        self.update(line + Content(right).stylize("bold"))
