"""Cancellation: who asks a run to stop, and waiting in spite of a cancel.

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
from math import inf
from typing import TYPE_CHECKING, Any
from weakref import ref

from axio.cancellation import Cancels
from axio.exceptions import LimitReached
from axio.run.face import Run
from axio.run.start import current_task
from axio.types import StopReason
from axio.watchdog import Watchdog

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.context import ContextStore
    from axio.run.budget import Budget

__all__ = ("GRACE", "Interruptible", "outlast", "shielded")

logger = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds a store has to answer once the run is being stopped."""


class Interruptible(Run):
    """A run that can come to an end: with a stop switch, which knows the task that waits for it.

    `_request` is the reason to stop: a limit, or a CancelledError for `AgentStream.cancel`. It
    stays until the run unwinds, so that nothing that swallows a cancel can lose it.
    """

    __slots__ = (
        *("_adopted", "_cancels", "_clock", "_consumer", "_end", "_error", "_generator"),
        *("_is_leaving", "_reason", "_request"),
    )

    _cancels: Cancels
    """Those that the switch asks for, once the run has begun."""

    _consumer: asyncio.Task[Any] | None
    """The task that asked for an event last."""

    _generator: ref[AsyncGenerator[Any, None]]
    """The run as it is iterated."""

    def __init__(
        self, store: ContextStore, agent: Agent, budget: Budget | None, parent: Run | None
    ) -> None:
        super().__init__(store, agent, budget, parent)
        self._adopted: set[asyncio.Task[Any]] | None = None
        self._clock: _Clock | None = None
        self._end: StopReason | None = None
        """Once the run is to end after this turn: how it says so in its last event."""
        self._error: Exception | None = None
        """Told before the last event."""
        self._is_leaving = False
        """True once the run unwinds, for any reason."""
        self._reason = ""
        self._request: LimitReached | asyncio.CancelledError | None = None

    def stop(self, reason: str = "") -> None:
        if (reason, self._reason) != ("waiting", "approval"):  # A person can do something about it.
            self._finish(StopReason.end_turn, reason)

    def _finish(self, stop: StopReason, reason: str = "", error: Exception | None = None) -> None:
        """The run ends after this turn. An error that came first stays the reason."""
        if self._error is None:
            self._end, self._reason, self._error = stop, reason, error

    def _finish_stopped(self) -> None:
        """The run ends because of the stop switch."""
        if isinstance(self._request, LimitReached):
            self._finish(StopReason.error, self._request.reason, self._request)
        else:
            self._finish(StopReason.error, "cancelled")

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """The first event is asked for; CancelledError if the run is not to begin."""
        self._consumer = current_task(loop)
        self._cancels = Cancels(self._consumer)
        self._check()
        if self.budget is not None:
            self._start_clock()

    def _check(self) -> None:
        """CancelledError if the run is to stop."""
        if self._request is not None:
            raise asyncio.CancelledError

    def _start_clock(self) -> None:
        """Interrupt the run when its time, or its patience with a silent model, is over."""
        budgets = self.budgets()
        for budget in budgets:
            budget.start()
        seconds = [left for budget in budgets if (left := budget.seconds_left()) is not None]
        silences = [budget.silence for budget in budgets if budget.silence is not None]
        if seconds or silences:
            self._clock = _Clock(self, min(silences, default=None), min(seconds, default=None))

    def interrupt(self, request: LimitReached | asyncio.CancelledError) -> None:
        """Stop the run at its next step, and interrupt what it waits for.

        To be called in its event loop, from any task. A run that has ended stays as it is.
        """
        if self._is_leaving:
            return
        if self._request is None:
            self._request = request
        dispatch = self._dispatch
        if dispatch is not None and not dispatch.loop.is_closed():
            # In a later step: this one may be the consumer's own, which then could leave the run
            # before it waits again, and would be cancelled in code that is not the run's.
            dispatch.loop.call_soon(self._interrupt)
            dispatch.stop()  # Tools must not go on while the consumer is busy.

    def _interrupt(self) -> None:
        if not self._is_leaving and self._consumer is not None and self._is_waiting():
            self._cancels.cancel(self._consumer)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        if self._adopted is None:
            self._adopted = set()
        self._adopted.add(task)
        task.add_done_callback(self._adopted.discard)

    def _is_waiting(self) -> bool:
        """True while the consumer waits for the next event."""
        return bool(getattr(self._generator(), "ag_running", False))

    def is_abandoned(self) -> bool:
        """True if the next event will never be asked for: by the task that calls this, or because
        the event loop has been closed."""
        if self._dispatch is None or self._is_waiting():
            return False
        return self._dispatch.loop.is_closed() or self._consumer is asyncio.current_task()

    def _take_back(self) -> bool:
        """Undo the cancels that the switch has made; True if a CancelledError just caught was its.

        A task that was cancelled from outside as well still counts more cancels than when the run
        began.
        """
        self._cancels.take_back()
        return not self._cancels.come_from_elsewhere(self._consumer)


class _Clock(Watchdog):
    """Interrupts `run` once, where other watchdogs end one wait."""

    __slots__ = ("_run",)

    def __init__(self, run: Interruptible, silence: float | None, seconds: float | None) -> None:
        self._run = run
        super().__init__(silence, seconds)
        if silence is not None and silence <= 0:
            self.expired("silence")  # A model that answers at once never waits for the timer.

    def expired(self, limit: str) -> None:
        text = "the run took too long"
        if limit == "silence":
            text = f"the model said nothing for {self.silence:g} s"
        self.stop()
        self._run.interrupt(LimitReached(text, reason=limit))


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
