"""The Claude models that are known by name, with their limits and prices."""

from __future__ import annotations

from axio.models import Capability, ModelRegistry, ModelSpec

__all__ = ("ANTHROPIC_MODELS", "CAPABILITIES", "DEFAULT_MODEL", "spec_of", "writes_json")

CAPABILITIES = frozenset(
    {Capability.text, Capability.vision, Capability.reasoning, Capability.tool_use}
)

DEFAULT_MODEL = "claude-sonnet-4-6"


def _claude(
    id: str, context: int, max_output: int, input_cost: float, output_cost: float
) -> ModelSpec:
    # Reading from the cache costs a tenth of the input's price, writing to it a quarter more.
    # https://docs.claude.com/en/docs/build-with-claude/prompt-caching
    read, write = round(input_cost * 0.1, 6), round(input_cost * 1.25, 6)
    return ModelSpec(id, CAPABILITIES, max_output, context, input_cost, output_cost, read, write)


ANTHROPIC_MODELS = ModelRegistry(
    [
        _claude("claude-opus-4-6", 1_000_000, 128_000, 5, 25),
        _claude("claude-sonnet-4-6", 1_000_000, 64_000, 3, 15),
        _claude("claude-haiku-4-5", 200_000, 64_000, 1, 5),
        _claude("claude-haiku-4-5-20251001", 200_000, 64_000, 1, 5),
        _claude("claude-opus-4-5", 200_000, 64_000, 5, 25),
        _claude("claude-sonnet-4-5", 200_000, 64_000, 3, 15),
    ]
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


def spec_of(id: str) -> ModelSpec:
    """The model of that name; for one that is not listed, what every Claude can do at least."""
    known = ANTHROPIC_MODELS.get(id)
    return known or ModelSpec(id, CAPABILITIES, max_output_tokens=8192, context_window=200_000)


def writes_json(id: str) -> bool:
    """Whether the API can hold this model to a JSON schema."""
    return id.removeprefix("anthropic/").startswith(_JSON_WRITERS)
