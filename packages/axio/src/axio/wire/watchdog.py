"""The limits of time of an answer; `axio.watchdog` has them for everything that waits."""

from __future__ import annotations

from axio.watchdog import Watchdog

__all__ = ("Watchdog",)
