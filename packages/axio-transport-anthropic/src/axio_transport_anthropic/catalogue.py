"""The Claude models that are known by name, with their limits and prices."""

from __future__ import annotations

import re
from dataclasses import replace

from axio.models import Capability, ModelRegistry, ModelSpec

__all__ = (
    "ANTHROPIC_MODELS",
    "CAPABILITIES",
    "DEFAULT_MODEL",
    "spec_of",
    "with_cache_prices",
    "writes_json",
)

CAPABILITIES = frozenset(
    {Capability.text, Capability.vision, Capability.reasoning, Capability.tool_use}
)

DEFAULT_MODEL = "claude-sonnet-4-6"


def with_cache_prices(spec: ModelSpec) -> ModelSpec:
    """Reading from the cache costs a tenth of other input, writing to it a quarter more.

    https://docs.claude.com/en/docs/build-with-claude/prompt-caching
    """
    read, write = round(spec.input_cost * 0.1, 6), round(spec.input_cost * 1.25, 6)
    return replace(spec, cache_read_cost=read, cache_write_cost=write)


ANTHROPIC_MODELS = ModelRegistry(
    with_cache_prices(spec)
    for spec in (
        ModelSpec("claude-opus-4-6", CAPABILITIES, 128_000, 1_000_000, 5.0, 25.0),
        ModelSpec("claude-sonnet-4-6", CAPABILITIES, 64_000, 1_000_000, 3.0, 15.0),
        ModelSpec("claude-haiku-4-5", CAPABILITIES, 64_000, 200_000, 1.0, 5.0),
        ModelSpec("claude-haiku-4-5-20251001", CAPABILITIES, 64_000, 200_000, 1.0, 5.0),
        ModelSpec("claude-opus-4-5", CAPABILITIES, 64_000, 200_000, 5.0, 25.0),
        ModelSpec("claude-sonnet-4-5", CAPABILITIES, 64_000, 200_000, 3.0, 15.0),
    )
)

# https://docs.claude.com/en/docs/build-with-claude/structured-outputs
_JSON_WRITERS = (
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "claude-opus-4-1",
)


_DECORATION = re.compile(r"^anthropic/|[-@](\d{8}|latest)$")


def spec_of(id: str) -> ModelSpec:
    """The model of that name, also of one of its dated versions; for one that is not listed, what
    every Claude can do at least."""
    known = ANTHROPIC_MODELS.get(id) or ANTHROPIC_MODELS.get(_DECORATION.sub("", id))
    if known is None:
        return ModelSpec(id, CAPABILITIES, max_output_tokens=8192, context_window=200_000)
    return replace(known, id=id)


def writes_json(id: str) -> bool:
    """True if the API can hold this model to a JSON schema."""
    return id.removeprefix("anthropic/").startswith(_JSON_WRITERS)
