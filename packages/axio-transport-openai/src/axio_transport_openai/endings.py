"""How an answer ends: the reasons that servers give for it, and errors inside the stream. Pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, StreamError
from axio.types import StopReason
from axio.wire.errors import passes

__all__ = ("DESCRIBE", "FINISH_REASONS", "error_in", "protocol_error", "reason_of", "stop_for")

DESCRIBE = "Provider error during streaming"

logger = logging.getLogger("axio_transport_openai")

FINISH_REASONS = {
    "stop": StopReason.end_turn,
    "stop_sequence": StopReason.end_turn,
    "end_turn": StopReason.end_turn,
    "complete": StopReason.end_turn,
    "eos": StopReason.end_turn,  # Together
    "eos_token": StopReason.end_turn,  # text-generation-inference
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
"""In lower case. There are more than anybody knows: see `stop_for`."""

FILTERED = frozenset(
    {
        *("content_filter", "safety", "sensitive", "recitation"),
        *("blocklist", "prohibited_content", "spii"),  # Gemini
    }
)

FAILED = frozenset({"error", "failed"})


def reason_of(sent: Any) -> str | None:
    """A finish reason as it was sent; None for what says that there is none yet."""
    reason = str(sent).strip() if sent else ""
    return None if reason.lower() in ("", "null", "none") else reason


def stop_for(
    reason: str, *, answered: bool, called: bool, describe: str = DESCRIBE
) -> StopReason | StreamError:
    """The meaning of a finish reason. One that nobody knows ends the turn if there is an answer,
    and is logged."""
    name = reason.lower()
    stop = FINISH_REASONS.get(name)
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


def error_in(payload: Mapping[str, Any], event: str) -> Any:
    """The error that a payload without an answer is or holds; None for another one."""
    for key in ("error", "detail", "errors"):
        if payload.get(key):
            return payload[key]
    groq = payload.get("x_groq")
    if isinstance(groq, dict) and groq.get("error"):
        return groq["error"]
    if payload.get("object") == "error" or event == "error":
        return payload
    message, code, kind = (payload.get(key) for key in ("message", "code", "type"))
    named = bool(code) or (isinstance(kind, str) and "error" in kind.lower())
    return payload if named and message and isinstance(message, str) else None


def protocol_error(
    what: str, data: str, *, retryable: bool = False, describe: str = DESCRIBE
) -> ProtocolError:
    shown = data if len(data) <= 200 else data[:200] + " …"
    return ProtocolError(f"{describe}: {what}: {shown}", retryable=retryable)
