"""The reasons that servers give for the end of an answer, in all spellings: one table. Pure."""

from __future__ import annotations

import logging
from typing import Any

from axio.exceptions import ContentFiltered, ProviderError, StreamError
from axio.types import StopReason
from axio.wire.errors import passes

__all__ = ("reason_of", "stop_for")

logger = logging.getLogger("axio.wire")

REASONS = {
    "stop": StopReason.end_turn,
    "stop_sequence": StopReason.end_turn,
    "end_turn": StopReason.end_turn,
    "complete": StopReason.end_turn,
    "eos": StopReason.end_turn,  # Together
    "eos_token": StopReason.end_turn,  # text-generation-inference
    "pause_turn": StopReason.end_turn,  # Anthropic
    "compaction": StopReason.end_turn,  # Anthropic
    "tool_call": StopReason.tool_use,
    "tool_calls": StopReason.tool_use,
    "function_call": StopReason.tool_use,
    "tool_use": StopReason.tool_use,
    "length": StopReason.max_tokens,
    "max_tokens": StopReason.max_tokens,
    "max_output_tokens": StopReason.max_tokens,
    "model_length": StopReason.max_tokens,  # Mistral: the context is full
    "model_context_window_exceeded": StopReason.max_tokens,
}
"""In lower case. There are others than these: see `stop_for`."""

FILTERED = frozenset(
    {
        *("content_filter", "safety", "sensitive", "recitation"),
        *("blocklist", "prohibited_content", "spii"),  # Gemini
    }
)

FAILED = frozenset({"error", "failed"})


def reason_of(sent: Any) -> str | None:
    """A reason as it was sent; None for what says that there is none yet."""
    reason = str(sent).strip() if sent else ""
    return None if reason.lower() in ("", "null", "none") else reason


def stop_for(
    reason: str, describe: str, *, answered: bool, called: bool
) -> StopReason | StreamError:
    """The meaning of a reason. An unknown one ends the turn if there is an answer, and is
    logged. `describe` is how messages of errors begin."""
    name = reason.lower()
    stop = REASONS.get(name)
    if stop is not None:
        return stop
    if name in FILTERED:
        message = f"{describe}: the provider's content filter stopped the answer ({reason})"
        return ContentFiltered(message, code=reason)
    if answered and name not in FAILED and not passes(name):
        logger.warning("an answer ended for an unknown reason: %r", reason)
        return StopReason.tool_use if called else StopReason.end_turn
    message = f"{describe}: the answer ended with {reason!r}"
    return ProviderError(message, code=reason, retryable=passes(name))
