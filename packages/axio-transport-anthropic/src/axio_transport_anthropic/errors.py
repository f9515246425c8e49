"""The words of the API when it fails or refuses, inside a stream, as axio's errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axio.exceptions import ContentFiltered, StreamError
from axio.surrogates import joined
from axio.wire.errors import error_from_stream
from axio.wire.lenient import text_in

__all__ = ("provider_error", "refused")


def provider_error(data: Mapping[str, Any]) -> StreamError:
    """The error for the data of an error event.

    Anthropic nests it (`{"error": {"type", "message"}, "request_id"}`), others do not.
    """
    error = data.get("error")
    if not isinstance(error, dict):
        error = {"message": error} if isinstance(error, str) else dict(data)
    kind = text_in(error, "type") or "error"
    told = {**error, "message": text_in(error, "message") or "no message"}
    failure = error_from_stream(f"Anthropic error: {joined(kind)}", told)
    failure.request_id = joined(text_in(data, "request_id")) or None
    return failure


def refused(details: Any) -> ContentFiltered:
    """The error for the stop reason "refusal", whose `stop_details` may say more."""
    category = explanation = ""
    if isinstance(details, dict):
        category, explanation = text_in(details, "category"), text_in(details, "explanation")
    message = "Anthropic refused to answer"
    message += f" ({category})" if category else ""
    message += f": {explanation}" if explanation else ""
    return ContentFiltered(message, code="refusal")
