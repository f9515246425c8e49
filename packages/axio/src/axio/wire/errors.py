"""The one typed error that a failed answer becomes, without credentials. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from errno import ECONNREFUSED
from typing import cast

from axio.exceptions import (
    ConnectionFailed,
    ContentFiltered,
    ProtocolError,
    ProviderError,
    StreamError,
    StreamTimeout,
    message_of,
)
from axio.surrogates import joined
from axio.wire.address import HTTP, Address
from axio.wire.retry import RetryPolicy, retry_after
from axio.wire.secret import Secret, blotted

__all__ = (
    "check_sending",
    "connection_failed",
    "error_code",
    "error_from_answer",
    "error_from_stream",
    "passes",
    "request_id",
    "secrets_in",
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
    describe: str,
    status: int,
    answer: Mapping[str, str],
    body: str,
    *,
    secrets: Collection[str] = (),
    address: str = "",
) -> StreamError:
    """The error for an answer with a bad status, or with a good one and something else than events
    in its body.

    `answer` are the headers that came, `address` is what was asked. None of the `secrets` gets into
    the message, though some servers repeat the key that they refuse.
    """
    error = _error_object(body)
    words = _readable(blotted(body, secrets))
    place = f" ({address})" if address else ""
    if 200 <= status < 300 and error is None:
        what = "an HTML page" if body.lstrip().startswith("<") else "one document"
        return ProtocolError(
            f"{describe}: the server answered with {what} instead of a stream of events"
            f" (is the base URL right?): {words}{place}",
            status=status,
            request_id=request_id(answer),
        )
    if 300 <= status < 400:
        target = Address(answer.get("Location") or answer.get("location") or "another address")
        words = f"the server redirects to {target.shown}, which is not followed"
    code = error_code(error)
    kind = ContentFiltered if code in FILTERED else ProviderError
    return kind(
        f"{describe} {status}: {words}{place}",
        status=status,
        code=code,
        request_id=request_id(answer),
        retryable=RetryPolicy.retries(status) and code not in NO_CREDIT,
        retry_after=retry_after(answer),
    )


def check_sending(
    describe: str, address: Address, sent: Mapping[str, str], schemes: tuple[str, ...] = HTTP
) -> None:
    """`ConnectionFailed`, which no second attempt mends, for an address where no server can be
    asked, or not with these headers."""
    problem = address.problem(schemes)
    if not problem and address.signs_in and any(n.lower() == "authorization" for n in sent):
        problem = "it has a user or a password, and there is a key too: leave out one of the two"
    if problem:
        raise ConnectionFailed(f"{describe}: {address.shown}: {problem}", retryable=False)


def connection_failed(
    describe: str, address: Address, error: BaseException, *, secrets: Collection[str] = ()
) -> StreamError:
    """The error for a connection that failed, or was not there in time. It keeps the words of the
    library's `error`, and nothing else of it.

    Waiting helps neither where this machine refuses, nor where an address is none, nor where a
    certificate is not trusted; the latter two are `ValueError`s.
    """
    cause = getattr(error, "os_error", error)  # aiohttp's own words speak of TLS even without it
    refused = isinstance(cause, OSError) and cause.errno == ECONNREFUSED
    late = isinstance(error, TimeoutError)
    words = "no connection in time" if late else "connection failed"
    detail = "refused, nothing listens there" if refused else message_of(cause)
    return (StreamTimeout if late else ConnectionFailed)(
        f"{describe}: {words} ({address.shown}): {blotted(detail, secrets)}",
        retryable=not isinstance(error, ValueError) and not (refused and address.loopback),
    )


def error_from_stream(describe: str, error: object) -> StreamError:
    """The error for an error object inside a stream, in any shape: ``{"message", "type",
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


def secrets_in(sent: Mapping[str, str], address: Address) -> set[str]:
    """The credentials of a request with these headers to this address."""
    found = set(address.secrets)
    for name, value in sent.items():
        if isinstance(value, Secret) or name.lower() in _SECRET_HEADERS:
            plain = str.__str__(value)
            found |= {plain, plain.partition(" ")[2]}  # without its "Bearer"
    return found


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
