"""Words on what is waited for; Escape stops it."""

from __future__ import annotations

from axio_tui.app.screens.window import Window

__all__ = ("WaitingScreen",)


class WaitingScreen(Window[None]):
    """Closed by the one who waits, or by the person who does not want to."""

    key_words = "Esc stops it"

    def __init__(self, words: str) -> None:
        super().__init__()
        self.title_words = f"{words} ..."
