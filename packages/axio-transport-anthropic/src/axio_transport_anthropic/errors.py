"""What the API says when it fails or refuses, inside a stream, as axio's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axio.exceptions import ContentFiltered, ProviderError
from axio_transport_anthropic.payloads import text_in

__all__ = ("provider_error", "refused")

# Errors of the provider's side: the same request may work a moment later.
PASSING_ERRORS = frozenset(
    {"api_error", "overloaded_error", "rate_limit_error", "server_error", "timeout_error"}
)


def provider_error(data: Mapping[str, Any]) -> ProviderError:
    """The error for the data of an error event.

    Anthropic nests it (`{"error": {"type", "message"}, "request_id"}`), others do not.
    """
    error = data.get("error")
    if isinstance(error, str):
        error = {"message": error}
    elif not isinstance(error, dict):
        error = data
    kind = text_in(error, "type") or "error"
    message = text_in(error, "message") or "no message"
    status = error.get("code")
    return ProviderError(
        f"Anthropic error: {kind}: {message}",
        status=status if isinstance(status, int) else None,
        code=kind,
        request_id=text_in(data, "request_id") or None,
        retryable=kind in PASSING_ERRORS,
    )


def refused(details: Any) -> ContentFiltered:
    """The error for the stop reason "refusal", whose `stop_details` may say more."""
    category = explanation = ""
    if isinstance(details, dict):
        category, explanation = text_in(details, "category"), text_in(details, "explanation")
    message = "Anthropic refused to answer"
    message += f" ({category})" if category else ""
    message += f": {explanation}" if explanation else ""
    return ContentFiltered(message, code="refusal")
