"""Work on sessions as a whole: plain functions on a sqlite3 connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress

from axio.context import SessionInfo, preview
from axio.history import calls_of, open_turn
from axio_context_sqlite import calls, changes, rows, shelf, work
from axio_context_sqlite.errors import StoreDamaged
from axio_context_sqlite.names import from_column, to_column
from axio_context_sqlite.payload import Encoded, compress_payload
from axio_context_sqlite.rows import Row, Session

__all__ = (
    "add_tokens",
    "clear",
    "delete",
    "fork",
    "get_name",
    "get_tokens",
    "latest",
    "rename",
    "replace",
    "rewind",
    "search",
    "set_tokens",
    "summaries",
)

_THIS = "WHERE project = ? AND session_id = ?"


def replace(db: sqlite3.Connection, session: Session, wanted: Sequence[Encoded]) -> None:
    """Make `wanted` the session's messages. What is the same at the start stays as it is."""
    same = 0
    started_at: str | None = None
    with closing(rows.read(db, session)) as present:
        for (at, row), new in zip(present, wanted, strict=False):
            started_at = started_at or row.created_at
            if rows.decode(session, at, row) != new.message:
                break
            same += 1
    rows.keep(db, session, same)
    rest = [
        # The time of its first message is the session's place in the list: it stays.
        Row(new.role, compress_payload(new.text), started_at if index == 0 else None)
        for index, new in enumerate(wanted[same:], same)
    ]
    rows.append(db, session, rows.last(db, session), rest)
    calls.settle(db, session, (new.message for new in wanted[same:]))
    work.stir(db, session)


def rewind(db: sqlite3.Connection, session: Session, number: int) -> None:
    present = rows.count(db, session)
    if not 0 <= number <= present:
        raise ValueError(f"cannot keep {number} messages: session {session.shown} has {present}")
    with suppress(StoreDamaged):  # To rewind may be the way out of that.
        for message in rows.tail(db, session, present - number):
            calls.forget(db, session, (call.id for call in calls_of(message)))
    rows.keep(db, session, number)
    shelf.forget(db, session, number)
    work.stir(db, session)


def fork(db: sqlite3.Connection, session: Session, into: Session) -> None:
    """Copy messages, times, token counts and what belongs to the messages, up to a turn whose tools
    are still running."""
    number = rows.count(db, session)
    if not open_turn(rows.tail(db, session, 1)):
        number = max(number - 1, 0)
    rows.copy(db, session, number, into)
    shelf.copy(db, session, number, into)
    set_tokens(db, into, *get_tokens(db, session))


def clear(db: sqlite3.Connection, session: Session) -> None:
    """Remove messages and token counts. The name and the owner stay."""
    rows.keep(db, session, 0)
    shelf.forget(db, session, 0)
    work.stir(db, session)
    db.execute(f"DELETE FROM axio_context_tokens {_THIS}", session)
    db.execute(f"DELETE FROM axio_context_calls {_THIS}", session)


_TABLES = ("messages", "tokens", "items", "calls", "changes", "work", "inbox", "live", "sessions")


def delete(db: sqlite3.Connection, session: Session) -> None:
    """Remove everything that is known of the session, and of those below it (`ID/...`)."""
    for table in _TABLES:
        name = f"axio_context_{table}"
        db.execute(f"DELETE FROM {name} {_THIS}", session)
        # A slash is followed by a zero: no pattern, which would read % and _ in the id.
        db.execute(
            f"DELETE FROM {name} WHERE project = ? AND session_id > ? AND session_id < ?",
            (session.project, f"{session.id}/", f"{session.id}0"),
        )
    changes.sweep(db)


# ── token counts ─────────────────────────────────────────────────────────────────────────────────

_SET_TOKENS = (
    "INSERT INTO axio_context_tokens (project, session_id, input_tokens, output_tokens) "
    "VALUES (?, ?, ?, ?) ON CONFLICT (session_id, project) DO UPDATE SET "
)


