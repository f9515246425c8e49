"""Ctrl-C and its relatives: the run is cancelled, and a second later the process is gone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

__all__ = ("Stopped", "run_stoppable")

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that a run may take to stop its tools and close its connections.
GRACE = 0.9


class Stopped(Exception):
    """A signal ended the run; `exit_code` is what a shell gives for it (130 for Ctrl-C).

    Until the process ends, which must be soon, a timer waits to end it the hard way.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


def run_stoppable(runner: asyncio.Runner, run: Coroutine[Any, Any, T]) -> T:
    """The result of `run`. The first signal cancels it and raises `Stopped` when it has ended.

    A run that does not end within `GRACE` seconds, because a tool blocks the event loop or holds
    on to its cancellation, is left where it is: the process exits. So does a second signal.
    Signals that were ignored, as in a background job, stay ignored.
    """
    received: list[int] = []
    loop = runner.get_loop()

    async def stoppable() -> T:
        task = asyncio.current_task()
        assert task is not None

        def stop(signum: int, frame: FrameType | None) -> None:
            if received:
                os._exit(128 + received[0])
            received.append(signum)
            signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + signum))
            signal.setitimer(signal.ITIMER_REAL, GRACE)
            loop.call_soon_threadsafe(task.cancel)

        handled = [s for s in SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
        before = {signum: signal.signal(signum, stop) for signum in handled}
        try:
            return await run
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    try:
        result = runner.run(stoppable())
    except BaseException:
        if not received:
            raise
    if received:
        raise Stopped(received[0])
    return result
