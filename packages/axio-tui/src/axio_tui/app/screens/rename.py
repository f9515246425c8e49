"""Another name for the conversation."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from axio_tui.app.screens.window import Window
from axio_tui.app.widgets.line import Line
from axio_tui.harmless import one_line

__all__ = ("Rename",)


class Rename(Window[str | None]):
    """Gives the new name; None if it stays as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "take it", show=False)]
    title_words = "The name of this conversation"
    key_words = "Enter takes it, Esc leaves it as it is"

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name_before = one_line(name, 200)

    def contents(self) -> ComposeResult:
        yield Line(self._name_before, placeholder="a name", compact=True, id="name")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Line))

    def action_take(self) -> None:
        name = self.query_one(Line).value.strip()
        self.dismiss(name if name and name != self._name_before else None)
