"""Forgetting what is old, in all projects of a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import aiosqlite

from axio.exceptions import SessionBusy
from axio_context_sqlite import changes, lease, sessions
from axio_context_sqlite.connection import BUSY_TIMEOUT
from axio_context_sqlite.database import Database
from axio_context_sqlite.rows import Session
from axio_context_sqlite.transaction import transaction

__all__ = ("forget_changes", "forget_sessions")

T = TypeVar("T")

_AT_ONCE = 50  # sessions in one transaction: others want to write, too

# Those of sub-agents (`ID/...`) go with the session that they belong to, and not before it.
_OLD = """
SELECT project, session_id FROM axio_context_messages AS one GROUP BY project, session_id
HAVING max(created_at) < ? AND NOT EXISTS (
    SELECT 1 FROM axio_context_messages AS above
    WHERE instr(one.session_id, '/') AND above.project = one.project
    AND above.session_id = substr(one.session_id, 1, instr(one.session_id, '/') - 1)
)
"""
_LAST = "SELECT max(created_at) FROM axio_context_messages WHERE project = ? AND session_id = ?"


async def forget_sessions(conn: aiosqlite.Connection, before: datetime) -> int:
    """Delete the sessions to which nothing was added since `before`, each with all that is kept
    with it and its sub-agents'; their number. Those that a living process has stay."""
    moment = _utc(before)
    old = await _run(conn, partial(_older, before=moment))
    number = 0
    for start in range(0, len(old), _AT_ONCE):
        some = old[start : start + _AT_ONCE]
        number += await _run(conn, partial(_delete, old=some, before=moment))
    return number


async def forget_changes(conn: aiosqlite.Connection, before: datetime) -> None:
    """Forget the changes of files that were made in such sessions, which stay themselves."""
    old = await _run(conn, partial(_older, before=_utc(before)))

    def forget(db: sqlite3.Connection) -> None:
        with transaction(db):
            db.executemany(
                "DELETE FROM axio_context_changes WHERE project = ? AND session_id = ?", old
            )
            changes.sweep(db)

    if old:
        await _run(conn, forget)


async def _run(conn: aiosqlite.Connection, job: Callable[[sqlite3.Connection], T]) -> T:
    return await Database.of(conn).run(conn, job, wait=BUSY_TIMEOUT)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _older(db: sqlite3.Connection, before: str) -> list[Session]:
    return [Session(*row) for row in db.execute(_OLD, (before,)).fetchall()]


def _delete(db: sqlite3.Connection, old: list[Session], before: str) -> int:
    number = 0
    with transaction(db):
        for session in old:
            (last,) = db.execute(_LAST, session).fetchone()
            if last is None or last >= before:  # another process was faster
                continue
            try:
                lease.admit(db, session, None)
            except SessionBusy:
                continue
            sessions.delete(db, session)
            number += 1
    return number
