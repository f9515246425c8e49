"""Tasks whose first step runs at once.

A tool that answers without waiting then costs no turn of the event loop. Python 3.12 has eager
tasks. For 3.11, whose tasks will not change any more, this file makes them: it catches the step
that a new task schedules with its loop, and runs it. (A plain task makes a turn with one tool call
a fifth dearer there: docs/decisions/2026-11-29-one-run-one-object.md.)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any

__all__ = ("current_task", "start_at_once")

if sys.version_info >= (3, 12):
    current_task = asyncio.current_task

    def start_at_once(
        coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[None]:
        """A task for `coroutine`, already run up to its first wait, in a context of its own."""
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:
    from asyncio import Task, tasks

    # The same as asyncio.current_task(loop), which is written in Python before Python 3.12.
    current_tasks: dict[Any, asyncio.Task[Any]] = tasks._current_tasks  # type: ignore[attr-defined]
    current_task = current_tasks.get

    def start_at_once(
        coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[None]:
        """A task for `coroutine`, already run up to its first wait, in a context of its own."""
        first: Callable[[], None] | None = None

        def call_soon(callback: Any, *args: Any, context: Context | None = None) -> Any:
            """Catch the first step. A signal handler may schedule something else meanwhile."""
            nonlocal first
            if first is None and type(getattr(callback, "__self__", None)) is Task:
                first = callback if context is None else partial(context.run, callback)
                return None
            return type(loop).call_soon(loop, callback, *args, context=context)

        loop.call_soon = call_soon  # type: ignore[method-assign, assignment]
        try:
            task = Task(coroutine, loop=loop, name="axio-tool")
        finally:
            del loop.call_soon
        # One task at a time is the current one, as asyncio.timeout() and others want to know it.
        outer = current_tasks.pop(loop, None)
        try:
            if first is not None:
                first()
        finally:
            if outer is not None:
                current_tasks[loop] = outer
        return task
