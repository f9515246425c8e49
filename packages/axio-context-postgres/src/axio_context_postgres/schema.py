"""The tables, as a numbered list of changes. Only ever add to the end of it.

`axio_` begins the name of every table, so that they may stand in a schema among others.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from psycopg import AsyncCursor

from axio_context_postgres.errors import StoreError, StoreTooNew

__all__ = ("MIGRATIONS", "in_schema", "migrate", "require_name", "version_of")

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    # 1: sessions and their messages.
    (
        """
        CREATE TABLE axio_sessions (
            key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id text NOT NULL UNIQUE,
            name text,
            preview text,
            length integer NOT NULL DEFAULT 0,
            edits bigint NOT NULL DEFAULT 0,
            input_tokens bigint NOT NULL DEFAULT 0,
            output_tokens bigint NOT NULL DEFAULT 0,
            epoch bigint NOT NULL DEFAULT 0,
            owner text,
            until timestamptz,
            created_at timestamptz NOT NULL DEFAULT now(),
            changed_at timestamptz NOT NULL DEFAULT now()
        ) WITH (fillfactor = 50)
        """,
        "COMMENT ON TABLE axio_sessions IS 'Conversations of agents'",
        "COMMENT ON COLUMN axio_sessions.preview IS 'How the first text of the user begins'",
        "COMMENT ON COLUMN axio_sessions.length IS 'Number of messages'",
        "COMMENT ON COLUMN axio_sessions.edits IS "
        "'Raised whenever messages are changed or removed; add 1 when you do so by hand'",
        "COMMENT ON COLUMN axio_sessions.epoch IS "
        "'Raised with every change of the owner: a write with an older one is refused'",
        "COMMENT ON COLUMN axio_sessions.owner IS 'The run that may write, NULL for none'",
        "COMMENT ON COLUMN axio_sessions.until IS 'From then on the owner counts as dead'",
        """
        CREATE TABLE axio_messages (
            session bigint NOT NULL REFERENCES axio_sessions ON DELETE CASCADE,
            position integer NOT NULL,
            role text NOT NULL,
            content json NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (session, position)
        )
        """,
        "COMMENT ON TABLE axio_messages IS 'Messages of sessions, by position from 0 on'",
        "COMMENT ON COLUMN axio_messages.content IS 'Blocks, as axio.blocks.to_dict writes them'",
    ),
    # 2: calls that have begun and whose results are not in the messages yet.
    (
        """
        CREATE TABLE axio_calls (
            session bigint NOT NULL REFERENCES axio_sessions ON DELETE CASCADE,
            call_id text NOT NULL,
            digest text NOT NULL,
            result json,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (session, call_id)
        )
        """,
        "COMMENT ON TABLE axio_calls IS 'Calls that have begun, until their results are messages'",
        "COMMENT ON COLUMN axio_calls.digest IS 'Of id, name and arguments: axio.approval.digest'",
        "COMMENT ON COLUMN axio_calls.result IS 'The block of the result, if there is one'",
    ),
    # 3: messages on their way into a session, and events on their way out.
    (
        """
        CREATE TABLE axio_inbox (
            session bigint NOT NULL REFERENCES axio_sessions ON DELETE CASCADE,
            id text NOT NULL,
            number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            role text NOT NULL,
            content json NOT NULL,
            posted_at timestamptz NOT NULL DEFAULT now(),
            taken_at timestamptz,
            PRIMARY KEY (session, id)
        )
        """,
        "CREATE INDEX ON axio_inbox (session, number) WHERE taken_at IS NULL",
        "COMMENT ON TABLE axio_inbox IS 'Messages for a session that were posted from elsewhere'",
        "COMMENT ON COLUMN axio_inbox.taken_at IS 'When it became a message, NULL while it waits'",
        """
        CREATE UNLOGGED TABLE axio_live (
            session bigint NOT NULL REFERENCES axio_sessions ON DELETE CASCADE,
            position integer NOT NULL,
            attempt text NOT NULL,
            number bigint NOT NULL,
            event json NOT NULL,
            PRIMARY KEY (session, position, attempt, number)
        )
        """,
        "COMMENT ON TABLE axio_live IS 'Events of turns that are not stored yet; may be lost'",
        "COMMENT ON COLUMN axio_live.position IS 'Of the message that they become part of'",
    ),
    # 4: budgets that many processes share.
    (
        """
        CREATE TABLE axio_ledger (
            key text NOT NULL,
            since timestamptz NOT NULL,
            requests bigint NOT NULL,
            input_tokens bigint NOT NULL,
            output_tokens bigint NOT NULL,
            cost double precision NOT NULL,
            PRIMARY KEY (key, since)
        ) WITH (fillfactor = 50)
        """,
        "COMMENT ON TABLE axio_ledger IS 'Use by budgets, with what is reserved for model calls'",
        "COMMENT ON COLUMN axio_ledger.since IS 'The beginning of the window, -infinity for none'",
        "COMMENT ON COLUMN axio_ledger.cost IS 'In USD'",
    ),
    # 5: the work on sessions that many processes share.
    (
        """
        ALTER TABLE axio_sessions
            ADD agent text, ADD parent text,
            ADD stirred bigint NOT NULL DEFAULT 0, ADD rested bigint NOT NULL DEFAULT 0,
            ADD cancelled bigint,
            ADD reason text NOT NULL DEFAULT '', ADD words text NOT NULL DEFAULT ''
        """,
        "CREATE INDEX ON axio_sessions (changed_at) WHERE stirred <> rested",
        "COMMENT ON COLUMN axio_sessions.agent IS 'The agent that works on the session'",
        "COMMENT ON COLUMN axio_sessions.parent IS 'The session whose call it works for'",
        "COMMENT ON COLUMN axio_sessions.stirred IS 'Raised with all that comes from elsewhere'",
        "COMMENT ON COLUMN axio_sessions.rested IS 'Its value when there was nothing more to do'",
        "COMMENT ON COLUMN axio_sessions.cancelled IS 'Cancelled, with the inbox up to there'",
        "COMMENT ON COLUMN axio_sessions.reason IS 'Why the last run has ended'",
    ),
    # 6: the database of each session whose home this one is, where several are used as one.
    (
        "CREATE TABLE axio_places (id text PRIMARY KEY, shard text NOT NULL)",
        "COMMENT ON TABLE axio_places IS 'In which of several databases a session is, by its name'",
    ),
    # 7: how often the work on a session was begun.
    (
        "ALTER TABLE axio_sessions ADD attempts integer NOT NULL DEFAULT 0",
        "COMMENT ON COLUMN axio_sessions.attempts IS 'Workers that began since it was at rest'",
    ),
)

_VERSIONS = "CREATE TABLE axio_schema (version integer PRIMARY KEY, applied_at timestamptz)"

_OURS = re.compile(r"\baxio_\w+")

_LOCK = 0x6178696F  # "axio" in ASCII: a number that no other program is likely to lock


def require_name(schema: str) -> str:
    """`schema`, if it may stand in a statement as it is."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise ValueError(
            f"the name of a schema must be lower case letters, digits and _, got {schema!r}"
        )
    return schema


