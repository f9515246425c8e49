"""Explicit transactions, independent of how sqlite3 is set to handle them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from axio_context_sqlite.errors import StoreBusy

__all__ = ("transaction",)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of the block's changes, or none; also when the process dies on the way.

    The write lock is taken at the start, so that what the block reads stays true until it ends.
    StoreBusy when a foreign transaction is open on the connection: joining it would commit
    half-done work, or lose ours with theirs.
    """
    if _open(db):
        raise StoreBusy(
            "other code left a transaction open on the connection that the store shares: commit "
            "it, or give the store a connection of its own"
        )
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if _open(db):  # SQLite itself rolls back when the disk is full
            db.execute("ROLLBACK")
        raise


def _open(db: sqlite3.Connection) -> bool:
    return db.in_transaction
