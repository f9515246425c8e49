"""The sign of life of all the runs that own sessions of one database."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from axio_context_postgres.errors import StoreError

if TYPE_CHECKING:
    from axio_context_postgres.server import Server

__all__ = ("Heart",)

logger = logging.getLogger(__name__)

_RENEW = """
    UPDATE axio_sessions SET until = now() + %(lease)s * interval '1 second'
    FROM unnest(%(owners)s::text[], %(keys)s::bigint[]) AS mine (owner, key)
    WHERE axio_sessions.key = mine.key AND axio_sessions.owner = mine.owner
"""


class Heart:
    """Renews the leases of its owners, all in one statement a beat, for as long as it has any."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._owners: dict[str, int] = {}
        """The key of the session that each has."""
        self._task: asyncio.Task[None] | None = None

    def add(self, owner: str, key: int) -> None:
        if self._task is not None and self._task.get_loop().is_closed():
            self._owners, self._task = {}, None  # These runs were left behind with it.
        self._owners[owner] = key
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._beat())

    async def remove(self, owner: str) -> None:
        self._owners.pop(owner, None)
        if self._owners or self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait((task,))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._server.lease / 3)
            parameters = {
                "owners": [*self._owners],
                "keys": [*self._owners.values()],
                "lease": self._server.lease,
            }
            try:
                await self._server.fetch(_RENEW, parameters, repeat=True)
            except StoreError as error:
                number = len(self._owners)
                logger.warning("%d sessions have missed a heartbeat: %s", number, error)
