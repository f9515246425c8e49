"""Nebius Token Factory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from axio.messages import Message
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.client import Request, Schema
from axio.wire.settings import (
    Fields,
    ModelOrId,
    from_environment,
    model_field,
    usual_fields,
)
from axio_transport_openai.catalogue import NEBIUS_MODELS
from axio_transport_openai.listing import choose, dollars_per_million, number
from axio_transport_openai.providers import NEBIUS, Provider
from axio_transport_openai.thinking import THINKING_FIELD, ThinkingMixin
from axio_transport_openai.transport import OpenAITransport

__all__ = ("NebiusTransport",)

PLACEHOLDER = ModelSpec(
    "no model chosen: call fetch_models() first", max_output_tokens=0, context_window=0
)

EMBEDDING_PREFIXES = ("BAAI/bge-", "intfloat/e5-", "intfloat/multilingual-e5-")


@dataclass(slots=True)
class NebiusTransport(ThinkingMixin, OpenAITransport):
    """Nebius. Choose a model, or let `fetch_models` choose one: the cheapest that uses tools."""

    name: str = "Nebius AI Studio"
    base_url: str = "https://api.tokenfactory.nebius.com/v1"
    api_key: str = from_environment("NEBIUS_API_KEY", repr=False)
    model: ModelOrId = model_field(lambda: PLACEHOLDER)
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(NEBIUS_MODELS))
    thinking: bool = False

    FIELDS: ClassVar[Fields] = (
        *usual_fields(
            "NEBIUS_API_KEY",
            "https://api.tokenfactory.nebius.com/v1",
            of_key="from tokenfactory.nebius.com",
        ),
        THINKING_FIELD,
    )
    _home: ClassVar[Provider] = NEBIUS

    async def fetch_models(self) -> None:
        """Fill `models` with what Nebius offers now, and choose a model where the current one is
        not among them."""
        await self._fetch_listed("models?verbose=true", "Nebius API error", _spec)
        self.model = choose(self.model, self.models)

    def build_payload(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> JSONObject:
        payload = ThinkingMixin.build_payload(self, messages, tools, system)
        if self.model.id == PLACEHOLDER.id:
            # It is never sent, and has the same keys as for any model.
            payload.setdefault("max_completion_tokens", PLACEHOLDER.max_output_tokens)
        return payload

    def make_request(
        self, messages: list[Message], tools: list[AnyTool], system: str, schema: Schema = None
    ) -> Request:
        if self.model.id == PLACEHOLDER.id:
            raise RuntimeError("no model is chosen: set `model`, or call fetch_models() first")
        return OpenAITransport.make_request(self, messages, tools, system, schema)


def _spec(entry: JSONObject) -> ModelSpec:
    model_id = entry["id"]
    takes, _, gives = str((entry.get("architecture") or {}).get("modality") or "").partition("->")
    names = {"tool_use" if f == "tools" else f for f in entry.get("supported_features") or ()}
    capabilities = {capability for capability in Capability if capability in names}
    if "image" in takes:
        capabilities.add(Capability.vision)
    if "embedding" in gives or model_id.startswith(EMBEDDING_PREFIXES) or "/Embedding-" in model_id:
        capabilities.add(Capability.embedding)
    pricing = entry.get("pricing") or {}
    return ModelSpec(
        model_id,
        frozenset(capabilities),
        number(entry.get("max_output_tokens"), 25_000),
        number(entry.get("context_length"), 128_000),
        dollars_per_million(pricing.get("prompt")),
        dollars_per_million(pricing.get("completion")),
    )
