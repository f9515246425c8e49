"""Servers of one's own choice, and the models of each: listed, added, changed and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from axio.models import ModelRegistry, ModelSpec
from axio_transport_openai.custom import OpenAICompatibleTransport
from axio_transport_openai.saved import CONFIG_PATH, load, save
from axio_transport_openai.tui.edit import ModelEditScreen, ProviderEditScreen
from axio_transport_openai.tui.listed import Listed

__all__ = ("CustomHubScreen",)


class CustomHubScreen(Listed[OpenAICompatibleTransport]):
    """Keeps the servers in a file of its own, and ends with None.

    An application lists them as `openai-custom.NAME`; after the screen it calls `load_config`
    again.
    """

    CONFIG_PATH: ClassVar[Path] = CONFIG_PATH
    BINDINGS: ClassVar[list[BindingType]] = [Binding("m", "models", "Models")]
    heading = "Servers of your own"
    kind = "server"
    keys = "Enter changes one, m its models, a adds one, d removes one, Esc closes"

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(self.load_config())

    @classmethod
    def load_config(cls, session: Any = None) -> list[OpenAICompatibleTransport]:
        """The servers of the file; none where it is missing or broken."""
        return load(cls.CONFIG_PATH, session)

    @classmethod
    def save_config(cls, providers: Iterable[OpenAICompatibleTransport]) -> None:
        """Replace those of the file."""
        save(cls.CONFIG_PATH, providers)

    def words(self, thing: OpenAICompatibleTransport) -> str:
        models = f"{len(thing.models)} model{'s' * (len(thing.models) != 1)}"
        return f"{thing.name}  {thing.base_url.shown}, {models}"  # type: ignore[attr-defined]

    def name_of(self, thing: OpenAICompatibleTransport) -> str:
        return thing.name

    def dialog(self, thing: OpenAICompatibleTransport | None) -> ProviderEditScreen:
        return ProviderEditScreen(thing)

    def keep(self) -> None:
        self.save_config(self.things)

    def action_models(self) -> None:
        if (place := self.place) is not None:
            self.app.push_screen(_Models(self.things[place], self.changed))


class _Models(Listed[ModelSpec]):
    """Those of one server."""

    kind = "model"

    def __init__(self, server: OpenAICompatibleTransport, changed: Callable[[], None]) -> None:
        super().__init__(server.models.values())
        self.heading = f"Models of {server.name}"
        self._server = server
        self._changed = changed

    def words(self, thing: ModelSpec) -> str:
        return (
            f"{thing.id}  {thing.context_window:,} tokens, {', '.join(sorted(thing.capabilities))}"
        )

    def name_of(self, thing: ModelSpec) -> str:
        return thing.id

    def dialog(self, thing: ModelSpec | None) -> ModelEditScreen:
        return ModelEditScreen(thing)

    def keep(self) -> None:
        self._server.models = ModelRegistry(self.things)
        self._changed()
