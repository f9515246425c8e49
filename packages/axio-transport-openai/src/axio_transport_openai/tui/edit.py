"""A server of one's own, and a model of it, to be filled in."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input, Label

from axio.models import Capability, ModelRegistry, ModelSpec
from axio.wire.address import check_address
from axio_transport_openai.custom import OpenAICompatibleTransport
from axio_transport_openai.tui.dialog import Dialog

__all__ = ("ModelEditScreen", "ProviderEditScreen")


class ProviderEditScreen(Dialog[OpenAICompatibleTransport | None]):
    """Ends with the server as it was filled in, or None."""

    heading = "A server that speaks chat completions"

    def __init__(self, provider: OpenAICompatibleTransport | None) -> None:
        super().__init__()
        self._provider = provider

    def lines(self) -> ComposeResult:
        known = self._provider
        yield Label("Name")
        yield Input(known.name if known else "", id="name")
        yield Label("Base URL")
        yield Input(str(known.base_url) if known else "", id="base-url")
        yield Label("API key, if it wants one")
        yield Input(known.api_key if known else "", password=True, id="api-key")
        yield Label("Models, with commas")
        yield Input(", ".join(known.models.ids()) if known else "", id="models")

    def save(self) -> None:
        name, address = self.text_of("name"), self.text_of("base-url")
        if not name.isprintable() or not name or "/" in name or ":" in name:
            self.tell("a name is needed, without / and :")
            return
        try:
            check_address(address)
        except ValueError as error:
            self.tell(str(error))
            return
        known = self._provider.models if self._provider else ModelRegistry()
        ids = [id.strip() for id in self.text_of("models").split(",") if id.strip()]
        provider = OpenAICompatibleTransport(
            name=name, base_url=address, api_key=self.text_of("api-key")
        )
        provider.models = ModelRegistry(
            [known.get(id) or provider.guess_model(id) for id in dict.fromkeys(ids)]
        )
        self.dismiss(provider)


class ModelEditScreen(Dialog[ModelSpec | None]):
    """Ends with the model as it was filled in, or None."""

    heading = "A model"

    def __init__(self, model: ModelSpec | None) -> None:
        super().__init__()
        self._model = model

    def lines(self) -> ComposeResult:
        known = self._model or ModelSpec("", frozenset({Capability.text, Capability.tool_use}))
        yield Label("Name")
        yield Input(known.id, id="model-id")
        yield Label("Context window, in tokens")
        yield Input(str(known.context_window), type="integer", id="context-window")
        yield Label("Longest answer, in tokens; 0: the server's own")
        yield Input(str(known.max_output_tokens), type="integer", id="max-output-tokens")
        yield Label("It can, with commas: " + ", ".join(Capability), markup=False)
        yield Input(", ".join(sorted(known.capabilities)), id="capabilities")

    def save(self) -> None:
        names = [name.strip() for name in self.text_of("capabilities").split(",") if name.strip()]
        try:
            spec = ModelSpec(
                self.text_of("model-id"),
                frozenset(map(Capability, names)),
                int(self.text_of("max-output-tokens")),
                int(self.text_of("context-window")),
            )
        except ValueError as error:
            self.tell(str(error))
            return
        if spec.id:
            self.dismiss(spec)
        else:
            self.tell("a name is needed")
