"""When to try a request again, and after how long. Pure: `axio.wire.http` does the waiting."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

from axio.exceptions import ProviderError

__all__ = ("MAX_DELAY", "RetryPolicy", "retry_after")

MAX_DELAY = 60.0
"""No single wait is longer, in seconds, whatever the server asks for."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
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

    @staticmethod
    def retries(status: int) -> bool:
        """Whether an HTTP status is worth another try: what `ProviderError` says of it."""
        return ProviderError.passes(status)

    def delay(self, attempt: int, asked: float | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1); `asked` is what the
        server wished."""
        if asked is not None:
            return min(asked, MAX_DELAY)
        delay = min(self.base_delay * 2.0 ** min(attempt - 1, 60), MAX_DELAY)
        return delay * (1.0 - self.jitter * random.random()) if self.jitter else delay


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as a number or as an HTTP date (RFC 9110,
    10.2.3).

    ``None`` where there is no such header or it says nothing usable; never negative.
    """
    value = headers.get("Retry-After") or headers.get("retry-after")
    if not isinstance(value, str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None
        if when.tzinfo is None:  # the zone "-0000" parses as unknown; HTTP dates are always GMT
            when = when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    else:
        if not isfinite(seconds) or seconds < 0:
            return None
    return max(seconds, 0.0)
