"""The database as its stores use it: statements and transactions, repeated where that is safe."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg.rows import TupleRow, tuple_row

from axio.exceptions import wrong_kind
from axio_context_postgres.connections import Connection, Connections, Pool
from axio_context_postgres.errors import StoreError, StoreUnreachable, may_pass, translate
from axio_context_postgres.heart import Heart
from axio_context_postgres.schema import MIGRATIONS, in_schema, migrate, require_name, version_of

__all__ = ("Cursor", "Server", "pauses")

T = TypeVar("T")

Cursor: TypeAlias = psycopg.AsyncCursor[TupleRow]
Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.2


class Server:
    """One schema of one database: connections that open at first use, and tables up to date.

    Everything here raises `StoreError` when the database cannot be used. If it could be used before
    and is away, as while its server starts again, it is waited for, `patience` seconds.
    """

    def __init__(
        self,
        where: str | Pool = "",
        *,
        schema: str = "axio",
        wait: float = 5.0,
        patience: float = 30.0,
        lease: float = 30.0,
        connections: int = 10,
    ) -> None:
        if not isinstance(where, str) and not callable(getattr(where, "connection", None)):
            raise wrong_kind("where", "a connection string or a pool of connections", where)
        for name, number, least in (
            ("wait", wait, 0),
            ("patience", patience, 0),
            ("lease", lease, 1),
            ("connections", connections, 1),
        ):
            _require_number(name, number, least)
        self._where = where
        self.schema = require_name(schema)
        self.wait = wait
        self.lease = lease
        self._patience = patience
        self._most = connections
        self._own: Connections | None = None
        self._reached = False
        self._ready = False
        self.heart = Heart(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(schema={self.schema!r})"  # the string may hold a password

    async def migrate(self) -> int:
        """Bring the tables up to date; the version that they had, 0 for none.

        Done at first use too; a role that may not make tables needs it done before.
        """

        async def work(connection: Connection) -> int:
            async with self._transaction(connection) as cursor:
                return await migrate(cursor, self.schema)

        self._ready = True  # else it would be done on the way
        try:
            return await self.run(work)
        except BaseException:
            self._ready = False
            raise

    async def close(self) -> None:
        """Close the connections that were opened here. A pool that was given stays open."""
        if self._own is not None and self._own.belong_here:
            connections, self._own = self._own, None
            await connections.close()

    # ── statements ───────────────────────────────────────────────────────────────────────────

    async def fetch(
        self, statement: str, parameters: Parameters = (), *, repeat: bool = False
    ) -> list[TupleRow]:
        """The rows of one statement, which is a transaction of its own."""

        async def work(connection: Connection) -> list[TupleRow]:
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(in_schema(statement, self.schema), parameters)
            return await cursor.fetchall() if cursor.description else []

        return await self.run(work, repeat=repeat)

    async def transact(self, job: Callable[[Cursor], Awaitable[T]]) -> T:
        """`job`'s result, once all of its changes are committed."""

        async def work(connection: Connection) -> T:
            async with self._transaction(connection) as cursor:
                return await job(cursor)

        return await self.run(work)

    async def execute(self, cursor: Cursor, statement: str, parameters: Parameters) -> None:
        """One statement inside a transaction."""
        await cursor.execute(in_schema(statement, self.schema), parameters)

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, repeat: bool = False) -> T:
        """`work`'s result on a connection of its own.

        If the connection is lost in the middle, only work that may be done twice is repeated; of
        any other it is then unknown if it was done, and the error says so.
        """
        pauses_left = pauses(self._patience)
        while True:
            begun = False
            try:
                async with self._connection() as connection:
                    begun = True
                    return await work(connection)
            except psycopg.Error as error:
                problem = translate(error)
            if not self._reached or not may_pass(problem):
                break
            if begun and not repeat and isinstance(problem, StoreUnreachable):
                problem = StoreUnreachable(f"{problem}; the last write may have been stored")
                break
            pause = next(pauses_left, None)
            if pause is None:
                break
            await asyncio.sleep(pause)
        # Not from the server's own error, whose details may hold what was being written.
        raise problem

    @property
    def is_ready(self) -> bool:
        """True once it was reached, and its tables are up to date."""
        return self._ready

    async def beside(self, id: str) -> Server:
        """This database for a session that is about to be made in it."""
        return self

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        pool = await self._pool()
        async with pool.connection() as connection, _autocommit(connection):
            self._reached = True
            if not self._ready:
                await self._prepare(connection)
            yield connection

    async def _pool(self) -> Pool:
        if not isinstance(self._where, str):
            return self._where
        if self._own is not None and self._own.is_left_behind:
            await self._own.close()
            self._own = None
        if self._own is None:
            self._own = Connections(self._where, self._most)
        if not self._own.belong_here:
            raise StoreError(
                f"this {type(self).__name__} is in use in another event loop: give each its own"
            )
        return self._own

    async def _prepare(self, connection: Connection) -> None:
        async with self._transaction(connection) as cursor:
            # Mostly they are, and then none has to wait for another.
            if await version_of(cursor, self.schema) < len(MIGRATIONS):
                await migrate(cursor, self.schema)
        self._ready = True

    @asynccontextmanager
    async def _transaction(self, connection: Connection) -> AsyncIterator[Cursor]:
        async with connection.transaction():
            yield connection.cursor(row_factory=tuple_row)


def _require_number(name: str, number: object, least: int) -> None:
    kinds = (int,) if name == "connections" else (int, float)
    if not isinstance(number, kinds) or isinstance(number, bool):
        raise wrong_kind(name, "a whole number" if len(kinds) == 1 else "a number", number)
    if not number >= least:
        raise ValueError(f"{name} must be at least {least}, got {number!r}")


@asynccontextmanager
async def _autocommit(connection: Connection) -> AsyncIterator[None]:
    """A connection of the caller's pool as ours are, for as long as it is used here."""
    if connection.autocommit:
        yield
        return
    await connection.set_autocommit(True)
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # after an interruption; its pool then throws it away
            await connection.set_autocommit(False)


def pauses(seconds: float) -> Iterator[float]:
    """Pauses between tries for `seconds` from now on, each longer than the one before."""
    deadline = monotonic() + seconds
    pause = _FIRST_PAUSE
    while (left := deadline - monotonic()) > 0:
        yield min(pause * random.uniform(0.5, 1.0), left)
        pause = min(2 * pause, _LONGEST_PAUSE)
