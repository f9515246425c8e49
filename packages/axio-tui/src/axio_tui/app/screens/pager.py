"""A long text on a screen of its own."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.screens.window import Window
from axio_tui.app.wrap import unstacked
from axio_tui.harmless import plain

__all__ = ("Pager",)


class Pager(Window[None]):
    """Shows a text; keys scroll it."""

    DEFAULT_CSS = """
    Pager VerticalScroll { height: auto; background: $surface; }
    Pager VerticalScroll > Static { height: auto; }
    """
    key_words = "arrows scroll, Esc closes"

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.title_words = title
        self._text = unstacked(plain(text))

    def contents(self) -> ComposeResult:
        with VerticalScroll(classes="scrolls"):
            yield Static(Content(self._text), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
