"""Limits of time for a source that is waited for, with one timer instead of one for each event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import TypeVar

from axio.cancellation import Cancels
from axio.events import StreamEvent
from axio.exceptions import StreamTimeout
from axio.transport import closing

__all__ = ("Watchdog",)

T = TypeVar("T")


class Watchdog:
    """Two limits in seconds, ``None`` for no limit: `silence` is time spent waiting since the last
    `progress`, `total` is all time since construction.

    To be made and used inside one running loop, and to be stopped at the end. The timer is set
    again when it goes off too early. A subclass may do something else in `expired` than to end the
    wait.
    """

    __slots__ = ("_cancels", "_end", "_handle", "_loop", "_over", "_since", "_total", "silence")

    def __init__(self, silence: float | None, total: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.silence = silence
        self._total = total
        self._end = None if total is None else self._loop.time() + total
        self._since: float | None = None
        """Since when the source has been waited for; None while it is not."""
        self._handle: asyncio.TimerHandle | None = None
        self._cancels: Cancels | None = None
        """Those of the task that is in `wait`."""
        self._over: StreamTimeout | None = None
        self._check()

    def stop(self) -> None:
        """No limit holds any more, and no timer is left behind."""
        self.silence = self._end = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def waiting(self) -> None:
        """The source is waited for: silence counts from now, unless it does already."""
        if self._since is None:
            self._since = self._loop.time()
        if self._handle is None:
            self._arm()

    def progress(self) -> None:
        """Something came: silence counts anew from the next wait."""
        self._since = None

    def allows(self, delay: float) -> bool:
        """True if `total` would still hold after another `delay` seconds."""
        return self._end is None or self._loop.time() + delay < self._end

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of `awaitable`, or `StreamTimeout` when a limit is reached first."""
        cancels = self._cancels = Cancels(asyncio.current_task())
        self.waiting()
        try:
            return await awaitable
        finally:
            self._cancels = None
            over, self._over = self._over, None
            if over is not None:
                cancels.take_back()
                # It does not matter how the source took the cancel, not even if it has an answer.
                if not cancels.come_from_elsewhere(cancels.task):
                    raise over from None

    async def listen(self, source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        """The events of `source`. Only the time spent waiting for them counts as silence."""
        async with closing(source):
            self.waiting()
            try:
                async for event in source:
                    self.progress()
                    yield event
                    self.waiting()
            finally:
                self.progress()

    def expired(self, limit: str) -> None:
        """Called from the event loop when a limit is reached: "silence" or "time".

        Nothing happens outside of `wait`, where the consumer has the word. The next wait ends at
        once if the limit still holds then.
        """
        cancels = self._cancels
        if cancels is not None and cancels.task is not None:
            text = (
                f"the model said nothing for {self.silence:g} s"
                if limit == "silence"
                else f"the answer was not complete after {self._total:g} s"
            )
            self._over = StreamTimeout(text, retryable=True)
            cancels.cancel(cancels.task)

    def _next(self) -> tuple[float, str] | None:
        """When the next limit is reached, and which."""
        due = []
        if self._end is not None:
            due.append((self._end, "time"))
        if self.silence is not None and self._since is not None:
            due.append((self._since + self.silence, "silence"))
        return min(due, default=None)

    def _arm(self) -> None:
        due = self._next()
        if due is not None:
            self._handle = self._loop.call_at(due[0], self._check)

    def _check(self) -> None:
        self._handle = None
        due = self._next()
        if due is None:
            return
        if self._loop.time() < due[0]:
            self._arm()
        else:
            self.expired(due[1])
