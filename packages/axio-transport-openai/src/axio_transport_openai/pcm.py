"""Speech at one rate as speech at another."""

from __future__ import annotations

import sys
from array import array

__all__ = ("Resampler",)


class Resampler:
    """`feed` mono PCM of 16 bits, little-endian, at `rate`; it comes back at the rate `to`.

    Pieces may end anywhere, in the middle of a sample too. Between two samples runs a straight
    line, which does for speech.
    """

    def __init__(self, rate: int, to: int) -> None:
        self._rate = rate
        self._to = to
        self._at = 0
        """Where the next sample lies: in units of 1 / `to` of the known ones."""
        self._known: array[int] = array("h")
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) & ~1
        self._rest = data[whole:]
        known = self._known
        known.extend(_swapped(array("h", data[:whole])))
        made: array[int] = array("h")
        at, rate, to = self._at, self._rate, self._to
        end = (len(known) - 1) * to
        while at < end:
            index, part = divmod(at, to)
            low = known[index]
            made.append(low + (known[index + 1] - low) * part // to)
            at += rate
        used = min(at // to, max(len(known) - 1, 0))
        del known[:used]
        self._at = at - used * to
        return _swapped(made).tobytes()


def _swapped(samples: array[int]) -> array[int]:
    """`samples` from or to little-endian."""
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
