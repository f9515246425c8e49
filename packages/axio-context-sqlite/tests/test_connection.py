"""The connection's two doors, and who waits for whom."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiosqlite
import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreBusy, StoreError, connect, connection
from axio_context_sqlite.connection import Connection

Occupied = Callable[[aiosqlite.Connection], AbstractAsyncContextManager[None]]


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def size(path: Path) -> int:
    return path.stat().st_size


def no_thread_is_left() -> None:
    """All threads that aiosqlite started have ended, or do so at once."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name or isinstance(thread, Connection):
            thread.join(60)
            assert not thread.is_alive()


async def test_a_brief_job_runs_in_the_callers_thread_and_others_do_not(
    conn: aiosqlite.Connection, occupied: Occupied
) -> None:
    assert isinstance(conn, Connection)
    here = threading.get_ident()
    assert await conn.perform(lambda db: threading.get_ident(), brief=True) == here
    assert await conn.perform(lambda db: threading.get_ident(), brief=False) != here
    async with occupied(conn):
        job = asyncio.create_task(conn.perform(lambda db: threading.get_ident(), brief=True))
        await asyncio.sleep(0)
    assert await job != here


async def test_the_event_loop_never_waits_for_a_disk_that_each_commit_waits_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_log(db: sqlite3.Connection) -> str:
        connection_prepare(db)
        (mode,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
        return str(mode)

    connection_prepare = connection._prepare
    monkeypatch.setattr(connection, "_prepare", without_log)
    conn = await connect(path)
    assert isinstance(conn, Connection)
    ran_in = await conn.perform(lambda db: threading.get_ident(), brief=True)
    await conn.close()
    assert ran_in != threading.get_ident()


async def test_a_database_in_memory_works() -> None:
    conn = await connect(":memory:")
    store = SQLiteContextStore(conn, "s", "p")
    await store.append(user("a"))
    assert await store.get_history() == [user("a")]
    await conn.close()


async def test_what_was_handed_to_the_thread_is_done_in_order_even_when_cancelled(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    # Past our own turn-taking: the thread is at work, but not yet on what is handed to it here.
    ends = threading.Event()
    nap = asyncio.create_task(aiosqlite.Connection._execute(conn, ends.wait, 50))  # type: ignore[no-untyped-call]
    await asyncio.sleep(0)
    large = user("first " * 20_000)
    first = asyncio.create_task(store.append(large))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(store.append(user("second")))
    await asyncio.sleep(0)
    ends.set()
    await asyncio.gather(nap, second)
    assert await store.get_history() == [large, user("second")]


async def test_settings_of_the_user_are_put_back(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    await conn.execute("PRAGMA busy_timeout = 1234")
    await conn.execute("PRAGMA wal_autocheckpoint = 77")
    await store.append(user("a"))
    for pragma, value in (("busy_timeout", 1234), ("wal_autocheckpoint", 77)):
        assert list(await conn.execute_fetchall(f"PRAGMA {pragma}")) == [(value,)]


@pytest.mark.parametrize("ours", [True, False])
async def test_the_users_taste_in_rows_is_not_the_stores(path: Path, ours: bool) -> None:
    conn = await connect(path) if ours else await aiosqlite.connect(path)
    conn.row_factory = lambda cursor, row: {"first": row[0]}  # type: ignore[assignment]
    conn.text_factory = bytes
    store = SQLiteContextStore(conn, "s", "p")
    await store.extend([user("a"), user("b")])
    assert await store.get_history() == [user("a"), user("b")]
    assert [info.preview for info in await store.list_sessions()] == ["a"]
    rows = await conn.execute_fetchall("SELECT role FROM axio_context_messages LIMIT 1")
    assert list(rows) == [{"first": b"user"}]
    await conn.close()


async def test_a_transaction_on_the_shared_connection_is_neither_committed_nor_joined(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    await conn.execute("CREATE TABLE mine (value)")
    await conn.execute("INSERT INTO mine VALUES (1)")
    append = asyncio.create_task(store.append(user("a")))
    await asyncio.sleep(0.05)
    assert not append.done()
    await conn.rollback()
    await append
    assert list(await conn.execute_fetchall("SELECT * FROM mine")) == []
    assert await store.get_history() == [user("a")]


@pytest.mark.parametrize("ours", [True, False])
async def test_a_transaction_that_is_never_closed_gives_an_error_that_says_so(
    path: Path, ours: bool
) -> None:
    conn = await connect(path) if ours else await aiosqlite.connect(path)
    store = SQLiteContextStore(conn, "s", "p", wait=0.05)
    await store.get_history()
    await conn.execute("CREATE TABLE mine (value)")
    await conn.execute("INSERT INTO mine VALUES (1)")
    with pytest.raises(StoreBusy, match="left a transaction open on the connection"):
        await store.append(user("a"))
    await conn.commit()
    await store.append(user("a"))
    await conn.close()


async def test_a_select_that_was_left_unread_is_named_as_what_holds_a_write_up(
    path: Path, conn: aiosqlite.Connection, other: SQLiteContextStore
) -> None:
    store = SQLiteContextStore(conn, "s", "p", wait=0.05)
    await store.extend([user("a"), user("b")])
    cursor = await conn.execute("SELECT * FROM axio_context_messages")
    await cursor.fetchone()
    await other.append(user("elsewhere"))
    with pytest.raises(StoreBusy, match="fetch all its rows or close its cursor"):
        await store.append(user("c"))
    await cursor.close()
    await store.append(user("c"))


async def test_a_locked_file_is_waited_for_while_the_event_loop_goes_on(
    path: Path, store: SQLiteContextStore
) -> None:
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    append = asyncio.create_task(store.append(user("a")))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not append.done()  # it would have failed by now if the loop had stood still for it
    blocker.execute("COMMIT")
    blocker.close()
    await append
    assert await store.get_history() == [user("a")]


async def test_a_file_that_stays_locked_gives_a_clear_error_and_nothing_is_stored(
    path: Path, conn: aiosqlite.Connection
) -> None:
    store = SQLiteContextStore(conn, "s", "p", wait=0.05)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(StoreBusy, match="locked by another program that writes to it"):
        await store.append(user("a"))
    with pytest.raises(StoreBusy):
        await store.replace([user("a")])
    assert 0.1 <= time.monotonic() - started < 20
    assert await store.get_history() == [], "reading needs no lock"
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await store.get_history() == []


@pytest.mark.parametrize("ours", [True, False])
async def test_a_closed_connection_gives_a_clear_error(path: Path, ours: bool) -> None:
    conn = await connect(path) if ours else await aiosqlite.connect(path)
    store = SQLiteContextStore(conn, "s", "p")
    await store.append(user("a"))
    await conn.close()
    with pytest.raises(StoreError, match="is closed: connect again"):
        await store.append(user("b"))
    with pytest.raises(StoreError, match="is closed: connect again"):
        await store.get_history()


async def test_the_log_is_moved_into_the_file_by_the_thread(
    path: Path, conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    log = path.with_name(path.name + "-wal")
    before = size(path)
    assert isinstance(conn, Connection)
    here = threading.get_ident()
    elsewhere = 0
    for n in range(1200):
        await store.append(user(str(n)))
        elsewhere += await conn.perform(lambda db: threading.get_ident(), brief=True) != here
    assert elsewhere <= 10, "now and then, and not from then on"
    assert size(path) > before
    assert size(log) < 12_000_000
    assert len(await store.get_history()) == 1200


async def test_large_messages_go_through_the_thread(
    store: SQLiteContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    perform = Connection.perform

    async def spy(self: Connection, job: object, *, brief: bool) -> object:
        threads.append(brief)
        return await perform(self, job, brief=brief)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "perform", spy)
    await store.append(user("x" * 70_000))
    await store.append(user("x" * 60_000))
    assert threads == [False, True]


def test_event_loops_in_several_threads_share_a_connection(path: Path) -> None:
    async def main() -> None:
        conn = await connect(path)
        failures: list[BaseException] = []

        together = threading.Barrier(4)

        async def write(name: str) -> None:
            store = SQLiteContextStore(conn, name, "p")
            together.wait(60)
            for n in range(150):
                await store.append(user(f"{n}"))
                assert len(await store.get_history()) == n + 1

        def thread(name: str) -> None:
            try:
                asyncio.run(write(name))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=thread, args=(f"t{n}",)) for n in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            await asyncio.to_thread(one.join)
        assert failures == []
        await conn.close()

    asyncio.run(main())


async def test_a_second_event_loop_may_use_the_connection_after_the_first(path: Path) -> None:
    def first() -> aiosqlite.Connection:
        async def main() -> aiosqlite.Connection:
            conn = await connect(path)
            await SQLiteContextStore(conn, "s", "p").append(user("a"))
            return conn

        return asyncio.run(main())

    conn = await asyncio.to_thread(first)
    store = SQLiteContextStore(conn, "s", "p")
    await store.append(user("b"))
    assert await store.get_history() == [user("a"), user("b")]
    await conn.close()


async def test_connecting_to_what_cannot_be_a_database_says_why(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at")
    with pytest.raises(StoreError, match="is not an SQLite database"):
        await connect(tmp_path / "text")
    with pytest.raises(StoreError, match="cannot be opened"):
        await connect(tmp_path)
    with pytest.raises(StoreError, match=r"the folder of .* cannot be made"):
        await connect(tmp_path / "text" / "below" / "c.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        await connect(tmp_path / ("x" * 300))
    for path in ("", f"{tmp_path}/a\0b.db", f"{tmp_path}/half of a \ud83d.db"):
        with pytest.raises(StoreError, match="names no file: nothing would be kept"):
            await connect(path)
    await asyncio.to_thread(no_thread_is_left)


@pytest.mark.parametrize("name", ["file::memory:", "file:a.db?mode=memory", "file:a%20b.db", " "])
async def test_a_name_that_looks_like_something_else_is_that_of_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for count in (1, 2):
        async with SQLiteContextStore.open(name, "s", "p") as store:
            await store.append(user("a"))
            assert len(await store.get_history()) == count
    assert os.listdir() == [name]


async def test_a_slip_in_a_path_is_refused_by_open_and_not_by_connect(tmp_path: Path) -> None:
    path = tmp_path / "slip" / "deeper" / "c.db"
    with pytest.raises(StoreError, match=r"cannot be made, since .*/slip is missing: make it"):
        async with SQLiteContextStore.open(path):
            raise AssertionError("not reached")
    assert os.listdir(tmp_path) == []
    conn = await connect(path)
    await conn.close()
    async with SQLiteContextStore.open(tmp_path / "slip" / "next" / "c.db", "s") as store:
        await store.append(user("a"))


async def test_connecting_waits_for_a_file_that_is_just_being_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.01)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    opening = asyncio.create_task(connect(path))
    await asyncio.sleep(0.1)
    assert not opening.done()
    blocker.execute("ROLLBACK")
    blocker.close()
    conn = await opening
    await conn.close()


async def test_connecting_does_not_wait_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_OPENING_TIMEOUT", 0.0)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.01)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy, match="locked by another program"):
        await connect(path)
    blocker.close()


async def test_a_connection_given_up_while_opening_leaves_no_thread(path: Path) -> None:
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    opening = asyncio.create_task(connect(path))
    await asyncio.sleep(0.05)
    blocker.execute("ROLLBACK")
    blocker.close()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await asyncio.to_thread(no_thread_is_left)
