"""Models and their prices (US dollars per million tokens), in the order in which they are shown."""

from __future__ import annotations

from axio.models import Capability, ModelRegistry, ModelSpec

__all__ = ("NEBIUS_MODELS", "OPENAI_MODELS", "OPENROUTER_MODELS")

_TEXT = frozenset({Capability.text, Capability.tool_use})
_VISION = _TEXT | {Capability.vision}
_REASONING = _TEXT | {Capability.reasoning}

OPENAI_MODELS = ModelRegistry(
    [
        ModelSpec("gpt-5.4", _VISION, 128_000, 1_050_000, 10.0, 40.0),
        ModelSpec("gpt-5.4-mini", _VISION, 128_000, 400_000, 1.5, 6.0),
        ModelSpec("gpt-5.4-nano", _TEXT, 128_000, 400_000, 0.30, 1.20),
        ModelSpec("gpt-5.1", _VISION, 128_000, 400_000, 5.0, 20.0),
        ModelSpec("gpt-5", _VISION, 128_000, 400_000, 5.0, 20.0),
        ModelSpec("gpt-5-mini", _VISION, 128_000, 400_000, 1.25, 5.0),
        ModelSpec("gpt-5-nano", _TEXT, 128_000, 400_000, 0.25, 1.0),
        ModelSpec("o3", _REASONING, 100_000, 200_000, 10.0, 40.0),
        ModelSpec("o3-mini", _REASONING, 100_000, 200_000, 1.10, 4.40),
        ModelSpec("o4-mini", _REASONING, 100_000, 200_000, 1.10, 4.40),
        ModelSpec("gpt-4.1", _VISION, 32_768, 1_047_576, 2.0, 8.0),
        ModelSpec("gpt-4.1-mini", _VISION, 32_768, 1_047_576, 0.40, 1.60),
        ModelSpec("gpt-4.1-nano", _TEXT, 32_768, 1_047_576, 0.10, 0.40),
        ModelSpec("gpt-4o", _VISION, 16_384, 128_000, 2.5, 10.0),
        ModelSpec("gpt-4o-mini", _VISION, 16_384, 128_000, 0.15, 0.60),
    ]
)

# Prices of the upstream providers, which OpenRouter passes on. `fetch_models` brings all models.
OPENROUTER_MODELS = ModelRegistry(
    [
        ModelSpec("google/gemini-2.5-pro-preview", _VISION, 65_536, 1_048_576, 1.25, 10.0),
        ModelSpec("google/gemini-2.5-flash", _VISION, 65_535, 1_048_576, 0.30, 2.50),
        ModelSpec("anthropic/claude-sonnet-4.5", _VISION, 64_000, 1_000_000, 3.0, 15.0),
        ModelSpec("anthropic/claude-haiku-4.5", _VISION, 64_000, 200_000, 1.0, 5.0),
        ModelSpec("openai/gpt-4.1", _VISION, 32_768, 1_047_576, 2.0, 8.0),
        ModelSpec("openai/gpt-4.1-mini", _VISION, 32_768, 1_047_576, 0.40, 1.60),
        ModelSpec("openai/gpt-4o-mini", _VISION, 16_384, 128_000, 0.15, 0.60),
    ]
)

# Without prices: Nebius changes them, and `fetch_models` brings today's.
NEBIUS_MODELS = ModelRegistry(
    [
        ModelSpec("MiniMaxAI/MiniMax-M2.5", _REASONING, 25_000, 196_608),
        ModelSpec("meta-llama/Llama-3.3-70B-Instruct", _TEXT, 25_000, 131_072),
        ModelSpec("Qwen/Qwen2.5-VL-72B-Instruct", _VISION, 25_000, 32_768),
    ]
)
