"""`Pace`: how fast a page may send. Pure."""

from __future__ import annotations

__all__ = ("Pace",)

_RATE = 1000.0  # units a second: many times what hands and a mouse bring about
_BURST = 2000.0
_UNIT = 4096  # bytes that count like a message


class Pace:
    """Every message costs one unit, and one more for each 4 KiB."""

    def __init__(self, now: float) -> None:
        self._left = _BURST
        self._then = now

    def delay(self, size: int, now: float) -> float:
        """Seconds to wait before the message after this one is read."""
        self._left = min(_BURST, self._left + (now - self._then) * _RATE) - 1 - size / _UNIT
        self._then = now
        return max(0.0, -self._left / _RATE)
