"""Tasks whose first step runs at once.

A tool that answers without waiting then costs no turn of the event loop. Python 3.12 has eager
tasks; for 3.11, whose tasks will not change any more, this file makes one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

__all__ = ("start",)

if sys.version_info >= (3, 12):

    def start(
        coroutine: Coroutine[Any, Any, None],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> asyncio.Future[None]:
        """A task for `coroutine`, already run up to its first wait."""
        return context.run(_start_here, coroutine, loop, context)

    def _start_here(
        coroutine: Coroutine[Any, Any, None],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> asyncio.Future[None]:
        return asyncio.Task(coroutine, loop=loop, context=context.copy(), eager_start=True)

else:
    from asyncio import tasks

    class _EagerTask(tasks._PyTask):  # type: ignore[name-defined,misc]
        def __init__(
            self,
            coroutine: Coroutine[Any, Any, None],
            loop: asyncio.AbstractEventLoop,
            context: Context,
        ) -> None:
            # What tasks._PyTask.__init__ and Future.__init__ of Python 3.11 set, but for the last
            # step: that schedules the first step, here it runs with this task as the current one.
            self._loop = loop
            self._callbacks: list[Any] = []
            self._name = "axio-tool"
            self._num_cancels_requested = 0
            self._must_cancel = False
            self._fut_waiter = None
            self._coro = coroutine
            self._context = context
            outer = asyncio.current_task(loop)
            if outer is not None:
                tasks._leave_task(loop, outer)
            try:
                context.run(self._Task__step)
            finally:
                if outer is not None:
                    tasks._enter_task(loop, outer)
            if not self.done():
                tasks._register_task(self)

    def start(
        coroutine: Coroutine[Any, Any, None],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> asyncio.Future[None]:
        """A task for `coroutine`, already run up to its first wait."""
        task: asyncio.Future[None] = _EagerTask(coroutine, loop, context)
        return task
