"""The one typed error that a failed answer becomes, without credentials. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, StreamError
from axio.surrogates import joined
from axio.wire.retry import RetryPolicy, retry_after

__all__ = (
    "error_code",
    "error_from_answer",
    "error_from_stream",
    "passes",
    "request_id",
    "without_secrets",
)

MAX_ECHO = 2000
"""Characters of a server's words that an error message repeats."""

NO_CREDIT = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "insufficient_balance",
        "usage_limit_reached",  # of a subscription, for hours
        "usage_not_included",
    }
)
"""Codes of 429 answers that no waiting mends."""

PASSING = frozenset(
    {
        *("api", "internal_server", "network", "overloaded", "rate_limit", "rate_limit_exceeded"),
        *("server", "server_overloaded", "service_unavailable", "timeout", "too_many_requests"),
        "unavailable",
    }
)
"""Names of troubles that pass by themselves, in lower case and without "_error" at the end."""

FILTERED = frozenset(
    {"content_filter", "content_policy_violation", "responsible_ai_policy_violation"}
)
"""Codes of errors that say: what was asked or answered is not allowed."""

_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "cf-ray",
)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)


def error_from_answer(
    describe: str, status: int, answer: Mapping[str, str], body: str, *, sent: Mapping[str, str]
) -> StreamError:
    """The error for an answer with a bad status, or with a good one and something else than events
    in its body.

    `answer` are the headers that came, `sent` the ones of the request, whose credentials never get
    into the message.
    """
    error = _error_object(body)
    if 200 <= status < 300 and error is None:
        what = "an HTML page" if body.lstrip().startswith("<") else "one document"
        return ProtocolError(
            f"{describe}: the server answered with {what} instead of a stream of events"
            f" (is the base URL right?): {without_secrets(_readable(body), sent)}",
            status=status,
            request_id=request_id(answer),
        )
    code = error_code(error)
    kind = ContentFiltered if code in FILTERED else ProviderError
    return kind(
        f"{describe} {status}: {without_secrets(_readable(body), sent)}",
        status=status,
        code=code,
        request_id=request_id(answer),
        retryable=RetryPolicy.retries(status) and code not in NO_CREDIT,
        retry_after=retry_after(answer),
    )


def error_from_stream(describe: str, error: object) -> StreamError:
    """The error for an error object inside a stream, whatever its shape: ``{"message", "type",
    "code"}`` or a string."""
    code = error_code(error)
    message = error
    status = None
    if isinstance(error, dict):
        message = error.get("message") or error
        named = (_status(error.get(key)) for key in ("code", "status", "http_code"))
        status = next(filter(None, named), None)
    if not isinstance(message, str):
        message = json.dumps(message, ensure_ascii=False, default=str)
    kind = ContentFiltered if code in FILTERED else ProviderError
    may_pass = passes(code) or (isinstance(error, dict) and passes(error.get("type")))
    return kind(
        f"{describe}: {joined(message[:MAX_ECHO])}",
        status=status,
        code=code,
        retryable=code not in NO_CREDIT
        and (may_pass or (status is not None and RetryPolicy.retries(status))),
    )


def passes(name: object) -> bool:
    """True if an error of this name may be gone a moment later."""
    return isinstance(name, str) and name.lower().removesuffix("_error") in PASSING


def error_code(error: object) -> str | None:
    """The provider's own name for an error: its code, else its type."""
    if not isinstance(error, dict):
        return None
    for value in (error.get("code"), error.get("type"), error.get("status")):
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return joined(str(value))
    return None


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id that the provider's support asks for."""
    for name in _REQUEST_ID_HEADERS:
        value = headers.get(name)
        if isinstance(value, str):
            return value
    return None


def without_secrets(text: str, sent: Mapping[str, str]) -> str:
    """`text` with every credential of the `sent` headers blotted out: some servers repeat the key
    they refuse."""
    for name, value in sent.items():
        if name.lower() in _SECRET_HEADERS:
            for secret in (value, value.partition(" ")[2]):
                if len(secret) >= 6:
                    text = text.replace(secret, "***")
    return text


def _error_object(body: str) -> object | None:
    """The error inside a JSON body, or ``None``. Shapes: ``{"error": …}``, ``[{"error": …}]``,
    ``{"detail": …}``, ..."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return None
    for key in ("error", "detail", "errors"):
        if parsed.get(key):
            return cast(object, parsed[key])
    return parsed if parsed.get("object") == "error" or parsed.get("type") == "error" else None


def _readable(body: str) -> str:
    """`body` on one line, bounded; of an HTML page only its title."""
    if body.lstrip().startswith("<"):
        title = _TITLE.search(body)
        return " ".join(title[1].split())[:MAX_ECHO] if title else "an HTML page without a title"
    line = " ".join(body.split())
    return line if len(line) <= MAX_ECHO else line[:MAX_ECHO] + " …"


def _status(value: object) -> int | None:
    """The HTTP status that an error names as its code, as a number or in digits."""
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None
