"""Errors of the file, in words that say what to do.

All are those of `axio.exceptions`, or derived from them:

StoreError             the file cannot be used; what was to be written is not written
├── StoreBusy          another user kept it locked for longer than the store waits
├── StoreFull          no space is left
├── StoreReadOnly      it may be read but not written
├── StoreDamaged       it is not a database, or a page or a row of it is broken
└── StoreTooNew        a later release has changed its tables
SessionBusy            another run owns the session
├── SessionInUse       (here) a living process has it
└── SessionLost        this run owned it, and another took it over
"""

from __future__ import annotations

import sqlite3

from axio.exceptions import (
    SessionBusy,
    SessionLost,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
)

__all__ = (
    "SessionInUse",
    "SessionLost",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "primary_code",
    "translate",
)


class SessionInUse(SessionBusy):
    """A living process has the session, number `pid` on `host`."""

    def __init__(self, words: str, pid: int = 0, host: str = "") -> None:
        super().__init__(words)
        self.pid, self.host = pid, host


# Result codes (https://www.sqlite.org/rescode.html) that a user can do something about.
_KINDS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "is locked by another program that writes to it; try again"),
    sqlite3.SQLITE_BUSY_SNAPSHOT: (
        StoreBusy,
        "cannot be written while a SELECT on this connection still reads an older state: fetch "
        "all its rows or close its cursor",
    ),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "is locked by another user of this connection; try again"),
    sqlite3.SQLITE_FULL: (StoreFull, "cannot grow: the disk is full. Free some space"),
    sqlite3.SQLITE_READONLY: (
        StoreReadOnly,
        "may not be written: check the permissions of the file and of its folder",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreDamaged,
        "is damaged. Nothing was changed; restore a backup, or save what can be read with "
        "`sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_NOTADB: (StoreDamaged, "is not an SQLite database; it was left as it is"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "cannot be opened: check that it is a file, and the permissions of its folder",
    ),
    sqlite3.SQLITE_IOERR_SHMSIZE: (
        StoreFull,
        "cannot be opened: the disk is full. Free some space",
    ),
    sqlite3.SQLITE_IOERR: (StoreError, "cannot be read or written: the disk reports an error"),
}


def primary_code(error: sqlite3.Error) -> int:
    """The result code, without its details; -1 for errors that Python's module raises itself."""
    # The extended codes carry the primary one in their lowest byte.
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code if code < 0 else code & 0xFF


_NO_TEXT = "Could not decode to UTF-8 column"


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """The same error as one of the classes above. Raise it `from` the original."""
    if str(error).startswith(_NO_TEXT):
        # Python's module puts the whole text behind it; it must not be seen in the cause either.
        error.args = (str(error).partition(" with text ")[0],)
        return StoreDamaged(f"{path} is damaged ({error})")
    code: int = getattr(error, "sqlite_errorcode", -1)
    kind, text = (
        _KINDS.get(code) or _KINDS.get(primary_code(error)) or (StoreError, "cannot be used")
    )
    return kind(f"{path} {text} ({error})")
