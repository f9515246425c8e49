"""Who calls `advance`, and when: the protocol of engines, and one that needs no engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Protocol, TypeAlias

__all__ = ("Advance", "InProcess", "Scheduler")

logger = logging.getLogger(__name__)

Advance: TypeAlias = Callable[[str], Awaitable[object]]
"""Goes on with the session of that id."""


class Scheduler(Protocol):
    """An engine that hands sessions out to workers.

    It need not be exact: `advance` may be called too often, twice at once, and late. Work that an
    engine has lost is found in the database by every worker, every few seconds.
    """

    async def poke(self, session_id: str) -> None:
        """See to it that some worker calls `advance` for the session from now on."""

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        """Call `advance` for sessions that were poked, so many at once, until `stop` is set and
        those under way have ended. When it is cancelled they are ended by who has made them."""

    async def open(self) -> None:
        """Connect; called before all else."""

    async def close(self) -> None:
        """Close what `open` has opened."""


class InProcess:
    """Hands the sessions to the workers of this process; those of others find theirs in the
    database."""

    def __init__(self) -> None:
        self._poked: dict[str, None] = {}
        self._changed = asyncio.Event()

    async def open(self) -> None:
        self._changed = asyncio.Event()  # of this event loop

    async def close(self) -> None:
        self._poked.clear()

    async def poke(self, session_id: str) -> None:
        self._poked[session_id] = None
        self._changed.set()

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        running: set[str] = set()

        async def serve(session: str) -> None:
            try:
                await advance(session)
            except Exception:
                logger.exception("session %r failed", session)
            finally:
                running.discard(session)
                self._changed.set()

        async def wake() -> None:
            await stop.wait()
            self._changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(wake())
            while not stop.is_set():
                self._changed.clear()
                idle = (session for session in self._poked if session not in running)
                for session in list(islice(idle, concurrency - len(running))):
                    del self._poked[session]
                    running.add(session)
                    group.create_task(serve(session))
                await self._changed.wait()
