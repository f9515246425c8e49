"""Conversations of axio agents in PostgreSQL.

    async with Postgres("postgresql://user:password@host/database") as database:
        await agent.run("Hello", database.session("my session"))

Any number of sessions, processes and machines may use one database at once.
"""

from __future__ import annotations

from axio.durable import Cursor, Seen
from axio_context_postgres.database import Postgres
from axio_context_postgres.errors import (
    SessionLost,
    StoreBusy,
    StoreDamaged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnreachable,
)
from axio_context_postgres.shards import Shards
from axio_context_postgres.store import PostgresContextStore

__all__ = (
    "Cursor",
    "Postgres",
    "PostgresContextStore",
    "Seen",
    "SessionLost",
    "Shards",
    "StoreBusy",
    "StoreDamaged",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnreachable",
)

__version__ = "1.0.0a1"
