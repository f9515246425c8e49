"""The two limits that interrupt: the run's time, and the model's silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from axio.budget import Budget
from axio.events import StreamEvent
from axio.exceptions import LimitReached
from axio.transport import closing

__all__ = ("Watchdog",)


class Watchdog:
    """One timer a run, set again when it goes off too early; `stop` ends it.

    `interrupt` is called once, from the event loop, with the limit that was reached.
    """

    __slots__ = ("_budgets", "_handle", "_interrupt", "_loop", "_silence", "_waiting_since")

    def __init__(
        self, budgets: tuple[Budget, ...], interrupt: Callable[[LimitReached], None]
    ) -> None:
        self._budgets = budgets
        self._interrupt = interrupt
        self._loop = asyncio.get_running_loop()
        self._silence = min((b.silence for b in budgets if b.silence is not None), default=None)
        self._waiting_since: float | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._check()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _check(self) -> None:
        waits = []
        left = [s for s in (budget.seconds_left() for budget in self._budgets) if s is not None]
        if left:
            if min(left) <= 0:
                self._interrupt(LimitReached("the run took too long", reason="time"))
                return
            waits.append(min(left))
        if self._silence is not None:
            silent = 0.0
            if self._waiting_since is not None:
                silent = self._loop.time() - self._waiting_since
            if silent >= self._silence:
                text = f"the model said nothing for {self._silence:g} s"
                self._interrupt(LimitReached(text, reason="silence"))
                return
            waits.append(self._silence - silent)
        if waits:
            self._handle = self._loop.call_later(min(waits), self._check)

    async def listen(self, source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        """The events of `source`. Only the time spent waiting for it counts as silence."""
        if self._silence is None:
            async with closing(source):
                async for event in source:
                    yield event
            return
        clock = self._loop.time
        async with closing(source):
            self._waiting_since = clock()
            try:
                async for event in source:
                    self._waiting_since = None
                    yield event
                    self._waiting_since = clock()
            finally:
                self._waiting_since = None
