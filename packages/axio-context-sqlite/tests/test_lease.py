"""One run at a time owns a session, in any process, until it ends or dies."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen
from typing import Any

import aiosqlite
import pytest

from axio.blocks import TextBlock
from axio.exceptions import SessionBusy
from axio.messages import Message
from axio_context_sqlite import SessionInUse, SessionLost, SQLiteContextStore, lease
from support.waiting import until

Spawn = Callable[..., "Popen[str]"]
Occupied = Callable[[aiosqlite.Connection], AbstractAsyncContextManager[None]]

OWNER = """
import asyncio, sys
from axio_context_sqlite import SQLiteContextStore

async def main():
    async with SQLiteContextStore.open(sys.argv[1], "session", "project") as store:
        async with store.own():
            print("owned", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        print("given back", flush=True)

asyncio.run(main())
"""


CLOSED_LOOP = """
import asyncio, sys
from axio_context_sqlite import SQLiteContextStore, connect

async def begin():
    conn = await connect(sys.argv[1])
    stores = [SQLiteContextStore(conn, "session", "project", wait=0.1) for _ in range(2)]
    held = stores[int(sys.argv[2])].own()
    await held.__aenter__()
    return conn, stores[0], held

loop = asyncio.new_event_loop()
conn, store, held = loop.run_until_complete(begin())
loop.close()

async def go_on():
    async with store.own():
        print("owned", flush=True)
    await conn.close()

asyncio.run(go_on())
"""


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def said(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answer(process: Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def owner_in_file(path: Path) -> str | None:
    db = sqlite3.connect(path)
    row = db.execute("SELECT owner FROM axio_context_sessions").fetchone()
    db.close()
    return row[0] if row else None


def pretend(path: Path, **changes: Any) -> None:
    """Make the owner in the file another process."""
    db = sqlite3.connect(path)
    with db:
        (text,) = db.execute("SELECT process FROM axio_context_sessions").fetchone()
        process = lease.Process(*json.loads(text))._replace(**changes)
        db.execute("UPDATE axio_context_sessions SET process = ?", (json.dumps(process),))
    db.close()


def last_heartbeat(path: Path, seconds_ago: float) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE axio_context_sessions SET heartbeat = ?", (time.time() - seconds_ago,))
    db.close()


async def test_while_a_run_owns_the_session_no_other_changes_it(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path
) -> None:
    async with store.own():
        await store.append(user("mine"))
        for change in (
            other.append(user("theirs")),
            other.replace([]),
            other.rewind(0),
            other.clear(),
            other.delete(),
            other.add_context_tokens(1, 1),
            other.set_context_tokens(1, 1),
        ):
            with pytest.raises(SessionBusy, match=f"in use by process {os.getpid()} on "):
                await change
        assert await other.get_history() == [user("mine")], "reading is free"
        await other.rename("a name")
        await other.fork()
    assert owner_in_file(path) is None
    await other.append(user("theirs"))
    assert await store.get_history() == [user("mine"), user("theirs")]


async def test_a_second_run_waits_until_the_first_has_ended(
    store: SQLiteContextStore, path: Path
) -> None:
    order = []

    async def run(mine: SQLiteContextStore, name: str) -> None:
        async with mine.own():
            order.append(f"{name} begins")
            await asyncio.sleep(0.05)
            order.append(f"{name} ends")

    async with SQLiteContextStore.open(path, "session", "project") as other:
        await asyncio.gather(run(store, "a"), run(other, "b"), run(store, "c"))
    assert [line.split()[1] for line in order] == ["begins", "ends"] * 3


async def test_a_second_run_is_refused_when_the_first_takes_too_long(
    conn: aiosqlite.Connection, other: SQLiteContextStore
) -> None:
    store = SQLiteContextStore(conn, "session", "project", wait=0.05)
    async with store.own():
        with pytest.raises(SessionBusy, match=r"in use by process .* work on a fork"):
            async with other.own():
                raise AssertionError("not reached")
        with pytest.raises(SessionBusy, match="another run of this store"):
            async with store.own():
                raise AssertionError("not reached")
        await store.append(user("still mine"))


async def test_a_run_that_fails_gives_the_session_back(
    store: SQLiteContextStore, path: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.own():
            raise ZeroDivisionError
    assert owner_in_file(path) is None


async def test_a_living_process_is_respected_and_a_killed_one_is_not(
    conn: aiosqlite.Connection, spawn: Spawn, path: Path
) -> None:
    process = spawn(OWNER, path)
    assert said(process) == "owned"
    impatient = SQLiteContextStore(conn, "session", "project", wait=0.1)
    with pytest.raises(SessionBusy, match=f"in use by process {process.pid} on "):
        await impatient.append(user("a"))
    process.kill()
    # It is a zombie from then on: no process has waited for it.
    await until(lambda: not lease._started(process.pid))
    await impatient.append(user("a"))
    async with impatient.own():
        await impatient.append(user("b"))


@pytest.mark.parametrize("by", ["this store", "another store"])
async def test_what_a_run_held_whose_loop_is_closed_can_be_taken_over(
    spawn: Spawn, path: Path, by: str
) -> None:
    assert said(spawn(CLOSED_LOOP, path, str(int(by == "another store")))) == "owned"


async def test_another_process_can_go_on_when_the_owner_has_ended(
    store: SQLiteContextStore, spawn: Spawn, path: Path
) -> None:
    process = spawn(OWNER, path)
    assert said(process) == "owned"
    append = asyncio.create_task(store.append(user("a")))
    await asyncio.sleep(0.05)
    assert not append.done()
    answer(process)
    await append
    assert said(process) == "given back"


async def test_a_process_with_the_number_of_a_dead_owner_is_not_the_owner(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path
) -> None:
    async with store.own():
        pretend(path, pid=os.getppid(), started=lease._started(os.getppid()))
        with pytest.raises(SessionBusy):
            await other.append(user("a"))
        pretend(path, started="1")
        await other.append(user("a"))


@pytest.mark.parametrize("elsewhere", [{"boot": "another machine 4026531836"}, {"boot": ""}])
async def test_owners_elsewhere_are_judged_by_their_heartbeat(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path, elsewhere: dict[str, str]
) -> None:
    async with store.own():
        pretend(path, host="elsewhere", **elsewhere)
        last_heartbeat(path, seconds_ago=5)
        with pytest.raises(SessionBusy, match="on elsewhere"):
            await other.append(user("a"))
        last_heartbeat(path, seconds_ago=60)
        await other.append(user("a"))


async def test_an_owner_that_was_taken_for_dead_can_write_nothing_more(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path
) -> None:
    async with store.own():
        await store.append(user("mine"))
        pretend(path, started="1")
        async with other.own():
            await other.append(user("theirs"))
            with pytest.raises(SessionLost, match="was taken over by another run"):
                await store.append(user("too late"))
        started = time.monotonic()
        with pytest.raises(SessionLost):
            await store.replace([])
        assert time.monotonic() - started < 3, "there is nothing to wait for"
        async with other.own():
            pass
    assert await other.get_history() == [user("mine"), user("theirs")]


async def test_a_store_that_had_the_session_once_takes_part_like_any_other(
    conn: aiosqlite.Connection, store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    async with store.own():
        await store.append(user("mine"))
    impatient = SQLiteContextStore(conn, "session", "project", wait=0.1)
    async with impatient.own():
        pass
    async with other.own():
        await other.append(user("theirs"))
        with pytest.raises(SessionBusy):
            await impatient.append(user("too early"))
    await store.append(user("mine again"))
    async with other.own():
        await other.append(user("theirs again"))
    await impatient.append(user("at last"))
    said = ["mine", "theirs", "mine again", "theirs again", "at last"]
    assert await other.get_history() == [user(text) for text in said]


async def test_the_heart_beats_and_a_missed_beat_is_no_end(
    conn: aiosqlite.Connection,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT", 0.02)
    store = SQLiteContextStore(conn, "session", "project", wait=0.0)

    def heartbeat() -> float:
        db = sqlite3.connect(path)
        (value,) = db.execute("SELECT heartbeat FROM axio_context_sessions").fetchone()
        db.close()
        return float(value)

    async with store.own():
        first = heartbeat()
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        await until(lambda: "has missed a heartbeat" in caplog.text)
        blocker.execute("ROLLBACK")
        blocker.close()
        await until(lambda: heartbeat() != first)
    assert len(asyncio.all_tasks()) == 1, "the heart has stopped"


async def test_a_lease_that_could_not_be_given_back_holds_up_no_run_of_this_process(
    conn: aiosqlite.Connection,
    other: SQLiteContextStore,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = SQLiteContextStore(conn, "session", "project", wait=0.0)
    blocker = sqlite3.connect(path, isolation_level=None)
    async with store.own():
        blocker.execute("BEGIN IMMEDIATE")
    blocker.execute("ROLLBACK")
    blocker.close()
    assert "could not be given back" in caplog.text
    assert owner_in_file(path) is not None
    await other.append(user("a"))
    async with store.own(), asyncio.timeout(3):
        await store.append(user("b"))


async def test_a_run_cancelled_while_it_takes_the_session_holds_nothing(
    conn: aiosqlite.Connection, store: SQLiteContextStore, path: Path, occupied: Occupied
) -> None:
    async def run() -> None:
        async with store.own():
            raise AssertionError("not reached")

    async with occupied(conn):
        task = asyncio.create_task(run())
        await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert owner_in_file(path) is None
    async with store.own():
        pass


async def test_a_run_that_gives_up_waiting_leaves_the_owner_alone(
    store: SQLiteContextStore, path: Path
) -> None:
    async with store.own(), SQLiteContextStore.open(path, "session", "project") as other:
        before = owner_in_file(path)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), other.own():
                raise AssertionError("not reached")
        assert owner_in_file(path) == before
        await store.append(user("still mine"))


# ── held for many runs ──


async def test_a_session_that_is_held_is_so_between_runs_too(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path
) -> None:
    async with store.hold():
        owner = owner_in_file(path)
        for text in ("a", "b"):
            async with store.own():
                await store.append(user(text))
            assert owner_in_file(path) == owner, "a run takes and gives back nothing"
            with pytest.raises(SessionInUse):
                await other.append(user("theirs"))
        await store.append(user("c"))
    assert owner_in_file(path) is None
    await other.append(user("theirs"))
    assert await store.get_history() == [user(text) for text in ("a", "b", "c", "theirs")]


async def test_who_wants_to_hold_a_session_is_told_at_once_who_has_it(
    conn: aiosqlite.Connection, spawn: Spawn, path: Path
) -> None:
    process = spawn(OWNER, path)
    assert said(process) == "owned"
    patient = SQLiteContextStore(conn, "session", "project", wait=600)
    with pytest.raises(SessionInUse, match=f"process {process.pid} on ") as busy:
        async with patient.hold():
            raise AssertionError("not reached")
    assert (busy.value.pid, busy.value.host) == (process.pid, socket.gethostname())


async def test_what_was_taken_over_is_refused_to_the_first_and_not_given_back_by_it(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path
) -> None:
    first = store.hold()
    await first.__aenter__()
    async with store.own():
        await store.append(user("mine"))
        second = other.hold(take_over=True)
        await second.__aenter__()
        for change in (
            store.append(user("too late")),
            store.shelf.add("remark", {}),
            store.shelf.put("draft", {}),
            store.changes.add({}, None, b"", 100),
        ):
            with pytest.raises(SessionLost):
                await change
    with pytest.raises(SessionLost):
        async with store.own():
            await store.append(user("too late"))
    await first.__aexit__(None, None, None)
    with pytest.raises(SessionInUse):
        await other.beside("session").rewind(0)
    async with other.own():
        await other.append(user("theirs"))
    await second.__aexit__(None, None, None)
    assert owner_in_file(path) is None
    assert await store.get_history() == [user("mine"), user("theirs")]
    await store.shelf.add("remark", {})


def test_where_the_system_tells_nothing_of_processes_the_heartbeat_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "Path", lambda path: Path("/nowhere" + path))
    lease._this_process.cache_clear()
    here = lease._this_process(os.getpid())
    try:
        assert here == lease.Process(here.host, "", os.getpid(), "")
        assert lease._alive(here, "token", time.time() - 5)
        assert not lease._alive(here, "token", time.time() - 60)
    finally:
        lease._this_process.cache_clear()
