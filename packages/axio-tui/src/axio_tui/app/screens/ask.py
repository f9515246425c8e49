"""A question of the application itself, answered by one key."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events

from axio_tui.app.screens.window import Window

__all__ = ("Ask", "quit_question")


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


def quit_question(is_busy: bool) -> Ask:
    """Asked by Ctrl+C when there is nothing to copy and nothing to stop."""
    return Ask("Quit axio?" + " A run goes on." * is_busy, {"y": "quit", "n": "stay"})
