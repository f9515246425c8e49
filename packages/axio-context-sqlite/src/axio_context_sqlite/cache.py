"""The decoded messages of one session, kept so that a read costs what is new.

Everything here runs inside a job, so one thread at a time is at it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from axio.messages import Message
from axio_context_sqlite import rows
from axio_context_sqlite.database import Database
from axio_context_sqlite.rows import NONE, Last, Session

__all__ = ("Cache",)


class _Seen(NamedTuple):
    """If none of these has changed, the file has not been written to."""

    commits_of_others: int
    rows: int
    """Changed on this connection, in any session or table."""
    edits: int
    """Rows of this session, changed or removed on this connection."""


class Cache:
    """`messages` are those up to the row `last`; nothing is known yet while `seen` is None.

    The list only grows, or is replaced by another: another thread may be copying it.
    """

    def __init__(self, session: Session, database: Database) -> None:
        self._session = session
        self._database = database
        self._messages: list[Message] = []
        self._last = NONE
        self._seen: _Seen | None = None

    def _look(self, db: sqlite3.Connection) -> _Seen:
        (version,) = db.execute("PRAGMA data_version").fetchone()
        return _Seen(version, db.total_changes, self._database.edits[self._session])

    def current(self, db: sqlite3.Connection) -> list[Message] | None:
        """All messages, if that takes no reading of any."""
        known = self._seen
        if known is None or db.in_transaction:
            return None
        seen = self._look(db)
        if seen != known:
            # Something was changed; mostly in another session.
            if seen.edits != known.edits:
                return None
            if rows.last(db, self._session) != self._last:
                return None
            self._seen = seen
        return self._messages

    def read(self, db: sqlite3.Connection) -> list[Message]:
        """All messages, after reading those that are new."""
        known, self._seen = self._seen, None  # if this is interrupted, all is read again
        seen = self._look(db)
        if known is None or seen.edits != known.edits or not self._catch_up(db):
            self._messages, self._last = [], NONE
            self._catch_up(db)
        # The rows of a transaction that is still open may yet vanish.
        self._seen = None if db.in_transaction else seen
        return self._messages

    def _catch_up(self, db: sqlite3.Connection) -> bool:
        """Take what follows the last row we know; False if that row is gone."""
        known = self._last
        with closing(rows.read(db, self._session, max(known.position, 0))) as found:
            if known != NONE and next(found, (None,))[0] != known:
                return False
            for at, row in found:
                self._messages.append(rows.decode(self._session, at, row))
                self._last = at
        return True

    def appended(
        self, db: sqlite3.Connection, before: Last, after: Last, messages: Iterable[Message]
    ) -> None:
        """Take over what we wrote ourselves, unless foreign rows are in between."""
        known, self._seen = self._seen, None
        if known is not None and before == self._last:
            self._messages.extend(messages)
            self._last = after
            self._seen = known._replace(rows=db.total_changes)
