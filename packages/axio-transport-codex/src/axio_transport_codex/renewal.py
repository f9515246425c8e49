"""Access tokens that are renewed once, however many wait for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ("SingleFlight",)

T = TypeVar("T")

logger = logging.getLogger("axio_transport_codex")


class SingleFlight:
    """Runs one piece of work at a time; who asks while it runs waits for the same.

    The work goes on when a task that waits is cancelled: a refresh token that was sent is used up,
    so its answer must not get lost.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None

    def __reduce__(self) -> tuple[type[SingleFlight], tuple[()]]:
        return SingleFlight, ()

    async def run(self, work: Callable[[], Awaitable[T]]) -> None:
        task = self._task
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._task = asyncio.ensure_future(_awaited(work))
            task.add_done_callback(_retrieved)
        await asyncio.shield(task)

    async def settled(self) -> None:
        """Wait until nothing runs any more in this event loop."""
        task = self._task
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task])


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _retrieved(task: asyncio.Task[object]) -> None:
    """An error is raised where a task still waits; it is never "not retrieved"."""
    if not task.cancelled():
        task.exception()
