"""Sessions and changes that are old are forgotten, others are left alone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import aiosqlite

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore
from axio_context_sqlite.upkeep import forget_changes, forget_sessions

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TABLES = ("messages", "tokens", "items", "calls", "changes", "contents", "sessions")


async def said(conn: aiosqlite.Connection, id: str, *moments: datetime, project: str = "p") -> None:
    """A session with a message of each moment, and one of everything else."""
    store = SQLiteContextStore(conn, id, project)
    for moment in moments:
        await store.append(Message("user", [TextBlock("hi")]))
        await conn.execute(
            "UPDATE axio_context_messages SET created_at = ? WHERE id = (SELECT max(id) FROM "
            "axio_context_messages)",
            (f"{moment:%Y-%m-%d %H:%M:%S}",),
        )
        await conn.commit()
    await store.add_context_tokens(1, 1)
    await store.rename("named")
    await store.shelf.add("thing", {})
    await store.changes.add({}, None, id.encode(), 100)


def left(path: Path, table: str) -> set[str]:
    db = sqlite3.connect(path)
    column = "digest" if table == "contents" else "session_id"
    found = {row[0] for row in db.execute(f"SELECT {column} FROM axio_context_{table}")}
    db.close()
    return found


async def test_a_session_goes_with_all_that_is_kept_with_it(
    conn: aiosqlite.Connection, path: Path
) -> None:
    for project in ("p", "q"):
        await said(conn, "old", NOON - timedelta(days=9), project=project)
    assert await forget_sessions(conn, NOON) == 2
    assert {table: left(path, table) for table in TABLES} == {table: set() for table in TABLES}


async def test_the_last_message_decides(conn: aiosqlite.Connection, path: Path) -> None:
    await said(conn, "old", NOON - timedelta(seconds=1))
    await said(conn, "young", NOON - timedelta(days=9), NOON)
    assert await forget_sessions(conn, NOON.astimezone(timezone(timedelta(hours=5)))) == 1
    assert left(path, "messages") == {"young"}


async def test_sessions_of_sub_agents_go_with_the_one_above_them_and_not_before(
    conn: aiosqlite.Connection, path: Path
) -> None:
    old = NOON - timedelta(days=9)
    for id, moment in (("a", old), ("a/1", old), ("b", NOON), ("b/1", old), ("gone/1", old)):
        await said(conn, id, moment)
    assert await forget_sessions(conn, NOON) == 2
    assert left(path, "messages") == left(path, "items") == {"b", "b/1"}


async def test_a_session_that_is_open_stays(conn: aiosqlite.Connection, path: Path) -> None:
    await said(conn, "old", NOON - timedelta(days=9))
    store = SQLiteContextStore(conn, "old", "p")
    async with store.hold():
        assert await forget_sessions(conn, NOON) == 0
    assert await forget_sessions(conn, NOON) == 1
    assert left(path, "messages") == set()


async def test_many_go_in_several_steps(conn: aiosqlite.Connection, path: Path) -> None:
    for number in range(120):
        store = SQLiteContextStore(conn, str(number), "p")
        await store.append(Message("user", [TextBlock("hi")]))
    assert await forget_sessions(conn, datetime.now(UTC) - timedelta(days=1)) == 0
    assert await forget_sessions(conn, datetime.now(UTC) + timedelta(days=1)) == 120
    assert left(path, "messages") == set()


async def test_changes_go_and_their_session_stays(conn: aiosqlite.Connection, path: Path) -> None:
    await said(conn, "old", NOON - timedelta(days=9))
    await said(conn, "young", NOON)
    await forget_changes(conn, NOON)
    assert left(path, "changes") == {"young"} and left(path, "messages") == {"old", "young"}
    assert len(left(path, "contents")) == 1
