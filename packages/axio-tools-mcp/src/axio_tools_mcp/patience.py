"""How long an answer may take: the limit of silence, and the limit of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

__all__ = ("Patience",)


class Patience:
    """`async with Patience(idle=30, total=600) as patience: ...`, with `patience.heard()` at every
    sign of life. Raises `TimeoutError`, whose words name the limit that was reached and the other.
    """

    def __init__(self, *, idle: float, total: float) -> None:
        self._idle = idle
        self._total = total

    async def __aenter__(self) -> Patience:
        now = asyncio.get_running_loop().time()
        self._started = now
        self._end = now + self._total
        self._heard = False
        self._pauses = 0
        self._over = False
        self._limit = asyncio.timeout_at(min(now + self._idle, self._end))
        await self._limit.__aenter__()
        return self

    def heard(self) -> None:
        now = asyncio.get_running_loop().time()
        self._heard = True
        if not self._pauses:
            self._reschedule(min(now + self._idle, self._end))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Count none of the time of the block: the other side waits for us."""
        loop = asyncio.get_running_loop()
        began, heard = loop.time(), self._heard
        self._pauses += 1
        self._reschedule(None)
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._end += loop.time() - began
                self.heard()
                self._heard = heard

    def _reschedule(self, when: float | None) -> None:
        if not self._over and not self._limit.expired():
            self._limit.reschedule(when)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over = True
        deadline = self._limit.when()
        try:
            await self._limit.__aexit__(exc_type, exc, traceback)
        except TimeoutError:
            if deadline == self._end:
                raise TimeoutError(
                    f"no answer in {self._total:g} s, the limit of a call (total_timeout; it "
                    f"may be silent for {self._idle:g} s)"
                ) from None
            silent = "no more progress" if self._heard else "neither an answer nor progress"
            raise TimeoutError(
                f"{silent} for {self._idle:g} s, the limit of silence (timeout; a call may take "
                f"{self._total:g} s in all)"
            ) from None
