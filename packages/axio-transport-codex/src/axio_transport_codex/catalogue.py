"""The models that are known by name, and what the backend's own list says. Without prices: a
subscription pays for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axio.models import Capability, ModelRegistry, ModelSpec

__all__ = ("CODEX_MODELS", "listed_models", "spec_of")

_TEXT = frozenset({Capability.text, Capability.tool_use})
_VISION = _TEXT | {Capability.vision}
_REASONING = _TEXT | {Capability.reasoning}

CODEX_MODELS = ModelRegistry(
    [
        ModelSpec("o4-mini", _REASONING, 100_000, 200_000),
        ModelSpec("o3", _REASONING, 100_000, 200_000),
        ModelSpec("o3-mini", _REASONING, 100_000, 200_000),
        ModelSpec("gpt-4.1", _VISION, 32_768, 1_047_576),
        ModelSpec("gpt-4.1-mini", _VISION, 32_768, 1_047_576),
        ModelSpec("gpt-4.1-nano", _TEXT, 32_768, 1_047_576),
        ModelSpec("gpt-4o", _VISION, 16_384, 128_000),
        ModelSpec("gpt-4o-mini", _VISION, 16_384, 128_000),
    ]
)


def spec_of(id: str, models: ModelRegistry) -> ModelSpec:
    """The entry of `models`; for one that is not listed, a guess that it can use tools."""
    return models.get(id) or ModelSpec(id, _TEXT)


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
                _TEXT,
                _limit(item, "max_output_tokens", 8192),
                _limit(item, "context_window", 128_000),
            )
    return list(specs.values())


def _limit(item: Mapping[str, Any], name: str, default: int) -> int:
    value = item.get(name)
    return value if isinstance(value, int) and value > 0 else default
