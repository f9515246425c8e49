"""A file, and the sessions in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite

from axio.context import SessionInfo
from axio_context_sqlite import sessions, work
from axio_context_sqlite.connection import BUSY_TIMEOUT, connect
from axio_context_sqlite.database import Database
from axio_context_sqlite.errors import StoreError
from axio_context_sqlite.ledger import Ledger
from axio_context_sqlite.names import to_column
from axio_context_sqlite.store import SQLiteContextStore

__all__ = ("SQLite",)

S = TypeVar("S", bound="SQLite")
T = TypeVar("T")


class SQLite:
    """Sessions in one SQLite file, which any number of processes of one machine may use.

        async with SQLite("conversations.db") as file:
            store = file.session("holiday plans")

    It may be made at the top of a module, and is opened by `async with`.

    Args:
        path: the file, made where it is missing.
        project: what the sessions belong to.
        wait: seconds to wait while others write to the file, or own a session.
    """

    def __init__(self, path: str | Path, *, project: str = "", wait: float = BUSY_TIMEOUT) -> None:
        self._path = path
        self._project = project
        self._wait = wait
        self._conn: aiosqlite.Connection | None = None
        self._ledger = Ledger(self._run)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r})"

    @property
    def _open(self) -> aiosqlite.Connection:
        if self._conn is None:
            raise StoreError(f"{self!r} is not open: use it inside of `async with`")
        return self._conn

    def session(self, id: str | None = None) -> SQLiteContextStore:
        """The store of one session; of a new one without an id."""
        if id == "":
            raise ValueError("the id of a session is empty")
        first = SQLiteContextStore(self._open, id or "", self._project, wait=self._wait)
        return first.beside() if id is None else first

    async def sessions(self) -> list[SessionInfo]:
        """The sessions that have messages, newest first."""
        return await self._run(lambda db: sessions.summaries(db, to_column(self._project)))

    async def unfinished(self, limit: int = 1000) -> list[str]:
        """Sessions that were given to an agent and have work that no living run does."""
        job = partial(work.unfinished, project=self._project, limit=limit)
        return await self._run(job, brief=True)

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        """Reserve for a model call: `Budget(..., ledger=file, key=...)` does it."""
        return await self._ledger.reserve(key, amounts, limits, window)

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        """Put right what was reserved."""
        await self._ledger.settle(ticket, differences)

    async def used(self, key: str, window: float | None = None) -> dict[str, float]:
        """The use by runs of budgets with this `key`, in the current window if they have one."""
        return await self._ledger.used(key, window)

    async def _run(self, job: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        return await Database.of(self._open).run(self._open, job, wait=self._wait, brief=brief)

    async def __aenter__(self: S) -> S:
        if self._conn is not None:
            raise StoreError(f"{self!r} is open already")
        self._conn = await connect(self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        conn, self._conn = self._open, None
        await conn.close()
