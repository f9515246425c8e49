"""The part that all stores on one connection share: how they run jobs, and notice others."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from typing import ClassVar, TypeVar
from weakref import WeakKeyDictionary

import aiosqlite

from axio.exceptions import SessionBusy
from axio_context_sqlite.connection import Connection, raw
from axio_context_sqlite.errors import SessionLost, StoreBusy, translate
from axio_context_sqlite.schema import migrate

__all__ = ("Database",)

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05


class Database:
    """One connection, as its stores see it. `Database.of` always gives the same one."""

    _known: ClassVar[WeakKeyDictionary[aiosqlite.Connection, Database]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.path = "the database"
        self.edits: Counter[tuple[str, str]] = Counter()
        """How many rows of a session, by project and id, were changed or removed from here."""
        self._ready = False

    @classmethod
    def of(cls, conn: aiosqlite.Connection) -> Database:
        database = cls._known.get(conn)
        if database is None:
            database = cls._known[conn] = cls()
        return database

    async def run(
        self,
        conn: aiosqlite.Connection,
        job: Callable[[sqlite3.Connection], T],
        *,
        wait: float,
        brief: bool = False,
    ) -> T:
        """`job`'s result. While others are at work it is tried again, for `wait` seconds.

        Raises:
            SessionBusy: another run owned the session all the time.
            StoreError: everything that is wrong with the file; see there.
        """
        deadline = time.monotonic() + wait
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._attempt(conn, job, brief)
            except (SessionBusy, StoreBusy) as error:
                if isinstance(error, SessionLost) or time.monotonic() >= deadline:
                    raise
            # Waiting happens here, holding nothing: others may use the connection meanwhile.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _attempt(
        self, conn: aiosqlite.Connection, job: Callable[[sqlite3.Connection], T], brief: bool
    ) -> T:
        def plain(db: sqlite3.Connection) -> T:
            """The job, on rows that are tuples of text and numbers for its time."""
            factories = db.row_factory, db.text_factory
            db.row_factory, db.text_factory = None, str
            try:
                self._prepare(db)
                return job(db)
            finally:
                db.row_factory, db.text_factory = factories

        try:
            if isinstance(conn, Connection):
                return await conn.perform(plain, brief=brief)
            # A connection that the user opened without `connect`: we only know its thread.
            result: T = await conn._execute(plain, raw(conn))  # type: ignore[no-untyped-call]
            return result
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def _prepare(self, db: sqlite3.Connection) -> None:
        # Not inside the user's transaction, with which it could be rolled back again.
        if not self._ready and not db.in_transaction:
            db.text_factory = os.fsdecode  # a path may be no UTF-8
            self.path = db.execute("PRAGMA database_list").fetchone()[2] or self.path
            db.text_factory = str
            migrate(db)
            self._watch(db)
            self._ready = True

    def _watch(self, db: sqlite3.Connection) -> None:
        """Notice when rows are changed or removed on this connection, by any statement."""
        db.create_function("axio_context_edited", 2, self._edited)
        for event in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TEMP TRIGGER axio_context_watch_{event} "
                f"AFTER {event} ON axio_context_messages "
                "BEGIN SELECT axio_context_edited(old.project, old.session_id); END"
            )

    def _edited(self, project: str, session_id: str) -> None:
        self.edits[project, session_id] += 1
