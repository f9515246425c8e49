"""A server of one's own choice that speaks chat completions."""

from __future__ import annotations

from dataclasses import dataclass, field

from axio.models import ModelRegistry
from axio_transport_openai.transport import OpenAITransport

__all__ = ("OpenAICompatibleTransport",)


@dataclass
class OpenAICompatibleTransport(OpenAITransport):
    """As `OpenAITransport`, without a default address and without models that it knows.

    The quirks of known servers are found by the host of `base_url`, as always.
    """

    base_url: str = ""
    models: ModelRegistry = field(default_factory=ModelRegistry)

    async def fetch_models(self) -> None:
        """Nothing: which models there are is set by hand."""
