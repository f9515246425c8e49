"""Tasks whose first step runs at once.

A tool that answers without waiting then costs no turn of the event loop. Python 3.12 has eager
tasks; for 3.11, whose tasks will not change any more, this file makes one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any

__all__ = ("current_task", "start")

if sys.version_info >= (3, 12):
    current_task = asyncio.current_task

    def start(
        coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[None]:
        """A task for `coroutine`, already run up to its first wait, in a context of its own."""
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:
    from asyncio import futures, tasks

    # What asyncio.current_task(loop) does, before Python 3.12 in Python.
    current_task = tasks._current_tasks.get  # type: ignore[attr-defined]

    class _EagerTask(tasks._PyTask):  # type: ignore[name-defined,misc]
        # What tasks._PyTask.__init__ and Future.__init__ of Python 3.11 set on each task, here once
        # for all where it is the same. Left out is their last step, which schedules the first one.
        _name = "axio-tool"
        _num_cancels_requested = 0
        _must_cancel = False
        _fut_waiter = None

        def __init__(
            self,
            coroutine: Coroutine[Any, Any, None],
            loop: asyncio.AbstractEventLoop,
            context: Context,
        ) -> None:
            self._loop = loop
            self._callbacks: list[Any] = []
            self._coro: Any = coroutine
            self._context = context

        def __del__(self) -> None:
            if self._state == "PENDING":
                super().__del__()

        def begin(self) -> None:
            """The first step, while no other task of the loop is the current one."""
            coroutine, loop = self._coro, self._loop
            waited = failure = None
            tasks._enter_task(loop, self)
            try:
                waited = self._context.run(coroutine.send, None)
            except StopIteration as end:
                futures._PyFuture.set_result(self, end.value)  # type: ignore[attr-defined]
                return
            except BaseException as exc:
                failure = exc
            finally:
                tasks._leave_task(loop, self)
            # All else that can come of a step is for asyncio's own code: it sees this one again.
            self._coro = self._again(waited, failure, self._must_cancel)
            self._must_cancel = False
            try:
                self._Task__step()
            finally:
                self._coro = coroutine
            if not self.done():
                tasks._register_task(self)

        def _again(
            self, waited: Any, failure: BaseException | None, cancel: bool
        ) -> Generator[Any, None, None]:
            if failure is not None:
                raise failure
            # Whoever cancelled the task in its first step means what it waits for, and not this.
            self._must_cancel = cancel
            yield waited

    def start(
        coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[None]:
        """A task for `coroutine`, already run up to its first wait, in a context of its own."""
        task = _EagerTask(coroutine, loop, copy_context())
        outer = current_task(loop)
        if outer is not None:
            tasks._leave_task(loop, outer)
        try:
            task.begin()
        finally:
            if outer is not None:
                tasks._enter_task(loop, outer)
        return task
