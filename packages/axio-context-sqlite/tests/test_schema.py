"""Opening what earlier and later releases wrote."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import aiosqlite
import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreTooNew, connect
from axio_context_sqlite.schema import MIGRATIONS, migrate

# What release 0.9.6 made, written by hand from the description of its tables.
TABLES_096 = """
PRAGMA journal_mode = WAL;
CREATE TABLE axio_context_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    project TEXT NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at TEXT DEFAULT (datetime('now')),
    UNIQUE(session_id, position)
);
CREATE INDEX axio_context_messages_session ON axio_context_messages(session_id);
CREATE INDEX axio_context_messages_project ON axio_context_messages(project);
CREATE TABLE axio_context_tokens (
    session_id TEXT NOT NULL,
    project TEXT NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(session_id, project)
);
"""


def bare(words: str) -> str:
    return json.dumps([{"type": "text", "text": words}])


def plain(words: str) -> str:
    return "plain:" + bare(words)


def packed(words: str) -> str:
    return "gzip:" + base64.b64encode(gzip.compress(bare(words).encode())).decode()


def write_096(path: Path, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Rows are session, project, role and content; the tokens of each session are 10 and 20."""
    db = sqlite3.connect(path)
    db.executescript(TABLES_096)
    with db:
        for row in rows:
            db.execute(
                "INSERT INTO axio_context_messages (session_id, project, position, role, content) "
                "SELECT ?, ?, count(*), ?, ? FROM axio_context_messages WHERE session_id = ?",
                (*row, row[0]),
            )
            db.execute("INSERT OR IGNORE INTO axio_context_tokens VALUES (?, ?, 10, 20)", row[:2])
    db.close()


def content(path: Path) -> bytes:
    return path.read_bytes()


def said(role: str, words: str) -> Message:
    return Message(role, [TextBlock(words)])  # type: ignore[arg-type]


async def read(path: Path, session: str, project: str) -> list[Message]:
    async with SQLiteContextStore.open(path, session, project) as store:
        return list(await store.get_history())


async def test_a_file_of_release_096_opens_and_goes_on(path: Path) -> None:
    long = "word " * 500
    write_096(
        path,
        [
            ("s", "/p", "user", bare("oldest")),
            ("s", "/p", "assistant", plain("old")),
            ("t", "/p", "user", plain("between")),
            ("s", "/p", "user", packed(long)),
        ],
    )
    async with SQLiteContextStore.open(path, "s", "/p") as store:
        expected = [said("user", "oldest"), said("assistant", "old"), said("user", long)]
        assert await store.get_history() == expected
        assert await store.get_context_tokens() == (10, 20)
        await store.append(said("assistant", "new"))
        assert await store.get_history() == [*expected, said("assistant", "new")]
        assert [(s.session_id, s.preview) for s in await store.list_sessions()] == [
            ("t", "between"),
            ("s", "oldest"),
        ]
    assert await read(path, "s", "/p") == [*expected, said("assistant", "new")]


async def test_projects_that_shared_an_id_keep_all_they_saw_and_part_from_then_on(
    path: Path,
) -> None:
    write_096(
        path,
        [
            ("s", "/p", "user", plain("one")),
            ("s", "/q", "user", plain("two")),
            ("s", "/p", "user", plain("three")),
        ],
    )
    shared = [said("user", words) for words in ("one", "two", "three")]
    async with SQLiteContextStore.open(path, "s", "/p") as store:
        await store.append(said("user", "of p"))
    assert await read(path, "s", "/p") == [*shared, said("user", "of p")]
    assert await read(path, "s", "/q") == shared
    assert await read(path, "s", "/r") == []


async def test_a_connection_opened_without_connect_is_brought_up_to_date_too(path: Path) -> None:
    write_096(path, [("s", "/p", "user", plain("one"))])
    async with aiosqlite.connect(path) as conn:
        store = SQLiteContextStore(conn, "s", "/p")
        assert await store.get_history() == [said("user", "one")]
        await store.append(said("user", "two"))
        assert await store.get_history() == [said("user", "one"), said("user", "two")]


async def test_a_file_of_a_later_release_is_left_alone(path: Path) -> None:
    conn = await connect(path)
    await conn.close()
    db = sqlite3.connect(path)
    with db:
        db.execute("INSERT INTO axio_context_schema (version) VALUES (?)", (len(MIGRATIONS) + 1,))
    db.close()
    before = content(path)
    with pytest.raises(StoreTooNew, match="Install a newer axio-context-sqlite"):
        await connect(path)
    assert content(path) == before


async def test_many_that_open_an_old_file_at_once_all_succeed(path: Path) -> None:
    write_096(path, [("s", "/p", "user", plain(str(n))) for n in range(200)])
    histories = await asyncio.gather(*(read(path, "s", "/p") for _ in range(6)))
    assert histories == [[said("user", str(n)) for n in range(200)]] * 6


def _operations(path: Path) -> int:
    """How many instructions of SQLite's machine the migration takes."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    db = sqlite3.connect(path)
    db.set_progress_handler(step, 1)
    migrate(db)
    db.close()
    return count


def _migrate_and_die(path: Path, after: int) -> bool:
    """In a process of its own: start the migration, die by SIGKILL after so many instructions."""
    pid = os.fork()
    if pid == 0:
        try:
            left = iter(range(after))
            db = sqlite3.connect(path)

            def step() -> None:
                if next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)

            db.set_progress_handler(step, 1)
            migrate(db)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_a_migration_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    original = tmp_path / "original.db"
    rows = [("s", f"/p{n % 2}", "user", plain(f"message {n} " * 20)) for n in range(300)]
    write_096(original, rows)
    measured = tmp_path / "measured.db"
    shutil.copy(original, measured)
    total = _operations(measured)
    expected = [said("user", f"message {n} " * 20) for n in range(300)]

    killed = 0
    for point in range(1, 26):
        path = tmp_path / f"{point}.db"
        shutil.copy(original, path)
        killed += _migrate_and_die(path, after=total * point // 25)
        assert asyncio.run(read(path, "s", "/p0")) == expected
        assert asyncio.run(read(path, "s", "/p1")) == expected
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        version = db.execute("SELECT max(version) FROM axio_context_schema").fetchone()
        assert version == (len(MIGRATIONS),)
        db.close()
    assert killed == 24, "only the last one may live to its end"
