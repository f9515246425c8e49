"""A dialog with lines to fill in, and two buttons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

__all__ = ("Dialog", "KeyDialog")

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """Escape and the button `#btn-cancel` end it with None. `save` is called by Enter in a line and
    by `#btn-save`."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "cancel", "Cancel")]

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical {
        width: 70; height: auto; max-height: 100%; overflow-y: auto;
        padding: 0 2; border: round $primary; background: $surface;
    }
    Dialog Input { border: none; height: 1; padding: 0; margin-bottom: 1; background: $boost; }
    Dialog Horizontal { height: auto; align-horizontal: right; }
    Dialog .wrong { color: $text-error; height: auto; min-height: 1; }
    """
    heading = ""

    def lines(self) -> ComposeResult:
        """The labels and lines to fill in."""
        yield from ()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self.heading, markup=False)
            yield from self.lines()
            yield Label("", markup=False, classes="wrong")
            with Horizontal():
                yield Button("Save", variant="primary", id="btn-save")
                yield Button("Cancel", id="btn-cancel")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "btn-save":
            self.save()
        elif event.button.id == "btn-cancel":
            self.action_cancel()

    def on_input_submitted(self) -> None:
        self.save()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def save(self) -> None:
        """The person is done."""
        raise NotImplementedError

    def text_of(self, id: str) -> str:
        return self.query_one(f"#{id}", Input).value.strip()

    def tell(self, words: str) -> None:
        """Say what is wrong."""
        self.query_one(".wrong", Label).update(words)


class KeyDialog(Dialog[dict[str, str] | None]):
    """Ends with what was filled in: `base_url` and `api_key`, without those that are blank."""

    variable = ""
    address = ""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__()
        self._settings = settings

    def lines(self) -> ComposeResult:
        yield Label(f"API key (empty: {self.variable})", markup=False)
        yield Input(self._settings.get("api_key", ""), password=True, id="api-key")
        yield Label(f"Base URL (empty: {self.address})", markup=False)
        yield Input(self._settings.get("base_url", ""), id="base-url")

    def save(self) -> None:
        filled_in = {"base_url": self.text_of("base-url"), "api_key": self.text_of("api-key")}
        self.dismiss({name: value for name, value in filled_in.items() if value})
