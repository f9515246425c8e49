"""Errors of the database, in words that say what to do.

All are those of `axio.exceptions`, or derived from them:

StoreError             the database cannot be used; what was to be written is not written
├── StoreUnreachable   (here) no answer: no server, no such database, or the connection was lost
├── StoreDenied        (here) the server does not let this role in, or not do this
├── StoreBusy          too many users at once
├── StoreFull          no space is left
├── StoreReadOnly      a standby, or a role that may only read
├── StoreDamaged       a message is not what a store wrote
└── StoreTooNew        a later release has changed the tables
"""

from __future__ import annotations

import psycopg

from axio.exceptions import (
    SessionLost,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
)

__all__ = (
    "SessionLost",
    "StoreBusy",
    "StoreDamaged",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnreachable",
    "may_pass",
    "translate",
)


class StoreUnreachable(StoreError):
    """The server does not answer. Only for a write that was on its way when the connection was lost
    is it unknown if it was stored; the message then says so."""


class StoreDenied(StoreError):
    """The server refuses this role."""


# https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest prefix counts.
_KINDS: dict[str, tuple[type[StoreError], str]] = {
    "08": (StoreUnreachable, "the connection to the database was lost"),
    "57P": (StoreUnreachable, "the database server is being stopped or started"),
    "28": (StoreDenied, "the database refuses this role: check user and password"),
    "42501": (
        StoreDenied,
        "the database does not let this role do this: run `axio-postgres migrate` as a role that "
        "may create tables, and grant this one SELECT, INSERT, UPDATE and DELETE on them",
    ),
    "42P07": (
        StoreError,
        "the schema holds a table of this name that axio has not made: choose another `schema`",
    ),
    "42P01": (StoreError, "a table is missing: run `axio-postgres migrate`"),
    "40": (StoreBusy, "another transaction was in the way"),
    "53100": (StoreFull, "the disk of the database server is full: free some space"),
    "53": (StoreBusy, "the database server has no resources left: allow it more connections"),
    "55P03": (StoreBusy, "another transaction holds a lock on the session"),
    "25006": (StoreReadOnly, "the database may not be written: connect to the primary server"),
    "22P05": (StoreError, "the database cannot hold this text: it must be made with ENCODING UTF8"),
}

# A server that refuses a connection gives no code, only words.
_REFUSALS = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "role ")


def translate(error: psycopg.Error) -> StoreError:
    """The same error as one of the classes above. Raise it `from` the original."""
    words = str(error).strip().partition("\n")[0]
    code = error.sqlstate
    if code is None:
        return _without_code(error, words)
    for length in (5, 3, 2):
        if known := _KINDS.get(code[:length]):
            kind, text = known
            return kind(f"{text} ({words})")
    return StoreError(f"the database answers with an error ({code}): {words}")


def _without_code(error: psycopg.Error, words: str) -> StoreError:
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreError(f"the database cannot be used: {words}")
    if any(refusal in words for refusal in _REFUSALS):
        return StoreDenied(f"the database refuses this role: check user and password ({words})")
    return StoreUnreachable(
        f"the database cannot be reached: check that the server runs, and the connection string "
        f"({words})"
    )


def may_pass(error: StoreError) -> bool:
    """True for an error that may be gone a moment later."""
    return isinstance(error, StoreUnreachable | StoreBusy)
