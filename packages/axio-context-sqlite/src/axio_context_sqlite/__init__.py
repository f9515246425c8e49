"""Conversations of axio agents in one SQLite file.

    async with SQLiteContextStore.open("conversations.db", "my session") as store:
        await agent.run("Hello", store)

One file holds any number of sessions and projects, and any number of processes may use it at
once. `connect` opens it for several stores that share a connection.
"""

from __future__ import annotations

from axio_context_sqlite.connection import connect
from axio_context_sqlite.errors import (
    SessionInUse,
    SessionLost,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
)
from axio_context_sqlite.file import SQLite
from axio_context_sqlite.store import SQLiteContextStore

__all__ = (
    "SQLite",
    "SQLiteContextStore",
    "SessionInUse",
    "SessionLost",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "connect",
)

__version__ = "1.0.0a1"