@lru_cache(maxsize=256)
def in_schema(statement: str, schema: str) -> str:
    """`statement` with the names of our tables, which must be its only words in axio_."""
    return _OURS.sub(rf'"{schema}".\g<0>', statement)


async def version_of(cursor: AsyncCursor[Any], schema: str) -> int:
    """The version of the tables there are; 0 for none, or for a schema that is not there."""
    # Not with to_regclass(), which may answer from before a lock that was waited for.
    await cursor.execute(
        "SELECT FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'axio_schema'",
        [schema],
    )
    if await cursor.fetchone() is None:
        return 0
    await cursor.execute(in_schema("SELECT max(version) FROM axio_schema", schema))
    row = await cursor.fetchone()
    version = 0 if row is None else int(row[0] or 0)
    if version > len(MIGRATIONS):
        raise StoreTooNew(
            f"schema {schema!r} has version {version} of the tables, this release knows "
            f"{len(MIGRATIONS)}: install a newer axio-context-postgres"
        )
    return version


async def migrate(cursor: AsyncCursor[Any], schema: str) -> int:
    """Bring the tables up to date, inside a transaction of the caller's; the version before.

    Several processes may do it at once: each waits for the one before.
    """
    await cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    before = await version_of(cursor, schema)
    if before == len(MIGRATIONS):
        return before
    await cursor.execute("SHOW server_encoding")
    if await cursor.fetchone() != ("UTF8",):
        raise StoreError(
            "the database cannot hold every text: make one with "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    if before == 0:
        await cursor.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema])
        if await cursor.fetchone() is None:  # Else the role need not have the right to make one.
            await cursor.execute(f'CREATE SCHEMA "{schema}"')
        await cursor.execute(in_schema(_VERSIONS, schema))
    for number, statements in enumerate(MIGRATIONS[before:], before + 1):
        for statement in statements:
            await cursor.execute(in_schema(statement, schema))
        await cursor.execute(
            in_schema("INSERT INTO axio_schema VALUES (%s, now())", schema), [number]
        )
    return before
