"""Cancellation: who asks a run to stop, whose cancel it is, and waiting in spite of one.

Three things may stop a run. Its consumer's task is cancelled from outside: the CancelledError goes
on. The stream is closed: GeneratorExit goes on. Or the run itself is asked to stop, by
`AgentStream.cancel` or a limit of time: then the consumer's task is cancelled as well, because
nothing else interrupts what it waits for, but the CancelledError is the run's own, and the
iteration ends with its last events instead. Where two come together the one from outside wins.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Coroutine, Iterable
from enum import IntEnum
from math import inf
from typing import Any
from weakref import ref

from axio.exceptions import LimitReached
from axio.run.start import current_task

__all__ = ("GRACE", "Stop", "is_being_cancelled", "outlast", "shielded")

logger = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds a store has to answer once the run is being stopped."""


class Phase(IntEnum):
    READY = 0
    RUNNING = 1
    LEAVING = 2


class Stop:
    """The stop switch of one run, and the task that waits for the run.

    `request` is the reason to stop: a limit, or a CancelledError for `AgentStream.cancel`. It
    stays until the run unwinds, so that nothing that swallows a cancel can lose it.
    """

    __slots__ = ("_begun", "_generator", "_phase", "_told", "consumer", "loop", "request")

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.consumer: asyncio.Task[Any] | None = None
        """The task that asked for an event last."""
        self.request: LimitReached | asyncio.CancelledError | None = None
        self._begun: tuple[asyncio.Task[Any] | None, int] = (None, 0)
        """The task that began the run, and how often it had been cancelled before."""
        self._generator: ref[AsyncGenerator[Any, None]] | None = None
        self._phase = Phase.READY
        self._told: list[asyncio.Task[Any]] = []
        """The tasks that this switch has cancelled, once for each time."""

    def watch(self, generator: AsyncGenerator[Any, None]) -> None:
        """`generator` is the run, not begun yet. Only a weak reference is kept."""
        self._generator = ref(generator)

    def begin(self) -> asyncio.AbstractEventLoop:
        """The first event is asked for; CancelledError if the run is not to begin."""
        loop = self.loop = asyncio.get_running_loop()
        task = current_task(loop)
        self._begun = task, 0 if task is None else task.cancelling()
        self._phase = Phase.RUNNING
        self.resumed()
        return loop

    def resumed(self) -> None:
        """The next event is asked for, perhaps by another task; CancelledError if the run is to
        stop."""
        self.consumer = current_task(self.loop)
        self.check()

    def check(self) -> None:
        """CancelledError if the run is to stop."""
        if self.request is not None:
            raise asyncio.CancelledError

    def ask(self, request: LimitReached | asyncio.CancelledError) -> bool:
        """Stop the run at its next step, and interrupt what it waits for.

        To be called in its event loop, from any task.
        Returns False if there is nothing to interrupt: the run has not begun, or unwinds already.
        """
        if self._phase is Phase.LEAVING:
            return False
        if self.request is None:
            self.request = request
        if self.loop is None or self.loop.is_closed():
            return False
        # In a later step: this one may be the consumer's own, which then could leave the run before
        # it waits again, and would be cancelled in code that is not the run's.
        self.loop.call_soon(self._interrupt)
        return True

    def _interrupt(self) -> None:
        if self._phase is Phase.RUNNING and self.is_waiting() and self.consumer is not None:
            self._told.append(self.consumer)
            self.consumer.cancel()

    def is_waiting(self) -> bool:
        """True while the consumer waits for the next event."""
        generator = None if self._generator is None else self._generator()
        return bool(getattr(generator, "ag_running", False))

    def is_abandoned(self) -> bool:
        """True if the next event will never be asked for: by the task that calls this, or because
        the event loop has been closed."""
        if self.loop is None or self.is_waiting():
            return False
        return self.loop.is_closed() or self.consumer is asyncio.current_task()

    def leave(self, exc: BaseException | None) -> None:
        """The run unwinds because of `exc`: from here on nothing stops it."""
        self._phase = Phase.LEAVING
        if isinstance(exc, GeneratorExit):
            self.request = None  # A stream that is closed has nobody to be told.

    @property
    def is_leaving(self) -> bool:
        return self._phase is Phase.LEAVING

    def can_wait(self) -> bool:
        """False where the run is left without an event loop: then nothing can be tidied up, and
        the next run on the store mends its history."""
        return asyncio._get_running_loop() is not None

    def take_back(self) -> bool:
        """Undo the cancels that this switch has made; True if a CancelledError just caught was its.

        A task that was cancelled from outside as well still counts more cancels than when the run
        began.
        """
        told, self._told = self._told, []
        for task in told:
            task.uncancel()
        if self.request is None:
            return False
        first, before = self._begun
        consumer = self.consumer
        return consumer is None or consumer.cancelling() <= (before if consumer is first else 0)


def is_being_cancelled() -> bool:
    """True if the current task is being cancelled: a CancelledError in it may come from there."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def outlast(
    tasks: Iterable[asyncio.Future[Any]], patience: float = inf, grace: float = inf
) -> tuple[Collection[asyncio.Future[Any]], asyncio.CancelledError | None]:
    """Wait for `tasks`, for `patience` seconds, also if this task is cancelled meanwhile.

    After a cancel it is `grace` seconds at most. Returns the tasks that are not done, and the
    CancelledError that the caller has to raise once it has tidied up.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    cancelled: asyncio.CancelledError | None = None
    pending = {task for task in tasks if not task.done()}
    while pending and (left := deadline - loop.time()) > 0:
        try:
            await asyncio.wait(pending, timeout=None if left == inf else left)
        except asyncio.CancelledError as exc:
            cancelled = exc
            deadline = min(deadline, loop.time() + grace)
        pending = {task for task in pending if not task.done()}
    return pending, cancelled


async def shielded(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even if this task is cancelled meanwhile; then let the cancellation go on.

    Work that takes longer than `GRACE` after that is left behind.
    """
    task = asyncio.get_running_loop().create_task(work)
    pending, cancelled = await outlast((task,), grace=GRACE)
    if cancelled is None:
        task.result()
        return
    if pending:
        task.cancel()
        logger.error("a session could not be settled: its store does not answer")
    elif not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("a session could not be settled", exc_info=failure)
    try:
        raise cancelled
    finally:
        del cancelled  # It holds this frame, which would hold it.
