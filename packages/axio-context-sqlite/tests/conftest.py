"""A file, a connection and a store for each test; processes that use the same file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import aiosqlite
import pytest

from axio_context_sqlite import SQLiteContextStore, connect
from support.waiting import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conversations.db"


@pytest.fixture
async def conn(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    connection = await connect(path)
    yield connection
    await connection.close()


@pytest.fixture
def store(conn: aiosqlite.Connection) -> SQLiteContextStore:
    return SQLiteContextStore(conn, "session", "project")


@pytest.fixture
async def other(path: Path) -> AsyncIterator[SQLiteContextStore]:
    """The same session through a connection of its own, as another process has it."""
    async with SQLiteContextStore.open(path, "session", "project", wait=0.2) as opened:
        yield opened


@asynccontextmanager
async def _occupied(conn: aiosqlite.Connection) -> AsyncIterator[None]:
    began, ends = threading.Event(), threading.Event()

    def nap() -> None:
        began.set()
        ends.wait(50)

    await conn.create_function("nap", 0, nap)
    task = asyncio.create_task(conn.execute_fetchall("SELECT nap()"))
    await until(began.is_set)
    try:
        yield
    finally:
        ends.set()
        await task


@pytest.fixture
def occupied() -> Callable[[aiosqlite.Connection], AbstractAsyncContextManager[None]]:
    """`async with occupied(conn)`: the connection's thread is at work while the block lasts."""
    return _occupied


Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start `python -c SOURCE ARGUMENTS`; at the end it is killed, with all that it started."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", source, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
