"""The files of a person: if they can be written and read by them alone, and if the database is
well."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from axio_context_sqlite.schema import MIGRATIONS
from axio_tui.config.paths import config_folder, data_folder, database_file
from axio_tui.config.stored import opened_to_read
from axio_tui.doctor.findings import Finding

__all__ = ("look_at_database", "look_at_files", "look_at_space")

_PATIENCE = 2.5  # seconds for the database to be read through
_LITTLE = 100 << 20  # bytes that are soon used up
_PROBE = 64 << 10


# ── space ─────────────────────────────────────────────────────────────────────────────────────


def look_at_space() -> Iterator[Finding]:
    """True to what happens: a file is written into the folder of the data, and removed."""
    folder = _nearest(data_folder())
    free = shutil.disk_usage(folder).free
    words = f"{free / (1 << 20):,.0f} MiB are free at {folder}"
    problem = _why_not_written(folder)
    if problem:
        advice = "until then conversations are kept in memory only"
        yield Finding("broken", "disk", f"nothing can be written at {folder}: {problem}", advice)
    elif free < _LITTLE:
        yield Finding("warning", "disk", words, "make room")
    else:
        yield Finding("ok", "disk", words)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _why_not_written(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE))
            file.flush()
    except OSError as error:
        return "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
    return ""


# ── who may read it ───────────────────────────────────────────────────────────────────────────


def look_at_files() -> Iterator[Finding]:
    """Each is for its owner alone."""
    data, config = data_folder(), config_folder()
    wanted = [(data, 0o700), (config, 0o700)]
    wanted += [(config / "secrets.toml", 0o600), (config / "mcp.json", 0o600)]
    names = ("axio.db", "axio.db-wal", "permissions.jsonl", "trusted.json")
    wanted += [(data / name, 0o600) for name in names]
    wanted += [(path, 0o600) for path in sorted(data.glob("axio.db.broken-*"))]
    there = [(path, mode) for path, mode in wanted if os.path.lexists(path)]
    problems = 0
    for path, mode in there:
        try:
            status = path.stat()
        except OSError as error:
            problems += 1
            yield Finding("warning", "files", f"{path} cannot be looked at: {error.strerror}")
            continue
        if status.st_uid not in (os.getuid(), 0):
            problems += 1
            yield Finding("warning", "files", f"{path} belongs to another user")
        elif status.st_mode & 0o777 & ~mode:
            problems += 1
            words = f"{path} may be read by others (mode {status.st_mode & 0o777:04o})"
            yield Finding("warning", "files", words, f"chmod {mode:o} {path}")
    if not problems:
        yield Finding("ok", "files", f"{len(there)} of axio's own are for this user alone")


# ── the database ──────────────────────────────────────────────────────────────────────────────


def look_at_database() -> Iterator[Finding]:
    """All of it is read; nothing is changed."""
    path = database_file()
    if not path.exists():
        yield Finding("ok", "database", f"{path} is not there yet")
        return
    size = f"{path.stat().st_size / (1 << 20):,.1f} MiB"
    try:
        with closing(opened_to_read(path)) as db:
            problem = _damage(db)
            version = _version(db)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            words = f"{path} is locked by another program"
            yield Finding("warning", "database", words, "wait for it, or end it")
        else:
            yield _damaged(path, str(error))
        return
    if problem:
        yield _damaged(path, problem)
    elif version > len(MIGRATIONS):
        words = f"{path} has tables of version {version}; this axio knows {len(MIGRATIONS)}"
        yield Finding("broken", "database", words, "install a newer axio-context-sqlite")
    else:
        tables = f"tables of version {version} of {len(MIGRATIONS)}"
        yield Finding("ok", "database", f"{path}: {size}, {tables}")
        yield from _lock(path)


def _damaged(path: Path, why: str) -> Finding:
    advice = "axio puts it aside when it starts and begins a new one; or put back a copy of yours"
    return Finding("broken", "database", f"{path} is damaged: {why}", advice)


def _damage(db: sqlite3.Connection) -> str:
    """The first thing that is wrong; "" for none, as far as was read in the time."""
    end = time.monotonic() + _PATIENCE
    db.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return ""
    finally:
        db.set_progress_handler(None, 0)
    return "" if found == "ok" else str(found)


def _version(db: sqlite3.Connection) -> int:
    if not _has(db, "axio_context_schema"):
        return 0
    return int(db.execute("SELECT max(version) FROM axio_context_schema").fetchone()[0] or 0)


def _has(db: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return db.execute(query, (table,)).fetchone() is not None


def _lock(path: Path) -> Iterator[Finding]:
    """To take the lock for a moment tells if another program holds it."""
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        yield Finding("broken", "database lock", f"{path} may not be written")
        return
    try:
        with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        words = f"another program writes to it: {error}"
        yield Finding("warning", "database lock", words, "wait for it, or end it")
    else:
        yield Finding("ok", "database lock", "free")
