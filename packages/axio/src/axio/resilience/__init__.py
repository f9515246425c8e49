"""Transports around transports: each adds one thing and is a transport itself.

    Fallback(Retry(a), Retry(b))      StopRepetition(RateLimit(Retry(Watchdog(a))))

They may be nested in any order. What a wrapper has not got, such as `model`, is the inner one's.
"""

from __future__ import annotations

from axio.resilience.fallback import Fallback
from axio.resilience.rate_limit import RateLimit
from axio.resilience.repetition import StopRepetition
from axio.resilience.retry import Retry
from axio.resilience.watchdog import Watchdog
from axio.wrapper import Wrapper

__all__ = ("Fallback", "RateLimit", "Retry", "StopRepetition", "Watchdog", "Wrapper")
