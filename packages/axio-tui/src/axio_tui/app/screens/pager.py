"""A long text on a screen of its own."""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.screens.window import Window
from axio_tui.app.widgets.composer import Composer
from axio_tui.app.wrap import unstacked
from axio_tui.harmless import plain

__all__ = ("LongText", "Pager")

T = TypeVar("T")


class LongText(Window[T]):
    """Shows a text; keys scroll it."""

    DEFAULT_CSS = """
    LongText VerticalScroll { height: auto; background: $surface; }
    LongText VerticalScroll > Static { height: auto; }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.title_words = title
        self._text = unstacked(plain(text))

    def contents(self) -> ComposeResult:
        with VerticalScroll(classes="scrolls"):
            yield Static(Content(self._text), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


class Pager(LongText[None]):
    """The first letter closes it, and goes with what follows into the composer, if that is
    below."""

    key_words = "arrows scroll, Esc closes, a letter goes on writing"

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title, text)
        self._is_left = False

    def on_key(self, event: events.Key) -> None:
        if self._is_left or (event.is_printable and self._leave()):
            event.stop()
            event.prevent_default()
            self._composer().take(event)

    def on_paste(self, event: events.Paste) -> None:
        if self._is_left or self._leave():
            event.stop()
            self._composer().area.post_message(events.Paste(event.text))

    def _composer(self) -> Composer:
        return self.app.screen_stack[0].query_one(Composer)

    def _leave(self) -> bool:
        """Close, and give on all that comes; False where another window is below."""
        if self.app.screen_stack[1:] != [self] or not self.app.screen_stack[0].query(Composer):
            return False
        self._is_left = True
        self.dismiss(None)
        return True