def get_tokens(db: sqlite3.Connection, session: Session) -> tuple[int, int]:
    row = db.execute(
        f"SELECT input_tokens, output_tokens FROM axio_context_tokens {_THIS}", session
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def set_tokens(db: sqlite3.Connection, session: Session, input: int, output: int) -> None:
    db.execute(
        f"{_SET_TOKENS} input_tokens = excluded.input_tokens, "
        "output_tokens = excluded.output_tokens",
        (*session, input, output),
    )


def add_tokens(db: sqlite3.Connection, session: Session, input: int, output: int) -> None:
    db.execute(
        f"{_SET_TOKENS} input_tokens = input_tokens + excluded.input_tokens, "
        "output_tokens = output_tokens + excluded.output_tokens",
        (*session, input, output),
    )


# ── names and lists ──────────────────────────────────────────────────────────────────────────────


def get_name(db: sqlite3.Connection, session: Session) -> str | None:
    row = db.execute(f"SELECT name FROM axio_context_sessions {_THIS}", session).fetchone()
    return None if row is None or row[0] is None else from_column(row[0])


def rename(db: sqlite3.Connection, session: Session, name: str | None) -> None:
    db.execute(
        "INSERT INTO axio_context_sessions (project, session_id, name) VALUES (?, ?, ?) "
        "ON CONFLICT (project, session_id) DO UPDATE SET name = excluded.name",
        (*session, to_column(name) if name else None),
    )


def summaries(db: sqlite3.Connection, project: str) -> list[SessionInfo]:
    """The project's sessions that have messages, newest first by the time of their first one.

    Those of sub-agents (`ID/...`, where there is a session `ID`) are left out.
    """
    found = db.execute(
        """
        SELECT of.session_id, of.number, session.name, first.created_at,
               coalesce(tokens.input_tokens, 0), coalesce(tokens.output_tokens, 0)
        FROM (
            SELECT session_id, count(*) AS number, min(position) AS position
            FROM axio_context_messages WHERE project = :project GROUP BY session_id
        ) AS of
        JOIN axio_context_messages AS first
            ON first.project = :project AND first.session_id = of.session_id
            AND first.position = of.position
        LEFT JOIN axio_context_tokens AS tokens
            ON tokens.project = :project AND tokens.session_id = of.session_id
        LEFT JOIN axio_context_sessions AS session
            ON session.project = :project AND session.session_id = of.session_id
        ORDER BY first.created_at DESC, first.id DESC
        """,
        {"project": project},
    ).fetchall()
    main = set(_main([id for id, *_ in found]))
    return [
        SessionInfo(
            from_column(id),
            number,
            from_column(name) if name else _preview(db, Session(project, id)),
            *rest,
        )
        for id, number, name, *rest in found
        if id in main
    ]


def latest(db: sqlite3.Connection, project: str) -> str | None:
    """The session to which something was added last, as `summaries` has them."""
    found = db.execute(
        "SELECT session_id FROM axio_context_messages WHERE project = ? "
        "GROUP BY session_id ORDER BY max(id) DESC",
        (project,),
    ).fetchall()
    ids = [id for (id,) in found]
    return next(map(from_column, _main(ids)), None)


def _main(ids: Collection[str]) -> Iterator[str]:
    """Those that are not of sub-agents: `ID/...`, where there is a session `ID`."""
    known = set(ids)
    return (id for id in ids if "/" not in id or id.partition("/")[0] not in known)


def search(db: sqlite3.Connection, project: str, text: str) -> list[SessionInfo]:
    """The sessions whose name or first prompt holds the text, in any case of letters."""
    wanted = text.casefold()
    return [
        info
        for info in summaries(db, project)
        if wanted in info.preview.casefold()
        or wanted in _first_prompt(db, Session.of(from_column(project), info.session_id)).casefold()
    ]


def _first_prompt(db: sqlite3.Connection, session: Session) -> str:
    try:
        return "".join(message.text for message in rows.first_of_user(db, session))
    except StoreDamaged:
        return ""


def _preview(db: sqlite3.Connection, session: Session) -> str:
    try:
        return preview(rows.first_of_user(db, session), empty="(no preview)")
    except StoreDamaged:
        return "(cannot be read)"  # the other sessions can
