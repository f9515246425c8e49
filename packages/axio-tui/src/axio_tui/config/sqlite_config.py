"""Settings that pickers and plug-ins save: texts by key, in the file of the conversations."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from axio_context_sqlite import connect
from axio_context_sqlite.database import Database
from axio_context_sqlite.transaction import transaction
from axio_tui.config.stored import GLOBAL_PROJECT

__all__ = ("GLOBAL_PROJECT", "ProjectConfig", "connect_config")

T = TypeVar("T")

_WAIT = 5.0  # seconds for what other processes write
_TABLE = (
    "CREATE TABLE IF NOT EXISTS axio_config (project TEXT NOT NULL, key TEXT NOT NULL, "
    "value TEXT NOT NULL, PRIMARY KEY (project, key))"
)
# No LIKE: its wildcards and its view of capitals would find what others have called theirs.
_BEGINS = "project = ? AND substr(key, 1, length(?)) = ?"


async def connect_config(db_path: str | os.PathLike[str]) -> aiosqlite.Connection:
    """The file, opened for any number of `ProjectConfig`s and of stores; the caller closes it."""
    return await connect(Path(db_path))


class ProjectConfig:
    """The rows of one project, by default of the current folder; `GLOBAL_PROJECT` is for all.

    `db` is an open connection, or a path that is opened when it is needed, and closed by `close`.
    Where nothing was ever saved there is nothing to read. A failure is a `StoreError`.
    """

    def __init__(
        self, db: str | os.PathLike[str] | aiosqlite.Connection, project: str | None = None
    ) -> None:
        self.project = os.path.realpath(os.getcwd()) if project is None else project
        self._connection = db if isinstance(db, aiosqlite.Connection) else None
        self._path = None if isinstance(db, aiosqlite.Connection) else Path(db)
        self._opening = asyncio.Lock()

    async def get(self, key: str, default: str | None = None) -> str | None:
        rows = await self._rows("project = ? AND key = ?", self.project, key)
        return rows.get(key, default)

    async def set(self, key: str, value: str) -> None:
        await self._write(
            "INSERT INTO axio_config (project, key, value) VALUES (?, ?, ?) "
            "ON CONFLICT (project, key) DO UPDATE SET value = excluded.value",
            self.project,
            key,
            value,
        )

    async def delete(self, key: str) -> None:
        await self._write(
            "DELETE FROM axio_config WHERE project = ? AND key = ?", self.project, key
        )

    async def get_prefix(self, prefix: str) -> dict[str, str]:
        """The values whose keys begin so, by their whole keys."""
        return await self._rows(_BEGINS, self.project, prefix, prefix)

    async def delete_prefix(self, prefix: str) -> None:
        await self._write(f"DELETE FROM axio_config WHERE {_BEGINS}", self.project, prefix, prefix)

    async def all(self) -> dict[str, str]:
        return await self._rows("project = ?", self.project)

    async def close(self) -> None:
        """Close the connection if it was opened here."""
        if self._path is not None and self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    # ── rows ──────────────────────────────────────────────────────────────────────────────────

    async def _rows(self, where: str, *values: str) -> dict[str, str]:
        def read(db: sqlite3.Connection) -> dict[str, str]:
            known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'axio_config'"
            if db.execute(known).fetchone() is None:
                return {}
            query = f"SELECT key, value FROM axio_config WHERE {where} ORDER BY key"
            return dict(db.execute(query, values).fetchall())

        return await self._run(read)

    async def _write(self, statement: str, *values: str) -> None:
        def write(db: sqlite3.Connection) -> None:
            with transaction(db):
                db.execute(_TABLE)
                db.execute(statement, values)

        await self._run(write)

    async def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        async with self._opening:
            if self._connection is None:
                assert self._path is not None
                self._connection = await connect_config(self._path)
        return await Database.of(self._connection).run(self._connection, job, wait=_WAIT)
