"""Tests of code that waits for seconds, in no time: the clock of the loop jumps to the next timer.

@in_no_time
async def test_patience_ends() -> None:
    ...  # `await asyncio.sleep(3600)` takes an hour by the loop's clock, and no time

The clock stands still while something is left to do, and jumps as soon as nothing is: a busy
machine makes no difference. It knows nothing of threads, processes and servers. Where nothing is
left to do and no timer is set the test fails instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec

__all__ = ("JumpingLoop", "in_no_time", "live_timers", "made_timers")

P = ParamSpec("P")


class _Impatient(selectors.DefaultSelector):
    """Waits for nothing: it notes by how much the clock must jump instead."""

    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits, and nothing is left that could happen"
            self.ahead += max(0.0, timeout)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """Keeps its timers, for `live_timers`."""

    def __init__(self) -> None:
        self._clock = _Impatient()
        self.timers: list[asyncio.TimerHandle] = []
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.ahead

    def call_at(  # type: ignore[override]  # all of it is passed on
        self, when: float, *args: Any, **options: Any
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, *args, **options)
        self.timers.append(timer)
        return timer


def in_no_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """The test, run on a `JumpingLoop` of its own."""

    @wraps(test)
    def run(*args: P.args, **options: P.kwargs) -> None:
        async def body() -> None:
            await test(*args, **options)

        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(body())

    return run


def made_timers() -> list[asyncio.TimerHandle]:
    """All timers that were set on the running `JumpingLoop`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    return loop.timers


def live_timers() -> list[asyncio.TimerHandle]:
    """Those of them that are still to go off."""
    now = asyncio.get_running_loop().time()
    return [timer for timer in made_timers() if not timer.cancelled() and timer.when() > now]
