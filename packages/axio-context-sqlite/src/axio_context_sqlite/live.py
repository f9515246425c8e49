"""Events of a turn that is not stored yet, for those who watch from another process.

They say which message they will become part of, and are void once that is stored. So a watcher
needs only the number of messages it has seen.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from functools import partial

from axio.durable import Cursor, Seen
from axio.event_data import event_from_dict, event_to_dict
from axio.events import StreamEvent
from axio_context_sqlite import rows
from axio_context_sqlite.calls import Perform
from axio_context_sqlite.owner import Owner
from axio_context_sqlite.rows import Session
from axio_context_sqlite.shelf import Run

__all__ = ("LiveTail",)

_THIS = "WHERE project = ? AND session_id = ?"


class LiveTail:
    """`run` runs a job on the file; `change` does so in a transaction, for the `owner`."""

    def __init__(self, session: Session, run: Run, change: Perform, owner: Owner) -> None:
        self._session = session
        self._run = run
        self._change = change
        self._owner = owner

    async def write(self, events: Iterable[StreamEvent]) -> None:
        """Show events of the turn that will be the next message. Best some at a time, every 100 to
        200 ms."""
        data = [json.dumps(event_to_dict(event)) for event in events]
        if data:
            await self._change(partial(self._write, data), brief=True)

    def _write(self, data: list[str], db: sqlite3.Connection) -> None:
        position, attempt = rows.count(db, self._session), self._owner.token
        db.execute(
            f"DELETE FROM axio_context_live {_THIS} AND (position < ? OR attempt <> ?)",
            (*self._session, position, attempt),
        )
        db.executemany(
            "INSERT INTO axio_context_live (project, session_id, position, attempt, event) "
            "VALUES (?, ?, ?, ?, ?)",
            [(*self._session, position, attempt, event) for event in data],
        )

    async def read(self, after: Cursor | None = None) -> Seen:
        """All that is new since `after`. Ask again with the `cursor` that comes back."""
        return await self._run(partial(self._read, after or Cursor()), brief=True)

    def _read(self, after: Cursor, db: sqlite3.Connection) -> Seen:
        # In this order: a message that is stored in between comes with the next reading.
        messages = rows.from_number(db, self._session, after.messages)
        seen = after.messages + len(messages)
        cursor = Cursor(seen) if messages else after
        found = db.execute(
            f"SELECT number, attempt, event FROM axio_context_live {_THIS} AND position = ? "
            "AND (number > ? OR attempt <> ?) ORDER BY number",
            (*self._session, seen, cursor.number, cursor.attempt),
        ).fetchall()
        if not found:
            return Seen(cursor, messages)
        last, attempt, _ = found[-1]
        mine = [event_from_dict(json.loads(text)) for _, of, text in found if of == attempt]
        restarts = cursor.attempt not in ("", attempt)
        return Seen(Cursor(seen, last, attempt), messages, restarts, mine)
