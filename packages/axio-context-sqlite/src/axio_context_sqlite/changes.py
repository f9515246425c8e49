"""Changes of files that were made in a session: the contents before and after, each kept once.

What else is known of a change is its owner's business, and kept as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable

from axio.types import JSONObject
from axio_context_sqlite.errors import StoreDamaged
from axio_context_sqlite.rows import Session
from axio_context_sqlite.shelf import Run

__all__ = ("FileChanges", "sweep")

_OF = "FROM axio_context_changes WHERE project = ? AND session_id = ?"


class FileChanges:
    """The changes of one session, made by `store.changes`; they go with the session.

    They may be changed while another run owns the session.
    """

    def __init__(self, session: Session, run: Run, change: Run) -> None:
        self._session = session
        self._run = run
        self._change = change

    async def add(
        self, data: JSONObject, before: bytes | None, after: bytes, most: int
    ) -> tuple[int, list[int]]:
        """Keep a change. Returns its number and those of the oldest, which are forgotten so that
        there are at most `most` bytes."""
        text, size = json.dumps(data), len(before or b"") + len(after)

        def job(db: sqlite3.Connection) -> tuple[int, list[int]]:
            digests = [None if part is None else _keep(db, part) for part in (before, after)]
            cursor = db.execute(
                "INSERT INTO axio_context_changes "
                "(project, session_id, data, before, after, size) VALUES (?, ?, ?, ?, ?, ?)",
                (*self._session, text, *digests, size),
            )
            assert cursor.lastrowid is not None
            gone = _too_old(db, self._session, most)
            self._forget(db, gone)
            return cursor.lastrowid, gone

        return await self._change(job)

    async def remove(self, *ids: int) -> None:
        """Forget changes; numbers that are not there any more do not matter."""
        await self._change(lambda db: self._forget(db, ids))

    async def load(self) -> list[tuple[int, JSONObject, bytes | None, bytes]]:
        """All changes, oldest first. StoreDamaged if one cannot be read."""

        def job(db: sqlite3.Connection) -> list[tuple[int, JSONObject, bytes | None, bytes]]:
            found = db.execute(f"SELECT id, data, before, after {_OF} ORDER BY id", self._session)
            return [
                (id, json.loads(data), _content(db, id, before), _content(db, id, after) or b"")
                for id, data, before, after in found.fetchall()
            ]

        return await self._run(job)

    def _forget(self, db: sqlite3.Connection, ids: Iterable[int]) -> None:
        found = [db.execute(f"DELETE {_OF} AND id = ?", (*self._session, id)) for id in ids]
        if any(cursor.rowcount for cursor in found):
            sweep(db)


def _keep(db: sqlite3.Connection, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    known = db.execute("SELECT 1 FROM axio_context_contents WHERE digest = ?", (digest,))
    if known.fetchone() is None:
        packed = zlib.compress(content, 1)
        db.execute("INSERT INTO axio_context_contents VALUES (?, ?)", (digest, packed))
    return digest


def _content(db: sqlite3.Connection, id: int, digest: str | None) -> bytes | None:
    if digest is None:
        return None
    row = db.execute(
        "SELECT content FROM axio_context_contents WHERE digest = ?", (digest,)
    ).fetchone()
    try:
        content = zlib.decompress(row[0])
    except (TypeError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreDamaged(f"the content of row {id} of axio_context_changes cannot be read")
    return content


def _too_old(db: sqlite3.Connection, session: Session, most: int) -> list[int]:
    found = db.execute(f"SELECT id, size {_OF} ORDER BY id DESC", session).fetchall()
    gone = []
    for id, size in found:
        most -= size
        if most < 0:
            gone.append(id)
    return gone


def sweep(db: sqlite3.Connection) -> None:
    """Remove contents that no change has any more."""
    db.execute(
        "DELETE FROM axio_context_contents WHERE NOT EXISTS "
        "(SELECT 1 FROM axio_context_changes WHERE before = digest) AND NOT EXISTS "
        "(SELECT 1 FROM axio_context_changes WHERE after = digest)"
    )
