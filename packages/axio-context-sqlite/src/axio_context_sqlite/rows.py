"""The rows of one session: plain functions on a sqlite3 connection.

The order is that of the positions, which rise and may have gaps. Ids are never used twice
(AUTOINCREMENT): a last row with the same id means that nothing before it was removed.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import NamedTuple

from axio.exceptions import without_content
from axio.messages import Message
from axio_context_sqlite import payload
from axio_context_sqlite.errors import StoreDamaged
from axio_context_sqlite.names import from_column, to_column

__all__ = (
    "NONE",
    "Last",
    "Row",
    "Session",
    "append",
    "copy",
    "count",
    "decode",
    "first_of_user",
    "from_number",
    "keep",
    "last",
    "read",
    "tail",
)


class Session(NamedTuple):
    """The key of a session; the parameters of `_OF`."""

    project: str
    id: str

    @classmethod
    def of(cls, project: str, id: str) -> Session:
        return cls(to_column(project), to_column(id))

    @property
    def shown(self) -> str:
        """The id as the user has given it, in quotes."""
        return repr(from_column(self.id))


class Last(NamedTuple):
    """A session's last row."""

    id: int
    position: int


NONE = Last(-1, -1)
"""The last row of an empty session."""


class Row(NamedTuple):
    """A message as it is stored. Without a time it gets the present one."""

    role: str
    payload: str
    created_at: str | None = None


_OF = "FROM axio_context_messages WHERE project = ? AND session_id = ?"


def last(db: sqlite3.Connection, session: Session) -> Last:
    found = db.execute(f"SELECT id, position {_OF} ORDER BY position DESC LIMIT 1", session)
    row = found.fetchone()
    return NONE if row is None else Last(*row)


def count(db: sqlite3.Connection, session: Session) -> int:
    (number,) = db.execute(f"SELECT count(*) {_OF}", session).fetchone()
    return int(number)


def append(db: sqlite3.Connection, session: Session, after: Last, rows: Iterable[Row]) -> Last:
    """Add the rows after the last one; which is the last one then."""
    id, position = after
    for row in rows:
        position += 1
        cursor = db.execute(
            "INSERT INTO axio_context_messages "
            "(project, session_id, position, role, content, created_at) "
            "VALUES (?, ?, ?, ?, ?, coalesce(?, datetime('now')))",
            (*session, position, *row),
        )
        assert cursor.lastrowid is not None
        id = cursor.lastrowid
    return Last(id, position)


def keep(db: sqlite3.Connection, session: Session, number: int) -> None:
    """Remove all but the first `number` messages."""
    db.execute(
        f"DELETE {_OF} AND position >= (SELECT position {_OF} ORDER BY position LIMIT 1 OFFSET ?)",
        (*session, *session, number),
    )


def copy(db: sqlite3.Connection, session: Session, number: int, into: Session) -> None:
    """Append the first `number` messages, with their times, to another session's."""
    db.execute(
        "INSERT INTO axio_context_messages "
        "(project, session_id, position, role, content, created_at) "
        f"SELECT ?, ?, position, role, content, created_at {_OF} ORDER BY position LIMIT ?",
        (*into, *session, number),
    )


def read(
    db: sqlite3.Connection, session: Session, start: int = 0
) -> Generator[tuple[Last, Row], None, None]:
    """The rows from position `start` on. Close it when not reading to the end."""
    found = db.execute(
        f"SELECT id, position, role, content, created_at {_OF} AND position >= ? ORDER BY position",
        (*session, start),
    )
    # Closed in any case: a SELECT that a traceback keeps alive would hold the
    # connection in the past, and then nothing can be written on it.
    with closing(found):
        for id, position, *row in found:
            yield Last(id, position), Row(*row)


def tail(db: sqlite3.Connection, session: Session, number: int) -> list[Message]:
    """The last `number` messages, without a look at the others."""
    found = db.execute(
        f"SELECT id, position, role, content {_OF} ORDER BY position DESC LIMIT ?",
        (*session, number),
    )
    return _decode_all(session, found)[::-1]


def from_number(db: sqlite3.Connection, session: Session, number: int) -> list[Message]:
    """The messages after the first `number`."""
    found = db.execute(
        f"SELECT id, position, role, content {_OF} ORDER BY position LIMIT -1 OFFSET ?",
        (*session, number),
    )
    return _decode_all(session, found)


def first_of_user(db: sqlite3.Connection, session: Session) -> list[Message]:
    """The first message of the user, if there is one."""
    found = db.execute(
        f"SELECT id, position, role, content {_OF} AND role = 'user' ORDER BY position LIMIT 1",
        session,
    )
    return _decode_all(session, found)


def _decode_all(session: Session, found: sqlite3.Cursor) -> list[Message]:
    return [decode(session, Last(id, pos), Row(*row)) for id, pos, *row in found.fetchall()]


def decode(session: Session, at: Last, row: Row) -> Message:
    """The row's message. StoreDamaged, saying which row, when it is broken."""
    try:
        return payload.decode(row.role, payload.decompress_payload(row.payload))
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error) as error:
        why = without_content(error)
    # Not from the error, which may hold what was written.
    raise StoreDamaged(
        f"message {at.position} of session {session.shown} cannot be read "
        f"(row {at.id} of axio_context_messages): {why}"
    )
