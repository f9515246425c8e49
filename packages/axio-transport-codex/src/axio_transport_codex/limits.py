"""How much of a subscription is used up, as the backend tells it with every answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ("Limit", "Limits", "limits_of")


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
    """The limits in the headers of an answer; `None` if there are none."""
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
