"""Messages for a session that come from elsewhere, until its owner takes them into the history."""

from __future__ import annotations

import sqlite3

from axio.durable import require_id
from axio.messages import Message, Prompt, as_message
from axio_context_sqlite import rows, work
from axio_context_sqlite.calls import Perform
from axio_context_sqlite.names import to_column
from axio_context_sqlite.payload import compress_payload, encode
from axio_context_sqlite.rows import Row, Session
from axio_context_sqlite.shelf import Run
from axio_context_sqlite.transaction import transaction

__all__ = ("Inbox",)

_WAITING = (
    "SELECT number, role, content FROM axio_context_inbox "
    "WHERE project = ? AND session_id = ? AND NOT taken AND number <= ? ORDER BY number"
)

_ALL = 2**62


class Inbox:
    """Any process may `post`, also while a run owns the session; the owner takes what waits."""

    def __init__(self, session: Session, run: Run, change: Perform) -> None:
        self._session = session
        self._run = run
        self._change = change

    async def post(self, prompt: Prompt, id: str) -> bool:
        """Leave a message; False if one with this `id` was left before, which stays as it is.

        To post again after an error is therefore safe.
        """
        if not id:
            raise ValueError(f"id must be some text, got {id!r}")
        require_id("the id of a message", id)
        require_id("the id of a session", self._session[1])
        role, text, _ = encode(as_message(prompt))
        row = (*self._session, to_column(id), role, compress_payload(text))

        def job(db: sqlite3.Connection) -> bool:
            with transaction(db):
                posted = db.execute(
                    "INSERT INTO axio_context_inbox (project, session_id, id, role, content) "
                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    row,
                )
                if posted.rowcount:
                    work.stir(db, self._session)
                return bool(posted.rowcount)

        return await self._run(job, brief=True)

    async def waiting(self) -> list[Message]:
        """The messages that have not been taken, in the order in which they were posted."""
        found = await self._run(
            lambda db: db.execute(_WAITING, (*self._session, _ALL)).fetchall(), brief=True
        )
        return [
            rows.decode(self._session, rows.Last(number, place), Row(role, payload))
            for place, (number, role, payload) in enumerate(found)
        ]

    async def take(self, until: int | None = None) -> int:
        """Add the messages that wait to the history, each once, in one step; how many they were.
        With `until`, only those up to that number."""

        def change(db: sqlite3.Connection) -> int:
            most = _ALL if until is None else until
            found = db.execute(_WAITING, (*self._session, most)).fetchall()
            new = [Row(role, payload) for _, role, payload in found]
            rows.append(db, self._session, rows.last(db, self._session), new)
            db.executemany(
                "UPDATE axio_context_inbox SET taken = 1 WHERE number = ?",
                [(number,) for number, *_ in found],
            )
            return len(found)

        return await self._change(change, brief=True)
