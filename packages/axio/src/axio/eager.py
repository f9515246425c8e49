"""Tasks whose first step runs at once.

A tool that answers without waiting then costs no turn of the event loop. Python 3.12 has eager
tasks; for 3.11, whose tasks will not change any more, this file makes one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any

__all__ = ("start",)

if sys.version_info >= (3, 12):

    def start(
        coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[None]:
        """A task for `coroutine`, already run up to its first wait, in a context of its own."""
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:
    from asyncio import tasks

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
            self._coro = coroutine
            self._context = context

    def start(
        coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[None]:
        """A task for `coroutine`, already run up to its first wait, in a context of its own."""
        context = copy_context()
        task = _EagerTask(coroutine, loop, context)
        # One task at a time is the current one, as asyncio.timeout() and others want to know it.
        outer = asyncio.current_task(loop)
        if outer is not None:
            tasks._leave_task(loop, outer)
        try:
            context.run(task._Task__step)
        finally:
            if outer is not None:
                tasks._enter_task(loop, outer)
        if not task.done():
            tasks._register_task(task)
        return task  # type: ignore[no-any-return]
