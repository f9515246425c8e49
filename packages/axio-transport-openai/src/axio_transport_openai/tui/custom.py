"""Servers of one's own choice: listed, added, changed and removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from axio_transport_openai.custom import OpenAICompatibleTransport
from axio_transport_openai.saved import CONFIG_PATH, load, save
from axio_transport_openai.tui.edit import ProviderEditScreen

__all__ = ("CustomHubScreen",)


class CustomHubScreen(ModalScreen[dict[str, str] | None]):
    """Keeps the servers in a file of its own, and ends with None.

    An application lists them as `openai-custom.NAME`; after the screen it calls `load_config`
    again.
    """

    CONFIG_PATH: ClassVar[Path] = CONFIG_PATH
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("a", "add", "Add"),
        Binding("d", "remove", "Remove"),
    ]
    DEFAULT_CSS = """
    CustomHubScreen { align: center middle; }
    CustomHubScreen > Vertical {
        width: 70; height: auto; max-height: 90%; padding: 1 2;
        border: round $primary; background: $surface;
    }
    CustomHubScreen OptionList { height: auto; max-height: 20; border: none; }
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__()
        self._providers = self.load_config()

    @classmethod
    def load_config(cls, session: Any = None) -> list[OpenAICompatibleTransport]:
        """The servers of the file; none where it is missing or broken."""
        return load(cls.CONFIG_PATH, session)

    @classmethod
    def save_config(cls, providers: Iterable[OpenAICompatibleTransport]) -> None:
        """Replace those of the file."""
        save(cls.CONFIG_PATH, providers)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Servers of your own")
            yield OptionList(id="providers", markup=False)
            yield Label("Enter changes one, a adds one, d removes one, Esc closes", id="keys")

    def on_mount(self) -> None:
        self._list()

    def _list(self) -> None:
        options = self.query_one("#providers", OptionList)
        here = options.highlighted or 0
        options.clear_options()
        for one in self._providers:
            models = f"{len(one.models)} model{'s' * (len(one.models) != 1)}"
            options.add_option(Option(Content(f"{one.name}  {one.base_url.shown}, {models}")))  # type: ignore[attr-defined]
        if self._providers:
            options.highlighted = min(here, len(self._providers) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        place = event.option_index
        self.app.push_screen(
            ProviderEditScreen(self._providers[place]), lambda one: self._put(place, one)
        )

    def action_add(self) -> None:
        self.app.push_screen(
            ProviderEditScreen(None), lambda one: self._put(len(self._providers), one)
        )

    def action_remove(self) -> None:
        place = self.query_one("#providers", OptionList).highlighted
        if place is not None and place < len(self._providers):
            del self._providers[place]
            self._keep()

    def action_close(self) -> None:
        self.dismiss(None)

    def _put(self, place: int, provider: OpenAICompatibleTransport | None) -> None:
        if provider is None:
            return
        if any(one.name == provider.name for one in self._at(place)):
            self.query_one("#keys", Label).update("another server has this name already")
            return
        self._providers[place : place + 1] = [provider]
        self._keep()

    def _at(self, place: int) -> list[OpenAICompatibleTransport]:
        """All others."""
        return [one for number, one in enumerate(self._providers) if number != place]

    def _keep(self) -> None:
        self.save_config(self._providers)
        self._list()
