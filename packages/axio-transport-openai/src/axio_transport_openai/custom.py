"""A server of one's own choice that speaks chat completions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from axio.models import ModelRegistry
from axio.wire.settings import Fields, usual_fields
from axio_transport_openai.transport import OpenAITransport

__all__ = ("OpenAICompatibleTransport",)


@dataclass
class OpenAICompatibleTransport(OpenAITransport):
    """As `OpenAITransport`, without a default address and without models that it knows.

    `models` may be given as ids, which may stand in one text with commas. The quirks of known
    servers are found by the host of `base_url`, as always.
    """

    base_url: str = ""
    models: ModelRegistry = field(default_factory=ModelRegistry)

    FIELDS: ClassVar[Fields] = (
        *reversed(usual_fields("", "", at="OPENAI_BASE_URL")),
        *OpenAITransport.FIELDS[2:],
        {
            "name": "models",
            "kind": "list",
            "label": "Models",
            "help": "their ids; empty: those that the server lists",
        },
    )

    @classmethod
    def load_config(cls, session: Any = None) -> list[OpenAICompatibleTransport]:
        """The servers that a person keeps in a file."""
        from axio_transport_openai.saved import CONFIG_PATH, load

        return load(CONFIG_PATH, session)

    def __post_init__(self) -> None:
        given: ModelRegistry | Iterable[str] | str = self.models
        if isinstance(given, str):
            given = [id.strip() for id in given.split(",") if id.strip()]
        if not isinstance(given, ModelRegistry):
            self.models = ModelRegistry([self.guess_model(id) for id in given])
        super().__post_init__()

    async def fetch_models(self) -> None:
        """Nothing: which models there are is set by hand."""
