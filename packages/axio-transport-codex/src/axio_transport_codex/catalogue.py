"""The models that are known by name, and what the backend's own list says. Without prices: a
subscription pays for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from axio.models import Capability, ModelRegistry, ModelSpec
from axio_transport_openai.catalogue import OPENAI_MODELS

__all__ = ("CODEX_MODELS", "listed_models")

CODEX_MODELS = ModelRegistry(
    replace(OPENAI_MODELS[id], input_cost=0.0, output_cost=0.0)
    for id in (
        *("o4-mini", "o3", "o3-mini", "gpt-4.1", "gpt-4.1-mini"),
        *("gpt-4.1-nano", "gpt-4o", "gpt-4o-mini"),
    )
)


def listed_models(answer: Any) -> list[ModelSpec]:
    """The models of the backend's answer, empty if it is none: `{"models": [{"slug", ...}]}`, or
    `data` and `id` as elsewhere. Models that are known keep what is known of them."""
    if isinstance(answer, dict):
        answer = answer.get("models") or answer.get("data")
    specs: dict[str, ModelSpec] = {}
    for item in answer if isinstance(answer, list) else ():
        id = (item.get("id") or item.get("slug")) if isinstance(item, dict) else None
        if isinstance(id, str) and id:
            specs[id] = CODEX_MODELS.get(id) or ModelSpec(
                id,
                frozenset({Capability.text, Capability.tool_use}),
                _limit(item, "max_output_tokens", 8192),
                _limit(item, "context_window", 128_000),
            )
    return list(specs.values())


def _limit(item: Mapping[str, Any], name: str, default: int) -> int:
    value = item.get(name)
    return value if isinstance(value, int) and value > 0 else default
