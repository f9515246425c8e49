"""A store during one run: valid before every model call, and again when the run has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from math import inf
from typing import Any

from axio.blocks import ToolResultBlock
from axio.context import ContextStore
from axio.history import UNKNOWN_OUTCOME, calls_of, check, repair
from axio.messages import Message
from axio.turn import Turn

__all__ = ("GRACE", "Session", "shielded")

logger = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds a store has to answer once the run is being stopped."""


class Session:
    """What one run reads from and writes to its store."""

    __slots__ = ("_last", "_length", "_loaded", "_store")

    def __init__(self, store: ContextStore) -> None:
        self._store = store
        self._last: Message | None
        self._length, self._last = store._checked
        self._loaded = 0
        """The length when it was read last."""

    async def load(self) -> list[Message]:
        """The history, mended in the store if a crash or another writer left it invalid."""
        history = await self._store.get_history()
        length = self._loaded = len(history)
        known = self._length
        if length == known and (not length or history[-1] is self._last):
            return history
        if not 0 < known <= length or history[known - 1] is not self._last:
            known = 0
        if problems := check(history, known):
            history = await self._mend(history, [problem.text for problem in problems])
        self._length = self._loaded = len(history)
        self._last = history[-1] if history else None
        return history

    async def _mend(self, history: list[Message], problems: list[str]) -> list[Message]:
        mended = repair(history)
        logger.warning("mending the history of a session: %s", "; ".join(problems[:5]))
        kept = len(history)
        try:
            if mended[:kept] == history:
                await shielded(self._store.extend(mended[kept:]))
            else:
                await shielded(self._store.replace(mended))
        except NotImplementedError:
            logger.warning("%s cannot replace its history", type(self._store).__name__)
            return mended
        return await self._store.get_history()

    def remember(self) -> None:
        """The run has ended well: spare the next one the work."""
        try:  # noqa: SIM105 - suppress() costs more than a whole message
            self._store._checked = (self._length, self._last)
        except AttributeError:
            pass  # a store with slots

    def append(self, message: Message) -> Coroutine[Any, Any, None]:
        self._length += 1
        self._last = message
        return self._store.append(message)

    def extend(self, messages: list[Message]) -> Coroutine[Any, Any, None]:
        """Store several messages in one step."""
        self._length += len(messages)
        self._last = messages[-1]
        return self._store.extend(messages)

    async def settle(self, turn: Turn) -> None:
        """After an interruption, which may have come in the middle of a write: look what the store
        holds, answer an open turn, or keep the part of a turn that was never stored."""
        history = await self._store.get_history()
        if calls := calls_of(history[-1]) if history else []:
            known = {call.id: call.result for call in turn.calls}
            results = [
                known.get(call.id) or ToolResultBlock(call.id, UNKNOWN_OUTCOME, True)
                for call in calls
            ]
            await self._store.append(Message("user", [*results]))
        elif len(history) == self._loaded and (partial := turn.partial()):
            await self._store.append(Message("assistant", partial))


async def shielded(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even if this task is cancelled meanwhile; then let the cancellation go on.

    Work that takes longer than `GRACE` after that is left behind.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    deadline = inf
    while not task.done() and (left := deadline - loop.time()) > 0:
        try:
            await asyncio.wait((task,), timeout=None if left == inf else left)
        except asyncio.CancelledError as exc:
            cancelled = exc
            deadline = min(deadline, loop.time() + GRACE)
    if cancelled is None:
        task.result()
        return
    if not task.done():
        task.cancel()
        logger.error("a session could not be settled: its store does not answer")
    elif not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("a session could not be settled", exc_info=failure)
    raise cancelled
