"""The owner of a session: the run of one process, named in the file, until it ends or dies.

A lease is a token, the process it belongs to, and a heartbeat. Every write looks at it within
its own transaction, so an owner that was wrongly taken for dead can write nothing more.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import socket
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from axio_context_sqlite.errors import SessionInUse, SessionLost
from axio_context_sqlite.rows import Session

__all__ = ("HEARTBEAT", "admit", "end", "is_free", "is_held", "release", "renew", "take")

HEARTBEAT = 10.0
"""Seconds between two heartbeats of an owner."""

_DEAD_AFTER = 3 * HEARTBEAT

_held: dict[str, asyncio.AbstractEventLoop] = {}
"""The tokens of this process's own runs, and the loops these are in. Any other token with our name
was left behind by a failure."""


class Process(NamedTuple):
    """A process, told apart from all others that ever had its number."""

    host: str
    boot: str
    """This start of the machine, and its process table; empty where the system has no /proc."""
    pid: int
    started: str


@functools.lru_cache(maxsize=1)
def _this_process(pid: int) -> Process:
    boot = ""
    with suppress(OSError):
        # Containers share the boot id, but a process number means nothing in another's table.
        table = os.readlink("/proc/self/ns/pid")
        boot = f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {table}"
    return Process(socket.gethostname(), boot, pid, _started(pid))


def _started(pid: int) -> str:
    """When the process started, in ticks since boot; empty when it is dead or cannot be seen."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # proc(5): the name in parentheses may itself hold anything; then state is field 3.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started


def _alive(owner: Process, token: str, heartbeat: float) -> bool:
    here = _this_process(os.getpid())
    if owner == here and here.started:
        return is_held(token)
    if owner.boot == here.boot and here.boot:
        return _started(owner.pid) == owner.started
    # Another machine or container, or a system that does not tell.
    return time.time() - heartbeat < _DEAD_AFTER


def is_held(token: str) -> bool:
    """True if a run of this process has it that can go on: its event loop is not closed."""
    loop = _held.get(token)
    if loop is not None and loop.is_closed():
        del _held[token]
        return False
    return loop is not None


def is_free(token: str | None, process: str | None, heartbeat: float | None) -> bool:
    """True if these columns of a session name no living owner."""
    if token is None or process is None:
        return True
    return not _alive(Process(*json.loads(process)), token, heartbeat or 0.0)


def admit(db: sqlite3.Connection, session: Session, mine: str | None) -> None:
    """Let a write pass. To be called within its transaction.

    Args:
        mine: the token of the writer's lease, None if it has none.

    Raises:
        SessionInUse: a living owner has the session.
        SessionLost: the writer had a lease, and it is not in the file any more.
    """
    row = db.execute(
        "SELECT owner, process, heartbeat FROM axio_context_sessions "
        "WHERE project = ? AND session_id = ?",
        session,
    ).fetchone()
    token: str | None = None if row is None else row[0]
    if token == mine:
        return
    if mine is not None:
        raise SessionLost(
            f"session {session.shown} was taken over by another run: nothing more is kept of this"
        )
    assert token is not None, "without an owner in the file and one here, both are None and equal"
    owner = Process(*json.loads(row[1]))
    if _alive(owner, token, row[2]):
        raise SessionInUse(
            f"session {session.shown} is in use by process {owner.pid} on {owner.host}: "
            "wait until it has let go of it, or work on a fork",
            owner.pid,
            owner.host,
        )
    release(db, session, token)


def take(
    db: sqlite3.Connection, session: Session, token: str, loop: asyncio.AbstractEventLoop
) -> None:
    """Become the owner, for runs in `loop`. `admit` respects another, in the same transaction."""
    process = json.dumps(_this_process(os.getpid()))
    db.execute(
        "INSERT INTO axio_context_sessions (project, session_id, owner, process, heartbeat) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (project, session_id) DO UPDATE SET "
        "owner = excluded.owner, process = excluded.process, heartbeat = excluded.heartbeat",
        (*session, token, process, time.time()),
    )
    _held[token] = loop


def renew(db: sqlite3.Connection, session: Session, token: str) -> None:
    db.execute(
        "UPDATE axio_context_sessions SET heartbeat = ? "
        "WHERE project = ? AND session_id = ? AND owner = ?",
        (time.time(), *session, token),
    )


def end(token: str) -> None:
    """Stop waiting for a run that has ended, also when the file cannot be told."""
    _held.pop(token, None)


def release(db: sqlite3.Connection, session: Session, token: str | None = None) -> None:
    """Let the session have no owner; with a token, only if its owner is the one with it."""
    db.execute(
        "UPDATE axio_context_sessions SET owner = NULL, process = NULL, heartbeat = NULL "
        "WHERE project = ? AND session_id = ? AND owner = coalesce(?, owner)",
        (*session, token),
    )
