"""One SQLite connection with two doors: aiosqlite's thread, and the event loop's own.

Handing a job to aiosqlite's thread and back costs 80 to 90 µs of CPU; appending a message to a
file in WAL mode costs 40, and without the file system being asked to wait for the disk. So brief
jobs run where they are asked for, in the event loop's thread, as long as no one would have to
wait: not for another job, not for another process's lock, not for a checkpoint. Everything else
goes through the thread.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiosqlite

from axio_context_sqlite.errors import StoreError, primary_code, translate
from axio_context_sqlite.payload import compress_payload, decompress_payload
from axio_context_sqlite.schema import migrate

__all__ = ("Connection", "connect", "is_busy", "raw")

T = TypeVar("T")

_LOCKS, _DISK = "busy_timeout", "wal_autocheckpoint"
"""The settings that make a statement wait: for other processes' locks, for the disk."""

BUSY_TIMEOUT = 5.0
"""Seconds to wait for other processes' locks: for the user's statements, and for stores."""

_OPENING_TIMEOUT = 60.0  # another process may be bringing a large file up to date

_MOVE_LOG_AFTER = 500
"""Rows changed in the event loop until a job goes through the thread to move the log.

SQLite moves its log into the file inside a commit, when it has 1,000 pages, and waits for the disk
then. That is switched off for brief jobs. A small row changes three to five pages.
"""


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that also runs jobs in the calling thread; made by `connect`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__(lambda: db, iter_chunk_size=64)
        self._turn = threading.Lock()
        self._queued: set[object] = set()
        self._switched_off: dict[str, int] = {}
        self._swift = False
        self._log_moved = 0

    async def _execute(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """aiosqlite's way of running `fn` in its thread, under our turn-taking."""
        ticket = object()

        def in_turn() -> T:
            with self._turn:
                try:
                    self._switch_on(_LOCKS, _DISK)
                    return fn(*args, **kwargs)
                finally:
                    self._queued.discard(ticket)

        self._queued.add(ticket)
        result: T = await super()._execute(in_turn)  # type: ignore[no-untyped-call]
        return result

    async def prepare(self) -> None:
        """Settings and tables; done by `connect`."""
        mode = await self._execute(_prepare, self._conn)
        # Other journals wait for the disk at every commit.
        self._swift = mode in ("wal", "memory")

    async def perform(self, job: Callable[[sqlite3.Connection], T], *, brief: bool) -> T:
        """`job`'s result. A brief job runs in this thread if nothing else is to be done.

        Jobs that go through the other thread are carried out even when the caller is cancelled,
        and in the order in which they came. No job waits for a lock: where another holds
        one it gets SQLITE_BUSY at once. No job may leave a transaction open.
        """
        db = raw(self)
        # Never past the queue: a job must not overtake one whose caller was cancelled.
        if brief and self._swift and not self._queued and self._turn.acquire(blocking=False):
            try:
                if db.total_changes - self._log_moved < _MOVE_LOG_AFTER:
                    self._switch_off(db, _LOCKS, _DISK)
                    return job(db)
            finally:
                self._turn.release()
        return await self._execute(self._in_thread, job, db)

    def _in_thread(self, job: Callable[[sqlite3.Connection], T], db: sqlite3.Connection) -> T:
        self._switch_off(db, _LOCKS)
        before = db.total_changes
        result = job(db)
        if db.total_changes != before:  # and so a commit, which moved the log if it was long
            self._log_moved = db.total_changes
        return result

    # Only where the door changes, so a run of brief jobs does not pay for it; and what the user
    # may have set is put back before a statement of his own.

    def _switch_off(self, db: sqlite3.Connection, *settings: str) -> None:
        for name in settings:
            if name not in self._switched_off:
                (self._switched_off[name],) = db.execute(f"PRAGMA {name}").fetchone()
                db.execute(f"PRAGMA {name} = 0")

    def _switch_on(self, *settings: str) -> None:
        for name in settings:
            if name in self._switched_off:
                self._conn.execute(f"PRAGMA {name} = {self._switched_off.pop(name)}")


def raw(conn: aiosqlite.Connection) -> sqlite3.Connection:
    """The sqlite3 connection inside. StoreError when it is closed."""
    try:
        return conn._conn
    except ValueError as error:
        raise StoreError("the database connection is closed: connect again") from error


def is_busy(error: sqlite3.Error) -> bool:
    return primary_code(error) == sqlite3.SQLITE_BUSY


async def connect(db_path: str | Path, *, folders: bool = True) -> aiosqlite.Connection:
    """Open the file, made with its folders where it is missing, for any number of stores.

    The caller closes the connection, after the last use of its stores. It is an ordinary
    aiosqlite connection in WAL mode; while the caller has a transaction open on it, its stores
    wait with what they have to write. A new file may be read by its owner only. A file that was
    closed properly can be read in a folder that may not be written.

    Args:
        folders: make all folders on the way to the file; else only its own.

    Raises:
        StoreError: the file cannot be opened, or is not one that this release can read.
    """
    path = os.fsdecode(db_path)
    if path.startswith("file:"):  # which some builds of SQLite take for an address
        path = os.path.join(os.curdir, path)
    if path != ":memory:":  # which is not a file
        _make_file(path, folders)
    try:
        return await _opened(path, uri=False)
    except sqlite3.Error as error:
        if primary_code(error) != sqlite3.SQLITE_CANTOPEN or not _is_at_rest(path):
            raise translate(error, path) from error
    try:
        # Without a log, and with no one who may write one: as it is, it stays.
        return await _opened(f"file:{quote(os.fsencode(path))}?immutable=1", uri=True)
    except sqlite3.Error as error:
        raise translate(error, path) from error


def _make_file(path: str, folders: bool) -> None:
    if not _is_a_name(path):
        raise StoreError(f"the path {path!r} names no file: nothing would be kept")
    folder = Path(path).parent
    try:
        folder.mkdir(parents=folders, exist_ok=True)
    except FileNotFoundError as error:
        raise StoreError(
            f"the folder of {path} cannot be made, since {folder.parent} is missing: make it first"
        ) from error
    except OSError as error:
        raise StoreError(f"the folder of {path} cannot be made: {error}") from error
    with suppress(OSError):  # SQLite says it better
        # Conversations are private. SQLite gives its other files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _is_a_name(path: str) -> bool:
    try:
        return path != "" and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # half of a character, which no file system can hold
        return False


def _is_at_rest(path: str) -> bool:
    """True if nothing is in the file's log, and its folder may not be written."""
    try:
        if os.stat(f"{path}-wal").st_size:
            return False
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return os.access(path, os.R_OK) and not os.access(os.path.dirname(path) or ".", os.W_OK)


async def _opened(name: str, *, uri: bool) -> aiosqlite.Connection:
    # Opening reads nothing yet, and a path that is none fails before there is a thread. One
    # thread at a time uses it, see `Connection._turn`; hence no check by sqlite3.
    db = sqlite3.connect(name, timeout=BUSY_TIMEOUT, check_same_thread=False, uri=uri)
    conn = Connection(db)
    try:
        await conn
        await _patiently(conn.prepare)
    except BaseException:
        await conn.close()
        db.close()
        raise
    return conn


async def _patiently(attempt: Callable[[], Awaitable[None]]) -> None:
    """Another process may be busy for long: with bringing a large file up to date."""
    deadline = time.monotonic() + _OPENING_TIMEOUT
    while True:
        try:
            return await attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            # SQLite does not wait by itself where it changes the journal mode.
            await asyncio.sleep(0.02)


def _prepare(db: sqlite3.Connection) -> str:
    """Make the file ready; the journal mode it has now."""
    db.create_function("compress_payload", 1, compress_payload, deterministic=True)
    db.create_function("decompress_payload", 1, decompress_payload, deterministic=True)
    try:
        (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_READONLY:
            raise
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()  # a copy on a read-only disk
    db.execute("PRAGMA synchronous = NORMAL")
    migrate(db)
    return str(mode)
