"""Bodies that a server compressed although it was asked not to, in pieces of bounded size. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

__all__ = ("Inflater",)

PIECE = 1 << 16
"""Bytes in one piece at most, however small what they come from."""

TAKEN = 1 << 10
"""Bytes taken at a time. What is not used up is copied for each piece, so these are few."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Inflater:
    """For "gzip" and "deflate". Raises `ValueError` for another encoding and for broken data."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(f"the answer is compressed with {encoding[:40]!r}")
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The content of `chunk`, piece by piece; nothing is unpacked before it is asked for."""
        for start in range(0, len(chunk), TAKEN):
            taken = chunk[start : start + TAKEN]
            while taken and not self._inflate.eof:
                try:
                    piece = self._inflate.decompress(taken, PIECE)
                except zlib.error as error:
                    raise ValueError(f"the answer cannot be decompressed: {error}") from None
                taken = self._inflate.unconsumed_tail
                if piece:
                    yield piece
