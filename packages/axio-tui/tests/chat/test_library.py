"""The kept conversations of a project, and a database that is not as it should be."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from axio import Agent
from axio.blocks import TextBlock
from axio.exceptions import SessionBusy
from axio.messages import Message
from axio.testing import StubTransport, make_text_response
from axio_context_sqlite import (
    SessionInUse,
    SessionLost,
    SQLiteContextStore,
    StoreReadOnly,
    connect,
)
from axio_context_sqlite.schema import MIGRATIONS
from axio_tui.chat.library import Library, NoSuchSession, open_library
from axio_tui.chat.session import ChatSession
from axio_tui.chat.upkeep import Retention
from support.disk import Disk, remount, small_disk

# Opens a session, says so, and goes on with it when it is told to.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from axio import Agent
from axio.exceptions import SessionBusy
from axio.testing import StubTransport, make_text_response
from axio_tui.chat.library import open_library
from axio_tui.chat.session import ChatSession

async def main():
    async with open_library(Path(sys.argv[1]), sys.argv[2]) as library:
        agent = Agent("", StubTransport([make_text_response("theirs")]))
        session = ChatSession(agent, await library.store("s"))
        await session.open()
        print("open", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            try:
                async for event in session.send("from there"):
                    pass
            except SessionBusy as error:
                print(type(error).__name__, flush=True)
        await session.close()

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "axio.db"


@pytest.fixture
def notices() -> list[str]:
    return []


@asynccontextmanager
async def opened(path: Path, notices: list[str]) -> AsyncIterator[Library]:
    project, days = path.parents[1], Retention()
    async with open_library(path, project, say=notices.append, retention=days) as library:
        yield library


def answering(text: str) -> Agent:
    return Agent("", StubTransport([make_text_response(text)]))


async def say(library: Library, prompt: str, session_id: str | None = None) -> str:
    """One prompt and its answer in a conversation, whose id it returns."""
    session = ChatSession(answering("fine"), await library.store(session_id))
    await session.open()
    async for _ in session.send(prompt):
        pass
    await session.close()
    return session.store.session_id


def texts(session: ChatSession) -> list[str]:
    return [getattr(entry, "text", "") for entry in session.conversation.entries]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)


def fill(folder: Path) -> None:
    with suppress(OSError), open(folder / "rest", "wb", buffering=0) as rest:
        while True:
            rest.write(b"x" * 4096)


# ── what is kept ──────────────────────────────────────────────────────────────────────────────


async def test_a_conversation_goes_on_after_a_restart(path: Path, notices: list[str]) -> None:
    async with opened(path, notices) as library:
        first = await say(library, "how are you?")
        await say(library, "something else")
        await say(library, "and now?", first)
    async with opened(path, notices) as library:
        assert library.is_kept and await library.last() == first
        session = ChatSession(answering("still fine"), await library.store(first))
        await session.open()
        assert texts(session) == ["how are you?", "fine", "and now?", "fine"]
        await session.close()
    assert notices == []
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


async def test_conversations_are_found_by_id_name_and_beginning(
    path: Path, notices: list[str]
) -> None:
    async with opened(path, notices) as library:
        assert await library.last() is None
        with pytest.raises(NoSuchSession, match="there is: none"):
            await library.find("a")
        for id in ("aaa1", "aaa2", "bbb"):
            await say(library, f"prompt of {id}", id)
        await library.rename("bbb", "aaa1")
        await library.rename("aaa2", "my plans")
        found = {"aaa1": "aaa1", "my plans": "aaa2", "b": "bbb"}
        assert {text: (await library.find(text)).session_id for text in found} == found
        with pytest.raises(NoSuchSession, match="'aaa' may be any of these"):
            await library.find("aaa")
        for number in range(4):
            await say(library, "more", f"c{number}")
        with pytest.raises(NoSuchSession, match=r"there is: c3, c2, c1, c0, bbb and 2 more$"):
            await library.find("x")
        with pytest.raises(NoSuchSession, match="no conversation 'prompt of bbb' in this project"):
            await library.find("prompt of bbb")
        await library.rename("aaa1", "my plans")
        with pytest.raises(NoSuchSession, match="'my plans' may be any of these"):
            await library.find("my plans")
        assert [info.session_id for info in await library.search("OF AAA2")] == ["aaa2"]


async def test_each_project_has_its_own(path: Path, tmp_path: Path, notices: list[str]) -> None:
    async with opened(path, notices) as library:
        await say(library, "here", "s")
    async with open_library(path, "/") as elsewhere:
        assert await elsewhere.sessions() == [] and await elsewhere.last() is None


async def test_sub_agents_are_hidden_and_go_with_the_conversation(
    path: Path, notices: list[str]
) -> None:
    async with opened(path, notices) as library:
        await say(library, "a", "s")
        await say(library, "b", "s/call_1")
        assert await library.last() == "s"
        assert [info.session_id for info in await library.sessions()] == ["s"]
        store = await library.store("s")
        await store.changes.add({}, None, b"made", 100)
        await library.delete("s")
        assert await library.sessions() == [] and await library.last() is None
    with sqlite3.connect(path) as db:
        for table in ("messages", "sessions", "changes", "contents", "calls"):
            assert db.execute(f"SELECT count(*) FROM axio_context_{table}").fetchone() == (0,)
    db.close()


async def test_without_keeping_nothing_is_read_or_written(path: Path) -> None:
    async with open_library(path, keep=False) as library:
        await say(library, "a", "s")
        assert await library.last() == "s" and not library.is_kept
    assert content(path) == b""


# ── a conversation that another program has open ──────────────────────────────────────────────


@pytest.fixture
def program(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(path.parents[1])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.timeout(120)
async def test_a_conversation_is_open_in_one_program_at_a_time(
    path: Path, notices: list[str], program: subprocess.Popen[str]
) -> None:
    async with opened(path, notices) as library:
        session = ChatSession(answering("mine"), await library.store("s"))
        with pytest.raises(SessionInUse, match=f"in use by process {program.pid} on ") as busy:
            await session.open()
        assert busy.value.pid == program.pid
        with pytest.raises(SessionInUse):
            await library.delete("s")
        await session.load()  # to look at it is free
        await session.open(take_over=True)
        async for _ in session.send("from here"):
            pass
        go_on(program)
        assert program.stdout is not None
        assert await asyncio.to_thread(program.stdout.readline) == "SessionLost\n"
        assert texts(session) == ["from here", "mine"]
        assert len(await session.store.get_history()) == 2, "nothing of the other is mixed in"
        await session.close()


@pytest.mark.timeout(120)
async def test_a_killed_program_has_nothing_open(
    path: Path, notices: list[str], program: subprocess.Popen[str]
) -> None:
    program.kill()
    await asyncio.to_thread(program.wait)
    async with opened(path, notices) as library:
        session = ChatSession(answering("mine"), await library.store("s"))
        await session.open()
        await session.close()


async def test_who_only_looks_cannot_go_on(path: Path, notices: list[str]) -> None:
    async with opened(path, notices) as library:
        session = ChatSession(answering("mine"), await library.store("s"))
        await session.open()
        theirs = SQLiteContextStore(session.store._conn, "s", library.project, wait=0)  # type: ignore[attr-defined]
        look = ChatSession(answering("theirs"), theirs)
        await look.load()
        with pytest.raises(SessionBusy):
            async for _ in look.send("too early"):
                pass
        await session.close()
        async for _ in look.send("now"):
            pass
        assert texts(look) == ["now", "theirs"]


async def test_who_lost_a_conversation_leaves_no_word_in_it(path: Path, notices: list[str]) -> None:
    async with opened(path, notices) as library:
        first = ChatSession(answering("mine"), await library.store("s"))
        await first.open()
        stream = first.send("from here")
        await anext(stream)
        second = ChatSession(answering("theirs"), await library.store("s"))
        await second.open(take_over=True)
        await stream.aclose()
        with pytest.raises(SessionLost):
            async for _ in first.send("too late"):
                pass
        await first.close()
        async for _ in second.send("from there"):
            pass
        await second.close()
        again = ChatSession(answering(""), await library.store("s"))
        await again.load()
        assert texts(again) == ["from here", "from there", "theirs"]


async def test_a_compacted_conversation_stays_open_and_its_old_one_does_not(
    path: Path, notices: list[str]
) -> None:
    from axio.compaction import SlidingWindow

    async with opened(path, notices) as library:
        session = ChatSession(answering("mine"), await library.store("s"))
        await session.open()
        for _ in range(4):
            async for _ in session.send("go on"):
                pass
        assert await session.compact(SlidingWindow(3))
        other = ChatSession(answering("theirs"), await library.store(session.store.session_id))
        with pytest.raises(SessionInUse):
            await other.open()
        old = ChatSession(answering("theirs"), await library.store("s"))
        await old.open()
        await old.close()
        await session.close()
        await other.open(take_over=True)
        await other.close()


async def test_runs_of_an_open_conversation_wait_for_each_other(path: Path) -> None:
    conn = await connect(path)
    store = SQLiteContextStore(conn, "s", "p")
    order: list[str] = []

    async def run(name: str) -> None:
        async with store.own():
            order.append(name)
            await asyncio.sleep(0)
            order.append(name)

    async with store.hold():
        await asyncio.gather(run("a"), run("b"))
        assert order == ["a", "a", "b", "b"]
        async with store.beside("s").hold(take_over=True):
            with pytest.raises(SessionLost, match="taken over"):
                await store.append(Message("user", [TextBlock("too late")]))
    await conn.close()


# ── a database that is not as it should be ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "data", [b"no database at all, " * 300, b"SQLite format 3\0" + b"x" * 5000]
)
async def test_a_broken_database_is_kept_beside_a_new_one(
    path: Path, notices: list[str], data: bytes
) -> None:
    put(path, data)
    os.chmod(path, 0o644)  # of a copy that was put back, say

    async def use(prompt: str) -> None:
        async with opened(path, notices) as library:
            assert library.is_kept
            await say(library, prompt)

    # Two programs that find it at once move it once.
    await asyncio.gather(use("a"), use("b"))
    [aside] = path.parent.glob("axio.db.broken-*")
    assert content(aside) == data and stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert str(aside) in notices[0] and len(notices) == 1
    async with opened(path, notices) as library:
        assert len(await library.sessions()) == 2


async def test_a_database_of_a_newer_axio_is_named_and_left(path: Path, notices: list[str]) -> None:
    await (await connect(path)).close()
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO axio_context_schema (version) VALUES (?)", (len(MIGRATIONS) + 1,))
    db.close()
    before = content(path)
    async with opened(path, notices) as library:
        await say(library, "a")
        assert not library.is_kept
    assert content(path) == before
    assert len(notices) == 1 and "is of a newer axio" in notices[0] and str(path) in notices[0]


async def test_a_database_of_release_096_opens(path: Path, notices: list[str]) -> None:
    put(path, b"")
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE axio_context_messages (id INTEGER PRIMARY KEY AUTOINCREMENT, "
            "session_id TEXT NOT NULL, project TEXT NOT NULL, position INTEGER NOT NULL, "
            "role TEXT NOT NULL, content TEXT NOT NULL, "
            "created_at TEXT DEFAULT (datetime('now')), UNIQUE(session_id, position))"
        )
        db.execute(
            "INSERT INTO axio_context_messages (session_id, project, position, role, content) "
            'VALUES (\'s\', ?, 0, \'user\', \'plain:[{"type": "text", "text": "long ago"}]\')',
            (str(path.parents[1]),),
        )
    db.close()
    async with opened(path, notices) as library:
        assert [info.preview for info in await library.sessions()] == ["long ago"]
        assert await say(library, "and now", "s") == await library.last() == "s"
    assert notices == []


async def test_a_place_that_cannot_hold_it_leaves_a_conversation_in_memory(
    tmp_path: Path, notices: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    async with opened(tmp_path / "file" / "axio.db", notices) as library:
        await say(library, "a", "s")
        assert await library.last() == "s" and not library.is_kept
    assert len(notices) == 1 and notices[0].startswith("this conversation will not be kept: ")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


async def test_on_a_read_only_disk_what_is_there_can_be_read_and_gone_on_with_in_memory(
    disk: Disk, notices: list[str]
) -> None:
    folder = disk("size=4m")
    path = folder / "data" / "axio.db"
    async with opened(path, notices) as library:
        await say(library, "before", "s")
    remount(folder, "ro")
    before = content(path)
    async with opened(path, notices) as library:
        assert await library.last() == "s" and not library.is_kept
        session = ChatSession(answering("mine"), await library.store("s"))
        await session.open()
        async for _ in session.send("after"):
            pass
        assert texts(session) == ["before", "fine", "after", "mine"]
        await session.close()
        with pytest.raises(StoreReadOnly):
            await library.rename("s", "name")
    assert content(path) == before
    assert len(notices) == 1


async def test_on_a_full_disk_a_new_conversation_is_in_memory(
    disk: Disk, notices: list[str]
) -> None:
    folder = disk("size=600k")
    path = folder / "data" / "axio.db"
    async with opened(path, notices) as library:
        await say(library, "before", "s")
    fill(folder)
    async with opened(path, notices) as library:
        await say(library, "after", "t")
        assert not library.is_kept
    assert len(notices) == 1 and "Free some space" in notices[0]


# ── upkeep ────────────────────────────────────────────────────────────────────────────────────


def age(path: Path, days: int) -> None:
    """As if so many days had passed since all that is in the database."""
    with sqlite3.connect(path) as db:
        change = "UPDATE axio_context_messages SET created_at = datetime('now', ?)"
        db.execute(change, (f"-{days} days",))
        db.execute("DELETE FROM axio_context_items WHERE kind = 'tidied'")
    db.close()


def log(path: Path, name: str, days: int) -> None:
    file = path.parent / "logs" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("a crash")
    moment = file.stat().st_mtime - days * 86_400
    os.utime(file, (moment, moment))


async def test_what_is_too_old_is_forgotten_once_a_day(path: Path, notices: list[str]) -> None:
    async with opened(path, notices) as library:
        for id in ("s", "t"):
            await say(library, "a", id)
    age(path, 364)
    async with opened(path, notices) as library:
        assert len(await library.sessions()) == 2
        await say(library, "b", "t")
    age_of_others = "UPDATE axio_context_messages SET created_at = '2020-01-01 00:00:00'"
    with sqlite3.connect(path) as db:
        db.execute(f"{age_of_others} WHERE session_id = 's'")
    db.close()
    log(path, "old.log", 31)
    log(path, "young.log", 29)
    async with opened(path, notices) as library:
        assert len(await library.sessions()) == 2, "it was done today"
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM axio_context_items WHERE kind = 'tidied'")
    db.close()
    async with opened(path, notices) as library:
        assert [info.session_id for info in await library.sessions()] == ["t"]
    assert notices == ["forgot 1 conversation older than 365 days"]
    assert logs(path) == ["young.log"]


def logs(path: Path) -> list[str]:
    return [file.name for file in (path.parent / "logs").iterdir()]


async def test_what_is_kept_for_ever_stays(path: Path, notices: list[str]) -> None:
    async with opened(path, notices) as library:
        await say(library, "a")
    age(path, 10_000)
    for_ever = Retention(conversations=0, changes=0, logs=0)
    async with open_library(path, path.parents[1], retention=for_ever) as library:
        assert len(await library.sessions()) == 1
