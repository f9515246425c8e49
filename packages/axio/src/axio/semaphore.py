"""A semaphore that belongs to no event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

__all__ = ("Semaphore",)


class Semaphore:
    """At most `value` holders at a time in each event loop.

    `asyncio.Semaphore` stays with the first loop that waits on it, so an object that owns one
    would break in a second `asyncio.run`.
    """

    __slots__ = ("_by_loop", "_value")

    def __init__(self, value: int) -> None:
        if value < 1:
            raise ValueError(f"concurrency must be at least 1, got {value}")
        self._value = value
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    def __reduce__(self) -> tuple[type[Semaphore], tuple[int]]:
        return type(self), (self._value,)  # A copy is held by no call.

    def _current(self) -> asyncio.Semaphore:
        import asyncio  # Here, so that no program pays for it that only defines agents.

        loop = asyncio.get_running_loop()
        semaphore = self._by_loop.get(loop)
        if semaphore is None:
            semaphore = self._by_loop[loop] = asyncio.Semaphore(self._value)
        return semaphore

    async def __aenter__(self) -> None:
        await self._current().acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self._current().release()
