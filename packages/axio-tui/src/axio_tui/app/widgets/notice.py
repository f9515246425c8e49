"""Words of the application to the person, above the composer, until they go on."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from axio_tui.app.wrap import unstacked
from axio_tui.harmless import plain

__all__ = ("Notice",)

LINES = 10


class Notice(Static):
    """`say` shows a text; `say("")` takes it away."""

    DEFAULT_CSS = """
    Notice { height: auto; max-height: 12; padding: 0 1; color: $text-accent; display: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", markup=False, id=id)
        self.text = ""

    def say(self, text: str) -> None:
        self.text = unstacked(plain(text).strip())
        self.display = bool(self.text)
        self.update(Content(self.text))
