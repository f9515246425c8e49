"""When to try a request again, and after how long. Pure: `axio.wire.http` does the waiting."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import NamedTuple

from axio.exceptions import ProviderError

__all__ = ("MAX_DELAY", "RetryPolicy", "retry_after")

MAX_DELAY = 60.0
"""No single wait is longer, in seconds, however long the server asks for."""


class RetryPolicy(NamedTuple):
    """How often one request is tried, and how long to wait in between.

    Only what happens before the first event of an answer is ever retried; what was delivered is
    never repeated.
    """

    attempts: int = 10
    """Requests in all, the first included. At least one is made."""
    base_delay: float = 5.0
    """Seconds before the second request; each further wait is twice as long, up to `MAX_DELAY`."""
    jitter: float = 0.0
    """Share of a computed delay that is taken off at random (0 to 1), so that many clients do not
    return at once. A delay that the server named is kept."""

    total: float | None = MAX_DELAY
    """Seconds after the first failure in which all further requests have to begin; ``None`` for no
    limit."""

    def allows(self, attempt: int, waited: float) -> bool:
        """True if another request may follow attempt number `attempt`, which begins `waited`
        seconds after the first failure."""
        return attempt < self.attempts and (self.total is None or waited <= self.total)

    @staticmethod
    def retries(status: int) -> bool:
        """True for an HTTP status that is worth another try, by the rule of `ProviderError`."""
        return ProviderError.passes(status)

    def delay(self, attempt: int, asked: float | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1); `asked` is what the
        server wished."""
        if asked is not None:
            return min(asked, MAX_DELAY)
        delay = min(self.base_delay * 2.0 ** min(attempt - 1, 60), MAX_DELAY)
        return delay * (1.0 - self.jitter * random.random()) if self.jitter else delay


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that a server asks to wait: in ``retry-after-ms``, or in ``Retry-After``, as a number
    or as an HTTP date (RFC 9110, 10.2.3).

    ``None`` where there is no such header or it says nothing usable; never negative.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:  # the finer one, where both are there
        return milliseconds / 1000
    value = headers.get("Retry-After") or headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not isinstance(value, str):
        return seconds
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:  # the zone "-0000" parses as unknown; HTTP dates are always GMT
        when = when.replace(tzinfo=UTC)
    return max((when - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _number(value: object) -> float | None:
    """A finite number that is not negative."""
    try:
        number = float(value) if isinstance(value, str) else -1.0
    except ValueError:
        return None
    return number if isfinite(number) and number >= 0 else None
