"""OpenRouter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from axio.models import Capability, ModelRegistry, ModelSpec
from axio.types import JSONObject
from axio.wire.settings import (
    Fields,
    ModelOrId,
    from_environment,
    model_field,
    usual_fields,
)
from axio_transport_openai.catalogue import OPENROUTER_MODELS
from axio_transport_openai.listing import dollars_per_million, number
from axio_transport_openai.providers import OPENROUTER, Provider
from axio_transport_openai.thinking import THINKING_FIELD, ThinkingMixin
from axio_transport_openai.transport import OpenAITransport

__all__ = ("OpenRouterTransport",)


@dataclass(slots=True)
class OpenRouterTransport(ThinkingMixin, OpenAITransport):
    """OpenRouter. `models` holds a few; `fetch_models` brings all."""

    name: str = "OpenRouter"
    base_url: str = "https://openrouter.ai/api/v1"
    api_key: str = from_environment("OPENROUTER_API_KEY", repr=False)
    model: ModelOrId = model_field(lambda: OPENROUTER_MODELS["google/gemini-2.5-pro-preview"])
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(OPENROUTER_MODELS))
    thinking: bool = False

    FIELDS: ClassVar[Fields] = (
        *usual_fields(
            "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", of_key="from openrouter.ai/keys"
        ),
        THINKING_FIELD,
    )
    _home: ClassVar[Provider] = OPENROUTER

    async def fetch_models(self) -> None:
        """Fill `models` with what OpenRouter offers now, the current model among them."""
        await self._fetch_listed("models", "OpenRouter API error", _spec)
        self.model = self.models.get(self.model.id, self.model)


def _spec(entry: JSONObject) -> ModelSpec:
    architecture = entry.get("architecture") or {}
    top = entry.get("top_provider") or {}
    pricing = entry.get("pricing") or {}
    parameters = entry.get("supported_parameters") or ()
    gives = architecture.get("output_modalities") or ()
    has = {
        Capability.tool_use: "tools" in parameters,
        Capability.reasoning: "reasoning" in parameters,
        Capability.structured_outputs: "structured_outputs" in parameters,
        Capability.vision: "image" in (architecture.get("input_modalities") or ()),
        Capability.embedding: "embedding" in gives,
    }
    return ModelSpec(
        entry["id"],
        frozenset(capability for capability, there in has.items() if there),
        number(top.get("max_completion_tokens"), 8000),
        number(entry.get("context_length") or top.get("context_length"), 128_000),
        dollars_per_million(pricing.get("prompt")),
        dollars_per_million(pricing.get("completion")),
    )
