"""A question of the application itself, answered by one key."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.screens.window import Window

__all__ = ("Ask", "QuitDialog")


class Ask(Window[str | None]):
    """Gives the key that was pressed, one of `keys`; None for Escape."""

    def __init__(self, words: str, keys: Mapping[str, str]) -> None:
        super().__init__()
        self.title_words = words
        self._keys = keys
        self.key_words = ", ".join([*(f"{key} {word}" for key, word in keys.items()), "Esc back"])

    def on_key(self, event: events.Key) -> None:
        if event.key in self._keys:
            event.stop()
            self.dismiss(event.key)


class QuitDialog(Window[bool]):
    """Gives True to quit. Enter takes the word that is pointed at, at first the one that stays."""

    DEFAULT_CSS = "QuitDialog #answer { height: 1; }"
    title_words = "Quit axio?"
    key_words = "y quits, n or Esc stays, arrows and Enter choose"

    def __init__(self) -> None:
        super().__init__()
        self._quits = False

    def contents(self) -> ComposeResult:
        yield Static(self._words(), id="answer", markup=False)

    def _words(self) -> Content:
        return Content("> quit    stay" if self._quits else "  quit  > stay")

    def on_key(self, event: events.Key) -> None:
        if event.key in ("left", "up", "right", "down"):
            self._quits = not self._quits
            self.query_one("#answer", Static).update(self._words())
        elif event.key in ("y", "n"):
            self.dismiss(event.key == "y")
        elif event.key == "enter":
            self.dismiss(self._quits)
        else:
            return
        event.stop()

    def action_close(self) -> None:
        self.dismiss(False)
