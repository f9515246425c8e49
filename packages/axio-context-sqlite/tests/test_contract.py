"""The behaviour that programs written for release 0.9.6 rely on."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path

import aiosqlite
import pytest

from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore, SessionInfo
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreError, connect


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def assistant(text: str) -> Message:
    return Message("assistant", [TextBlock(text)])


async def test_connect_makes_the_folders_and_the_settings(tmp_path: Path) -> None:
    conn = await connect(tmp_path / "a" / "b" / "c.db")
    assert isinstance(conn, aiosqlite.Connection)
    for pragma, value in [("journal_mode", "wal"), ("busy_timeout", 5000), ("synchronous", 1)]:
        async with conn.execute(f"PRAGMA {pragma}") as cursor:
            assert await cursor.fetchone() == (value,)
    await conn.close()
    assert (tmp_path / "a" / "b" / "c.db").exists()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_a_new_file_is_its_owners_and_another_keeps_its_mode(tmp_path: Path) -> None:
    for name in ("new", "old"):
        if name == "old":
            (tmp_path / name).touch(mode=0o640)
        conn = await connect(tmp_path / name)
        await SQLiteContextStore(conn, "s").append(user("a"))
        assert mode(tmp_path / name) == mode(tmp_path / f"{name}-wal")
        await conn.close()
    assert mode(tmp_path / "new") == 0o600
    assert mode(tmp_path / "old") == 0o640


async def test_the_functions_are_known_to_sql(conn: aiosqlite.Connection) -> None:
    async with conn.execute(
        "SELECT compress_payload('short'), decompress_payload(compress_payload(?))", ("x" * 600,)
    ) as cursor:
        assert await cursor.fetchone() == ("plain:short", "x" * 600)


async def test_messages_come_back_in_order_and_equal(store: SQLiteContextStore) -> None:
    messages = [
        user("a question"),
        Message(
            "assistant", [TextBlock("let me see"), ToolUseBlock("1", "look", {"at": [1, None]})]
        ),
        Message(
            "user",
            [ToolResultBlock("1", [TextBlock("t"), ImageBlock("image/png", b"\0\xff")], True)],
        ),
        Message("assistant", []),
        Message("system", [TextBlock("ü" * 2000)]),
    ]
    for message in messages:
        await store.append(message)
    assert await store.get_history() == messages
    again = SQLiteContextStore(store._conn, "session", "project")
    assert await again.get_history() == messages


async def test_history_is_a_new_list_each_time(store: SQLiteContextStore) -> None:
    await store.append(user("one"))
    history = await store.get_history()
    assert isinstance(history, list)
    history.append(user("two"))
    assert await store.get_history() == [user("one")]


async def test_content_is_stored_as_json_of_blocks_with_a_prefix(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    await store.append(user("short"))
    await store.append(user("long " * 200))
    async with conn.execute(
        "SELECT content FROM axio_context_messages ORDER BY position"
    ) as cursor:
        (short,), (long,) = await cursor.fetchall()
    assert short == 'plain:[{"type": "text", "text": "short"}]'
    assert re.match("gzip:[A-Za-z0-9+/]+=*$", long)


async def test_all_encodings_are_read(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    text = '[{"type": "text", "text": "old"}]'
    packed = "gzip:" + base64.b64encode(gzip.compress(text.encode())).decode()
    for position, content in enumerate([text, "plain:" + text, packed]):
        await conn.execute(
            "INSERT INTO axio_context_messages (session_id, project, position, role, content) "
            "VALUES ('session', 'project', ?, 'user', ?)",
            (position, content),
        )
        await conn.commit()
        assert await store.get_history() == [user("old")] * (position + 1)


async def test_everything_survives_reopening(path: Path) -> None:
    conn = await connect(path)
    store = SQLiteContextStore(conn, "s")
    await store.append(user("remember me"))
    await store.add_context_tokens(3, 4)
    await store.close()
    assert await store.get_history() == [user("remember me")], "close() is a no-op"
    await conn.close()

    conn = await connect(path)
    store = SQLiteContextStore(conn, session_id="s", project=None, db_name="anything")
    assert isinstance(store, ContextStore)
    assert store.session_id == "s"
    assert store.project == str(Path.cwd().resolve())
    assert await store.get_history() == [user("remember me")]
    assert await store.get_context_tokens() == (3, 4)
    await conn.close()


async def test_a_project_is_wanted_where_the_current_directory_was_removed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    async with SQLiteContextStore.open(path, "s", "a project") as store:
        await store.append(user("here"))
    with pytest.raises(StoreError, match="the current directory was removed"):
        async with SQLiteContextStore.open(path, "s"):
            pass


async def test_tokens_are_set_added_and_cleared(store: SQLiteContextStore) -> None:
    assert await store.get_context_tokens() == (0, 0)
    await store.add_context_tokens(10, 5)
    await store.add_context_tokens(1, 2)
    assert await store.get_context_tokens() == (11, 7)
    await store.set_context_tokens(100, 200)
    assert await store.get_context_tokens() == (100, 200)
    await store.append(user("x"))
    await store.clear()
    assert await store.get_context_tokens() == (0, 0)
    assert await store.get_history() == []
    await store.append(user("y"))
    assert await store.get_history() == [user("y")]


async def test_a_fork_has_messages_and_tokens_and_its_own_life(store: SQLiteContextStore) -> None:
    await store.extend([user("a"), assistant("b")])
    await store.add_context_tokens(7, 8)
    fork = await store.fork()
    assert isinstance(fork, SQLiteContextStore)
    assert re.fullmatch("[0-9a-f]{32}", fork.session_id)
    assert fork.project == store.project
    assert await fork.get_history() == [user("a"), assistant("b")]
    assert await fork.get_context_tokens() == (7, 8)
    await fork.append(user("only here"))
    await store.append(user("only there"))
    await fork.add_context_tokens(1, 1)
    assert (await fork.get_history())[2:] == [user("only here")]
    assert (await store.get_history())[2:] == [user("only there")]
    assert await store.get_context_tokens() == (7, 8)


async def test_sessions_and_projects_share_a_file(conn: aiosqlite.Connection) -> None:
    stores = {
        (project, id): SQLiteContextStore(conn, id, project)
        for project in ("p", "q")
        for id in ("s", "t")
    }
    for (project, id), store in stores.items():
        await store.append(user(f"{id} of {project}"))
        await store.add_context_tokens(len(stores), 1)
    for (project, id), store in stores.items():
        assert await store.get_history() == [user(f"{id} of {project}")]
        assert await store.get_context_tokens() == (4, 1)


async def test_an_empty_project_has_no_sessions(store: SQLiteContextStore) -> None:
    assert await store.list_sessions() == []


async def test_sessions_are_listed_newest_first(conn: aiosqlite.Connection) -> None:
    for id in ("first", "second", "third"):
        await SQLiteContextStore(conn, id, "p").extend([user(f"hello from {id}"), assistant("hi")])
    await SQLiteContextStore(conn, "second", "p").add_context_tokens(5, 6)
    await SQLiteContextStore(conn, "elsewhere", "q").append(user("other project"))
    await SQLiteContextStore(conn, "first", "p").append(user("later"))
    listed = await SQLiteContextStore(conn, "anything", "p").list_sessions()
    assert [(s.session_id, s.message_count, s.preview) for s in listed] == [
        ("third", 2, "hello from third"),
        ("second", 2, "hello from second"),
        ("first", 3, "hello from first"),
    ]
    assert (listed[1].input_tokens, listed[1].output_tokens) == (5, 6)
    assert (listed[0].input_tokens, listed[0].output_tokens) == (0, 0)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", s.created_at) for s in listed)


@pytest.mark.parametrize(
    ("message", "preview"),
    [
        (user("x" * 80), "x" * 80),
        (user("x" * 81), "x" * 80 + "..."),
        (assistant("not the user"), "(no preview)"),
        (Message("user", [ImageBlock("image/png", b"")]), "(no preview)"),
        (Message("user", [ImageBlock("image/png", b""), TextBlock("see")]), "see"),
    ],
)
async def test_the_preview_is_the_first_text_of_the_first_user_message(
    store: SQLiteContextStore, message: Message, preview: str
) -> None:
    await store.append(message)
    (info,) = await store.list_sessions()
    assert isinstance(info, SessionInfo)
    assert info.preview == preview


async def test_a_program_on_the_shared_connection_keeps_its_own_tables(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    await conn.execute("CREATE TABLE mine (value TEXT)")
    await conn.execute("INSERT INTO mine VALUES ('a')")
    await conn.commit()
    await store.append(user("x"))
    async with conn.execute("SELECT value FROM mine") as cursor:
        assert list(await cursor.fetchall()) == [("a",)]
