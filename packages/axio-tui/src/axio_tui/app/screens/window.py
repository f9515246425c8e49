"""A window above the main screen: a title, contents, and a line on its keys."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from axio_tui.app.key_order import give_on
from axio_tui.app.widgets.line import Line
from axio_tui.harmless import one_line

__all__ = ("Window",)

T = TypeVar("T")


class Window(ModalScreen[T]):
    """Escape closes it without an answer. Subclasses give `contents`, and may set the words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "close", show=False)]
    title_words = ""
    key_words = "Esc closes"

    def contents(self) -> ComposeResult:
        """The widgets between title and keys."""
        yield from ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="window"):
            yield Static(_words(self.title_words), classes="title", markup=False)
            yield from self.contents()
            yield Static(_words(self.key_words), classes="keys", markup=False)

    async def settle(self) -> None:
        """Be up to date with what is typed. A key of the window takes effect after that."""

    async def _on_key(self, event: events.Key) -> None:
        # It came before a line had the focus, or while the list has it, as after a click.
        if lines := self.query(Line):
            if not isinstance(self.focused, Line):
                self.set_focus(lines.first())
            give_on(event, self)

    def on_resize(self, event: events.Resize) -> None:
        # What scrolls leaves room for the words above and below it.
        for widget in self.query(".scrolls"):
            widget.styles.max_height = max(1, event.size.height * 9 // 10 - 6)

    def tell_title(self, words: str) -> None:
        self.query_one(".title", Static).update(_words(words))

    def tell_keys(self, words: str) -> None:
        self.query_one(".keys", Static).update(_words(words))

    def action_close(self) -> Awaitable[None] | None:
        self.dismiss(None)
        return None


def _words(text: str) -> Content:
    return Content(one_line(text, 400))
