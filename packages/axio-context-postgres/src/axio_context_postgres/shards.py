"""Several databases as one: each session is in one of them, and stays there.

The home of a session is the one that the first list gives by rendezvous hashing; every program
agrees on it, whatever lists it knows besides. One row there says in which database the session is:
who uses the session first writes it, by the newest list that it knows. So programs with another
newest list, as while a new release is being rolled out, still find each other's sessions.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

from axio.context import SessionInfo
from axio.exceptions import AxioError, wrong_kind
from axio_context_postgres.closing import Closing
from axio_context_postgres.connections import Connection, Pool
from axio_context_postgres.database import Postgres
from axio_context_postgres.errors import StoreError
from axio_context_postgres.payload import as_text
from axio_context_postgres.server import Server
from axio_context_postgres.store import PostgresContextStore

__all__ = ("Shards", "chosen")

T = TypeVar("T")

logger = logging.getLogger(__name__)

# A session that is older than the shards is where it is: all of them were in one database.
_PLACE = """
    WITH new AS (
        INSERT INTO axio_places (id, shard)
        SELECT %(id)s, CASE WHEN EXISTS (SELECT FROM axio_sessions WHERE id = %(id)s)
            THEN %(home)s ELSE %(shard)s END
        WHERE NOT EXISTS (SELECT FROM axio_places WHERE id = %(id)s)
        ON CONFLICT (id) DO NOTHING
        RETURNING shard
    )
    SELECT shard FROM new UNION ALL SELECT shard FROM axio_places WHERE id = %(id)s
"""


def chosen(key: str, names: Sequence[str]) -> str:
    """The name that a key belongs to. With one name more, only keys that get the new one move."""
    return max(names, key=lambda name: sha256(f"{name}\0{key}".encode()).digest())


class Shards(Closing):
    """Sessions in several PostgreSQL databases, used like one `Postgres`.

        database = Shards({"one": "postgresql://...", "two": "postgresql://..."})

    To add a database, name it in a further list; sessions stay where they began, and new ones use
    the last list:

        Shards({"one": ..., "two": ..., "three": ...}, [["one", "two"], ["one", "two", "three"]])

    The first list can never change: by it a session is found. The names are kept in the databases
    and must not change either; the connection strings may. A budget of many processes is kept in
    one of the databases of the first list.

    Args:
        databases: connection strings, or pools of your own, by name.
        lists: names, one list for each time that databases were added; by default one list of all.
        schema, wait, patience, lease, connections: as for `Postgres`, for each of the databases.
    """

    def __init__(
        self,
        databases: Mapping[str, str | Pool],
        lists: Sequence[Sequence[str]] = (),
        *,
        schema: str = "axio",
        wait: float = 5.0,
        patience: float = 30.0,
        lease: float = 30.0,
        connections: int = 10,
    ) -> None:
        if not (databases and hasattr(databases, "items")):
            raise wrong_kind("databases", "connection strings by name", databases)
        self.lists = [list(names) for names in lists] or [list(databases)]
        for names in self.lists:
            unknown = [name for name in names if name not in databases]
            if unknown or not names:
                raise ValueError(
                    f"each list names some of {', '.join(map(repr, databases))}; got {names!r}"
                )
        self.databases = {
            name: Postgres(
                where,
                schema=schema,
                wait=wait,
                patience=patience,
                lease=lease,
                connections=connections,
            )
            for name, where in databases.items()
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.databases))})"

    def home(self, key: str) -> str:
        """The name of the database that knows where a session is, or keeps a budget."""
        return chosen(key, self.lists[0])

    async def place(self, id: str, into: str | None = None) -> str:
        """The name of the database that a session is in. One that has no place yet gets it: `into`,
        or by the newest list.

        StoreError if it is in a database that this program does not know.
        """
        home, shard = self.home(id), into or chosen(id, self.lists[-1])
        parameters = {"id": as_text(id), "home": home, "shard": shard}
        found = None
        while not found:  # Nothing is found if another has placed it in the same moment.
            found = await self.databases[home].fetch(_PLACE, parameters, repeat=True)
        name: str = found[0][0]
        if name not in self.databases:
            raise StoreError(
                f"session {id!r} is in the database {name!r}, which this program does not know: "
                "give it the newest list"
            )
        return name

    def session(self, id: str | None = None) -> PostgresContextStore:
        """The store of one session; of a new one without an id."""
        if id is None:
            id = os.urandom(16).hex()
        return PostgresContextStore(_Shard(self, id), id)

    async def sessions(self, search: str = "", *, limit: int | None = None) -> list[SessionInfo]:
        """The sessions of all databases that have messages, newest first; see `Postgres`."""
        found = await self._all(lambda database: database.sessions(search, limit=limit))
        merged = sorted(
            (info for infos in found for info in infos),
            key=lambda info: info.created_at,
            reverse=True,
        )
        return merged[:limit]

    async def unfinished(self, limit: int = 1000) -> list[str]:
        """As for `Postgres`, of all databases that can be reached."""
        results = await asyncio.gather(
            *(database.unfinished(limit) for database in self.databases.values()),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if len(failures) == len(results) or not isinstance(failure, AxioError):
                raise failure
            logger.warning("one of the databases cannot be asked for work: %s", failure)
        return [id for ids in results if not isinstance(ids, BaseException) for id in ids][:limit]

    # ── budgets ──────────────────────────────────────────────────────────────────────────────

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        """Reserve for a model call: `Budget(..., ledger=database, key=...)` does it."""
        home = self.home(as_text(key))
        return home, await self.databases[home].reserve(key, amounts, limits, window)

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        """Put right what was reserved."""
        assert isinstance(ticket, tuple)
        home, inner = ticket
        await self.databases[home].settle(inner, differences)

    async def used(self, key: str, window: float | None = None) -> dict[str, float]:
        """The use by runs of budgets with this `key`; see `Postgres`."""
        return await self.databases[self.home(as_text(key))].used(key, window)

    # ── the databases ────────────────────────────────────────────────────────────────────────

    async def migrate(self) -> None:
        """Bring the tables of all databases up to date."""
        await self._all(lambda database: database.migrate())

    async def close(self) -> None:
        """Close the connections that were opened here."""
        await self._all(lambda database: database.close())

    async def _all(self, ask: Callable[[Postgres], Awaitable[T]]) -> list[T]:
        return await asyncio.gather(*(ask(database) for database in self.databases.values()))


class _Shard(Server):
    """The database of one session, which is looked up when it is used first."""

    def __init__(self, shards: Shards, id: str) -> None:
        any_of_them = next(iter(shards.databases.values()))
        super().__init__(schema=any_of_them.schema, wait=any_of_them.wait, lease=any_of_them.lease)
        self._shards = shards
        self._id = id
        self._found: Postgres | None = None

    @property
    def is_ready(self) -> bool:
        return self._found is not None and self._found.is_ready

    async def beside(self, id: str) -> Server:
        await self._shards.place(id, await self._shards.place(self._id))
        return _Shard(self._shards, id)

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, repeat: bool = False) -> T:
        if self._found is None:
            self._found = self._shards.databases[await self._shards.place(self._id)]
            self.heart = self._found.heart
        return await self._found.run(work, repeat=repeat)
