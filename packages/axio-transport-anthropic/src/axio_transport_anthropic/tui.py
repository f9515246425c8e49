"""The dialog in which the terminal application asks for the settings; needs the extra `tui`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

__all__ = ("AnthropicSettingsScreen",)


class AnthropicSettingsScreen(ModalScreen[dict[str, str] | None]):
    """Answers with what was filled in: `api_key` and `base_url`, or `None` when it is cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "cancel", "Cancel")]

    DEFAULT_CSS = """
    AnthropicSettingsScreen { align: center middle; }
    AnthropicSettingsScreen > Vertical {
        width: 70; height: auto; padding: 1 2; border: round $primary; background: $surface;
    }
    AnthropicSettingsScreen Horizontal { height: auto; align-horizontal: right; }
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__()
        self._settings = settings

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Anthropic")
            yield Label("API key (empty: ANTHROPIC_API_KEY)")
            yield Input(self._settings.get("api_key", ""), password=True, id="api-key")
            yield Label("Base URL (empty: Anthropic's)")
            yield Input(self._settings.get("base_url", ""), id="base-url")
            with Horizontal():
                yield Button("Save", variant="primary", id="btn-save")
                yield Button("Cancel", id="btn-cancel")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "btn-cancel":
            self.action_cancel()
        else:
            self._save()

    def on_input_submitted(self) -> None:
        self._save()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _save(self) -> None:
        filled_in = {
            "api_key": self.query_one("#api-key", Input).value.strip(),
            "base_url": self.query_one("#base-url", Input).value.strip(),
        }
        self.dismiss({name: value for name, value in filled_in.items() if value})
