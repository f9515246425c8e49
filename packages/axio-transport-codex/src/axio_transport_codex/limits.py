"""How much of a subscription is used up, as the backend tells it with every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from axio.wire.http import Session

__all__ = ("Limit", "Limits", "Observed", "limits_of")


@dataclass(frozen=True, slots=True)
class Limit:
    """One window of usage. Minutes and seconds are `None` where the backend did not say."""

    used_percent: float
    window_minutes: int | None = None
    resets_in_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The short window (hours) and the long one (a week); `None` for one that was not told."""

    primary: Limit | None = None
    secondary: Limit | None = None


def limits_of(headers: Mapping[str, str]) -> Limits | None:
    """What the headers of an answer say; `None` if they say nothing."""
    limits = Limits(_limit(headers, "primary"), _limit(headers, "secondary"))
    return None if limits == Limits() else limits


def _limit(headers: Mapping[str, str], window: str) -> Limit | None:
    used, minutes, seconds = (
        _number(headers.get(f"x-codex-{window}-{name}"))
        for name in ("used-percent", "window-minutes", "reset-after-seconds")
    )
    if used is None:
        return None
    return Limit(
        used, None if minutes is None else int(minutes), None if seconds is None else int(seconds)
    )


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 1e12 else None


class Observed:
    """A session whose answers' headers are shown to `see` first."""

    def __init__(self, session: Session, see: Callable[[Mapping[str, str]], None]) -> None:
        self._session = session
        self._see = see

    def get(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        return self._session.get(url, **options)

    @asynccontextmanager
    async def post(self, url: str, **options: Any) -> AsyncIterator[Any]:
        async with self._session.post(url, **options) as response:
            headers = getattr(response, "headers", None)
            if isinstance(headers, Mapping):
                self._see(headers)
            yield response
