"""Connections to one server: opened when they are needed, kept, and used again."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from axio_context_postgres.errors import StoreError

__all__ = ("Connection", "Connections", "Pool")

_PATIENCE = 10  # seconds for a server to take a connection, unless the caller says otherwise

Connection: TypeAlias = psycopg.AsyncConnection[Any]


class Pool(Protocol):
    """A pool that the program has made itself, such as `psycopg_pool.AsyncConnectionPool`."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for the caller alone, given back at the end."""


class Connections:
    """Up to `most` connections of one event loop; when all are in use, the next one waits.

    Nothing in them lasts longer than a transaction, and no statement is prepared: they may lead to
    PgBouncer in transaction mode.
    """

    def __init__(self, conninfo: str, most: int) -> None:
        self._conninfo = conninfo
        self._idle: list[Connection] = []
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Semaphore(most)
        self._closed = False

    @property
    def is_left_behind(self) -> bool:
        """True if the event loop that they belong to was closed."""
        return self._loop.is_closed()

    @property
    def belong_here(self) -> bool:
        return self._loop is asyncio.get_running_loop()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._turn:
            connection = await self._kept() or await self._open()
            try:
                yield connection
            finally:
                if not self._closed and _is_idle(connection):
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def _kept(self) -> Connection | None:
        """One that is still open, as far as can be seen without a word to the server."""
        while self._idle:
            connection = self._idle.pop()
            if not _has_input(connection):
                return connection
            await connection.close()
        return None

    async def _open(self) -> Connection:
        try:
            options: dict[str, Any] = conninfo_to_dict(self._conninfo)
            if "PGCONNECT_TIMEOUT" not in os.environ:
                options.setdefault("connect_timeout", _PATIENCE)
            return await psycopg.AsyncConnection.connect(
                **options, autocommit=True, prepare_threshold=None
            )
        except psycopg.ProgrammingError:
            pass
        # Not from the error, which repeats the string with the password in it.
        raise StoreError(
            "the connection string cannot be read: write postgresql://user:password@host/database"
        )

    async def close(self) -> None:
        """Close those that are not in use now; the others follow when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()


def _has_input(connection: Connection) -> bool:
    """True if the server has said something unasked: mostly that it closes the connection."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _is_idle(connection: Connection) -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE
