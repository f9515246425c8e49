"""Whose cancel it is: asyncio counts the cancels of a task, and does not say who asked for them.

Only this file looks at that count.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ("Cancels", "is_being_cancelled")


class Cancels:
    """The cancels that one owner asks for, told apart from those that come from elsewhere.

    `task` is the one that the owner works in; cancels that it has had by now do not count.
    """

    __slots__ = ("_before", "_made", "task")

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self.task = task
        self._before = 0 if task is None else task.cancelling()
        self._made: tuple[asyncio.Task[Any], ...] = ()

    def cancel(self, task: asyncio.Task[Any]) -> None:
        self._made += (task,)
        task.cancel()

    def take_back(self) -> None:
        """Undo the cancels that were asked for here; no CancelledError of them may be left."""
        made, self._made = self._made, ()
        for task in made:
            task.uncancel()

    def come_from_elsewhere(self, task: asyncio.Task[Any] | None) -> bool:
        """True if `task` has been cancelled by others, once the own cancels are taken back."""
        before = self._before if task is self.task else 0
        return task is not None and task.cancelling() > before


def is_being_cancelled() -> bool:
    """True if the current task is being cancelled: a CancelledError in it may come from there."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
