"""Ctrl-C and its relatives: the run is cancelled, and a second later the process is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

__all__ = ("Interrupts", "Stopped", "run_stoppable")

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that a run may take to stop its tools and close its connections.
GRACE = 0.8


class Stopped(Exception):
    """A signal ended the run; `exit_code` is what a shell gives for it (130 for Ctrl-C).

    Until the process ends, which must be soon, a timer waits to end it the hard way.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


class Interrupts:
    """The things that Ctrl-C ends: the program or, first, the run that goes on in it."""

    def __init__(self) -> None:
        self._stop: Callable[[], object] | None = None

    @contextmanager
    def ending(self, stop: Callable[[], object]) -> Iterator[None]:
        """Inside the block the first Ctrl-C calls `stop`, in the event loop."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def take(self) -> Callable[[], object] | None:
        """The call that the next Ctrl-C makes; the one after it ends the program."""
        stop, self._stop = self._stop, None
        return stop


def run_stoppable(
    runner: asyncio.Runner, run: Coroutine[Any, Any, T], interrupts: Interrupts | None = None
) -> T:
    """The result of `run`. The first signal cancels it and raises `Stopped` when it has ended. With
    `interrupts` Ctrl-C may end something else first.

    A run that does not end within `GRACE` seconds, because a tool blocks the event loop or holds
    on to its cancellation, is left where it is: the process ends with its children. So it does
    after a second signal.
    Signals that were ignored, as in a background job, stay ignored.
    """
    received: list[int] = []
    milder: list[Callable[[], object]] = []
    loop = runner.get_loop()

    async def stoppable() -> T:
        task = asyncio.current_task()
        assert task is not None

        def stop(signum: int, frame: FrameType | None) -> None:
            if received:
                _end(128 + received[0])
            first = interrupts.take() if interrupts and signum == signal.SIGINT else None
            if first is not None:
                milder.append(first)
                return
            received.append(signum)
            signal.signal(signal.SIGALRM, lambda *_: _end(128 + signum))
            signal.setitimer(signal.ITIMER_REAL, GRACE)

        def wake() -> None:
            while milder:
                milder.pop()()
            if received:
                task.cancel()

        handled = {s: signal.getsignal(s) for s in SIGNALS}
        handled = {s: was for s, was in handled.items() if was is not signal.SIG_IGN}
        for signum in handled:
            # The loop's handler wakes it, even if another thread receives the signal; `stop` runs
            # at once, even if a tool blocks the loop. Python calls both.
            loop.add_signal_handler(signum, wake)
            signal.signal(signum, stop)
        try:
            return await run
        finally:
            for signum, handler in handled.items():
                loop.remove_signal_handler(signum)
                signal.signal(signum, handler)

    try:
        result = runner.run(stoppable())
    except BaseException:
        if not received:
            raise
    if received:
        raise Stopped(received[0])
    return result


def _end(exit_code: int) -> NoReturn:
    """End now, without cleaning up, and take along what tools have started."""
    children = _children()
    for child in children:
        with suppress(OSError):
            # A tool's process usually leads a group that holds what it started in turn.
            (os.killpg if os.getpgid(child) == child else os.kill)(child, signal.SIGKILL)
    deadline = time.monotonic() + 0.1
    for child in children:
        with suppress(OSError):
            while os.waitpid(child, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.005)
    os._exit(exit_code)


def _children() -> list[int]:
    """Direct children of this process, where there is a /proc (proc(5)) to find them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # pid (name) state parent ...; only the name may hold blanks or parentheses
            if int(file.read_text("utf-8", "replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(file.parent.name))
    return found
