"""How the work on a session stands, for programs that share it out among processes."""

from __future__ import annotations

import sqlite3

from axio import durable
from axio.durable import Standing, require_id
from axio_context_sqlite import lease
from axio_context_sqlite.calls import Perform
from axio_context_sqlite.names import from_column, to_column
from axio_context_sqlite.rows import Session
from axio_context_sqlite.shelf import Run
from axio_context_sqlite.transaction import transaction

__all__ = ("Work", "stir", "unfinished")

_THIS = "WHERE project = ? AND session_id = ?"

_STANDING = f"""
    SELECT agent, parent, stirred, stirred = rested,
        EXISTS (SELECT 1 FROM axio_context_inbox {_THIS} AND NOT taken),
        cancelled, reason, words, attempts, owner, process, heartbeat
    FROM axio_context_work LEFT JOIN axio_context_sessions USING (project, session_id) {_THIS}
"""

_ATTEMPT = f"UPDATE axio_context_work SET attempts = attempts + (stirred <> rested) {_THIS}"

_CANCEL = f"""
    UPDATE axio_context_work SET stirred = stirred + 1, cancelled =
        coalesce((SELECT max(number) FROM axio_context_inbox {_THIS}), 0)
    {_THIS} AND (stirred <> rested OR reason IN ('approval', 'waiting'))
"""

_UNFINISHED = """
    SELECT work.session_id, owner, process, heartbeat
    FROM axio_context_work AS work LEFT JOIN axio_context_sessions USING (project, session_id)
    WHERE project = ? AND agent IS NOT NULL AND stirred <> rested
"""


class Work(durable.Work):
    """`run` runs a job on the file; `change` does so in a transaction, for the owner."""

    def __init__(self, session: Session, run: Run, change: Perform) -> None:
        self._session = session
        self._run = run
        self._change = change

    async def assign(self, agent: str, parent: str | None = None) -> None:
        require_id("the id of a session", self._session[1])
        names = (to_column(agent), None if parent is None else to_column(parent))
        await self._execute(
            "INSERT INTO axio_context_work (project, session_id, agent, parent) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET agent = excluded.agent, "
            "parent = coalesce(parent, excluded.parent)",
            *self._session,
            *names,
        )

    async def standing(self) -> Standing:
        return await self._run(self._standing, brief=True)

    async def attempt(self) -> Standing:
        def change(db: sqlite3.Connection) -> Standing:
            db.execute(_ATTEMPT, self._session)
            return self._standing(db)

        return await self._change(change, brief=True)

    def _standing(self, db: sqlite3.Connection) -> Standing:
        row = db.execute(_STANDING, (*self._session, *self._session)).fetchone()
        if row is None:
            return Standing()
        agent, parent, stirred, is_at_rest, has_mail, cancelled, reason, words, *rest = row
        attempt, *owner = rest
        return Standing(
            _name(agent),
            _name(parent),
            stirred,
            bool(is_at_rest),
            bool(has_mail),
            cancelled,
            from_column(reason),
            from_column(words),
            not lease.is_free(*owner),
            attempt,
        )

    async def cancel(self) -> None:
        await self._execute(_CANCEL, *self._session, *self._session)

    async def cancelled(self, number: int) -> None:
        statement = (
            "UPDATE axio_context_work SET cancelled = NULL, reason = 'cancelled', words = '' "
            f"{_THIS} AND cancelled = ?"
        )
        await self._change(lambda db: db.execute(statement, (*self._session, number)), brief=True)

    async def rest(self, stirred: int, reason: str, words: str = "") -> bool:
        texts = (to_column(reason), to_column(words))

        def change(db: sqlite3.Connection) -> bool:
            rests = db.execute(
                "UPDATE axio_context_work SET rested = stirred, cancelled = NULL, "
                f"reason = ?, words = ?, attempts = 0 {_THIS} AND stirred = ?",
                (*texts, *self._session, stirred),
            )
            return bool(rests.rowcount)

        return await self._change(change, brief=True)

    async def _execute(self, statement: str, *parameters: str | None) -> None:
        def job(db: sqlite3.Connection) -> None:
            with transaction(db):
                db.execute(statement, parameters)

        await self._run(job, brief=True)


def _name(column: str | None) -> str | None:
    return None if column is None else from_column(column)


def stir(db: sqlite3.Connection, session: Session) -> None:
    """Note that something has come from elsewhere, if an agent works on the session."""
    db.execute(f"UPDATE axio_context_work SET stirred = stirred + 1 {_THIS}", session)


def unfinished(db: sqlite3.Connection, project: str, limit: int) -> list[str]:
    """Sessions with work that no living run does."""
    found = db.execute(_UNFINISHED, (to_column(project),)).fetchall()
    free = (id for id, *owner in found if lease.is_free(*owner))
    return [from_column(id) for id, _ in zip(free, range(limit), strict=False)]
