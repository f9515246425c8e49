"""A stream of bytes cut into lines. Pure."""

from __future__ import annotations

__all__ = ("LineSplitter", "LineTooLong")


class LineTooLong(ValueError):
    """A line without an end in sight."""


class LineSplitter:
    """`feed` takes what came and returns the lines that it completes, without their ends.

    Time and memory are linear in what is fed. A line of more than `limit` bytes raises
    `LineTooLong`.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        first, *rest = data.split(b"\n")
        if (
            self._held + len(first) > self._limit
            or len(max(rest, key=len, default=b"")) > self._limit
        ):
            raise LineTooLong(f"a line of more than {self._limit} bytes")
        self._parts.append(first)
        self._held += len(first)
        if not rest:
            return []
        lines = [b"".join(self._parts), *rest[:-1]]
        self._parts, self._held = [rest[-1]], len(rest[-1])
        return lines

    def close(self) -> list[bytes]:
        """The last line, if the stream ended without ending it."""
        last = b"".join(self._parts)
        self._parts, self._held = [], 0
        return [last] if last else []
