"""Ends a wait that lasts too long, with one timer for a stream instead of one for each chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from axio.exceptions import StreamTimeout

__all__ = "Watchdog"

T = TypeVar("T")


class Watchdog:
    """Two limits in seconds, ``None`` for no limit: `idle` since the last `progress`, `total` since
    construction.

    Only time inside `wait` is interrupted. To be made and used inside one running loop; `stop` it
    at the end.
    """

    __slots__ = ("_end", "_expired", "_handle", "_idle", "_last", "_loop", "_task", "_total")

    def __init__(self, idle: float | None, total: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._total = total
        self._last = self._loop.time()
        self._end = None if total is None else self._last + total
        self._task: asyncio.Task[object] | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._expired = False

    def progress(self) -> None:
        """Something came: `idle` counts from now."""
        self._last = self._loop.time()

    def allows(self, delay: float) -> bool:
        """Whether waiting for `delay` seconds would still be within `total`."""
        return self._end is None or self._loop.time() + delay < self._end

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of `awaitable`, or `StreamTimeout` when a limit is reached first."""
        task = asyncio.current_task()
        assert task is not None
        cancelling = task.cancelling()
        self._task = task
        if self._handle is None:
            self._rearm()
        try:
            return await awaitable
        except asyncio.CancelledError:
            # ours only if nobody else asked too: then the count is back where it was
            if self._expired and task.uncancel() <= cancelling:
                raise StreamTimeout(self._describe(), retryable=True) from None
            raise
        finally:
            self._task = None

    def stop(self) -> None:
        """No timer is left behind."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> float | None:
        idle = None if self._idle is None else self._last + self._idle
        if idle is None or self._end is None:
            return self._end if idle is None else idle
        return min(idle, self._end)

    def _rearm(self) -> None:
        due = self._due()
        if due is not None:
            self._handle = self._loop.call_at(due, self._check)

    def _check(self) -> None:
        self._handle = None
        due = self._due()
        if self._task is None or due is None:
            return  # the consumer has the word; the next wait arms the timer again
        if self._loop.time() < due:
            self._rearm()
        else:
            self._expired = True
            self._task.cancel()

    def _describe(self) -> str:
        if self._end is not None and self._loop.time() >= self._end:
            return f"the answer was not complete after {self._total:g} s"
        return f"nothing came from the model for {self._idle:g} s"
