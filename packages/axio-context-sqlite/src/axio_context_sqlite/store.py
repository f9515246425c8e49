"""A session in an SQLite file, as a context store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import aiosqlite

from axio.context import ContextStore, SessionInfo
from axio.messages import Message
from axio_context_sqlite import calls, jsonl, rows, sessions
from axio_context_sqlite.cache import Cache
from axio_context_sqlite.calls import CallJournal
from axio_context_sqlite.changes import FileChanges
from axio_context_sqlite.connection import BUSY_TIMEOUT, connect
from axio_context_sqlite.database import Database
from axio_context_sqlite.errors import StoreError
from axio_context_sqlite.inbox import Inbox
from axio_context_sqlite.ledger import Ledger
from axio_context_sqlite.live import LiveTail
from axio_context_sqlite.names import from_column
from axio_context_sqlite.owner import Owner
from axio_context_sqlite.payload import (
    COMPRESS_THRESHOLD,
    compress_payload,
    decompress_payload,
    encode,
)
from axio_context_sqlite.rows import NONE, Row, Session
from axio_context_sqlite.shelf import Shelf, remove_from
from axio_context_sqlite.transaction import transaction
from axio_context_sqlite.work import Work

__all__ = ("COMPRESS_THRESHOLD", "SQLiteContextStore", "compress_payload", "decompress_payload")

T = TypeVar("T")
Store = TypeVar("Store", bound="SQLiteContextStore")

_BRIEF = 64 * 1024  # characters; to compress and write more than this takes milliseconds


class SQLiteContextStore(ContextStore):
    """One session of one project.

    When a method returns, what it stored survives the death of the process; what it raised an
    error for is not stored. Messages, those handed in and those handed out, are shared with the
    store: take them as read-only. The list around them is the caller's own.

    Every method that touches the file may raise `StoreError`, and those that change the session
    `SessionBusy`, both after waiting up to `wait` seconds for others to finish.

    Args:
        conn: from `connect`; many stores may share it. The caller closes it.
        session_id: any text. The same id in another project is another session.
        project: by default the resolved current directory.
        db_name: not used.
        wait: seconds to wait while others write to the file or owns the session.
    """

    def __init__(
        self,
        conn: aiosqlite.Connection,
        session_id: str,
        project: str | None = None,
        db_name: str = "axio_context",
        *,
        wait: float = BUSY_TIMEOUT,
    ) -> None:
        self._conn = conn
        self._wait = wait
        self._database = Database.of(conn)
        self.project = _this_project() if project is None else project
        self._session = Session.of(self.project, session_id)
        self._cache = Cache(self._session, self._database)
        self.shelf = Shelf(self._session, self._run, self._add)
        self.changes = FileChanges(self._session, self._run, self._add)
        self.ledger = Ledger(self._run)
        self._owner = Owner(self._session, self._run)
        self._journal = CallJournal(self._session, self._change, self._run)
        self.inbox = Inbox(self._session, self._run, self._change)
        self.live = LiveTail(self._session, self._run, self._change, self._owner)
        self.work = Work(self._session, self._run, self._change)

    @classmethod
    @asynccontextmanager
    async def open(
        cls: type[Store],
        path: str | Path,
        session_id: str | None = None,
        project: str | None = None,
        *,
        wait: float = BUSY_TIMEOUT,
    ) -> AsyncIterator[Store]:
        """A store with a connection of its own, closed at the end; a new session without an id.

        StoreError when the folders above the file's own are missing, as after a slip in the path;
        `connect` makes all of them.
        """
        conn = await connect(path, folders=False)
        try:
            yield cls(conn, session_id or _new_id(), project, wait=wait)
        finally:
            await conn.close()

    @property
    def session_id(self) -> str:
        return from_column(self._session.id)

    @property
    def journal(self) -> CallJournal:
        return self._journal

    # ── how it gets at the file ──────────────────────────────────────────────────────────────

    async def _run(self, job: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        return await self._database.run(self._conn, job, wait=self._wait, brief=brief)

    async def _change(self, change: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        """`change` in one transaction, once no other run owns the session."""

        def job(db: sqlite3.Connection) -> T:
            with transaction(db):
                self._owner.admit(db)
                return change(db)

        return await self._run(job, brief=brief)

    async def _add(self, job: Callable[[sqlite3.Connection], T], *, brief: bool = False) -> T:
        """`job` in one transaction, also beside a run of another; not after its taking over."""

        def change(db: sqlite3.Connection) -> T:
            with transaction(db):
                self._owner.fence(db)
                return job(db)

        return await self._run(change, brief=brief)

    # ── messages ─────────────────────────────────────────────────────────────────────────────

    async def append(self, message: Message) -> None:
        await self.extend((message,))

    async def extend(self, messages: Iterable[Message]) -> None:
        """Add several messages at the end: all of them or, after an error, none."""
        messages = list(messages)
        encoded = [encode(message) for message in messages]
        if not encoded:
            return
        handed = self.shelf.handed(messages)

        def job(db: sqlite3.Connection) -> None:
            new = [Row(role, compress_payload(text)) for role, text, _ in encoded]
            with transaction(db):
                self._owner.admit(db)
                before = rows.last(db, self._session)
                after = rows.append(db, self._session, before, new)
                calls.settle(db, self._session, (message for _, _, message in encoded))
                if handed:
                    remove_from(db, self._session, handed)
            self._cache.appended(db, before, after, [message for _, _, message in encoded])

        await self._run(job, brief=sum(len(text) for _, text, _ in encoded) < _BRIEF)
        if handed:
            self.shelf.settled(messages)

    async def get_history(self) -> list[Message]:
        history = await self._run(self._cache.current, brief=True)
        if history is None:
            history = await self._run(self._cache.read)
        return history.copy()

    async def last(self, number: int) -> list[Message]:
        """The last `number` messages. Unlike `get_history` it does not read the others first."""
        if number < 0:
            raise ValueError(f"cannot read {number} messages")
        history = await self._run(self._cache.current, brief=True)
        if history is not None:
            return history[max(len(history) - number, 0) :]
        return await self._run(lambda db: rows.tail(db, self._session, number))

    async def count(self) -> int:
        """How many messages there are."""
        return await self._run(lambda db: rows.count(db, self._session), brief=True)

    async def replace(self, messages: Iterable[Message]) -> None:
        """Put `messages` in the place of the history: all of them or, after an error, none.

        Token counts stay, and so do the times of messages at the start that are the same.
        """
        wanted = [encode(message) for message in messages]
        await self._change(lambda db: sessions.replace(db, self._session, wanted))

    async def rewind(self, number: int) -> None:
        """Keep the first `number` messages and forget the rest. ValueError if there are fewer.

        To be able to go back, `fork` first.
        """
        await self._change(lambda db: sessions.rewind(db, self._session, number))

    async def clear(self) -> None:
        """Forget all messages and token counts; the name stays."""
        await self._change(lambda db: sessions.clear(db, self._session))

    # ── the session as a whole ───────────────────────────────────────────────────────────────

    async def fork(self: Store) -> Store:
        """A new session with a copy, in the same project and on the same connection.

        It ends before a turn whose tools are still running.
        """
        copy = self.beside()

        def job(db: sqlite3.Connection) -> None:
            with transaction(db):
                sessions.fork(db, self._session, copy._session)

        await self._run(job)
        return copy

    def beside(self: Store, session_id: str | None = None) -> Store:
        """Another session of the project on the same connection; a new one without an id."""
        return type(self)(self._conn, session_id or _new_id(), self.project, wait=self._wait)

    async def delete(self) -> None:
        """Remove the session from the file with all that is kept with it, and its sub-agents'
        (the sessions `ID/...`)."""
        await self._change(lambda db: sessions.delete(db, self._session))

    async def name(self) -> str | None:
        return await self._run(lambda db: sessions.get_name(db, self._session))

    async def rename(self, name: str | None) -> None:
        """Give the session a name, shown in lists in place of its first words; None removes it.

        Allowed while another run owns the session.
        """

        def job(db: sqlite3.Connection) -> None:
            with transaction(db):
                sessions.rename(db, self._session, name)

        await self._run(job)

    async def list_sessions(self) -> list[SessionInfo]:
        """The sessions of this project that have messages, newest first; not those of sub-agents.

        `preview` is the name or, without one, how the first message of the user begins.
        """
        return await self._run(lambda db: sessions.summaries(db, self._session.project))

    async def latest_session(self) -> str | None:
        """The id of the session of this project to which something was added last."""
        return await self._run(lambda db: sessions.latest(db, self._session.project))

    async def search_sessions(self, text: str) -> list[SessionInfo]:
        """Those of `list_sessions` whose name or first prompt holds the text, whatever the case."""
        return await self._run(lambda db: sessions.search(db, self._session.project, text))

    async def export_jsonl(self, path: str | Path) -> int:
        """Write the session to a file, which appears when it is complete; the messages' number.

        OSError when the file cannot be written.
        """

        def job(db: sqlite3.Connection) -> int:
            name = sessions.get_name(db, self._session)
            tokens = sessions.get_tokens(db, self._session)
            with closing(rows.read(db, self._session)) as found:
                messages = [
                    (rows.decode(self._session, at, row), row.created_at) for at, row in found
                ]
            with jsonl.whole_file(Path(path)) as file:
                file.writelines(line + "\n" for line in jsonl.render(name, tokens, messages))
            return len(messages)

        return await self._run(job)

    async def import_jsonl(self, path: str | Path) -> int:
        """Fill this session, which must be empty, from an exported file; the messages' number.

        Raises:
            ValueError: the file is not an exported session, or this session is not empty.
            OSError: the file cannot be read.
        """

        def job(db: sqlite3.Connection) -> int:
            with open(path, "rb") as file:
                exported = jsonl.parse(file)
            with transaction(db):
                self._owner.admit(db)
                if rows.last(db, self._session) != NONE:
                    raise ValueError(
                        f"session {self._session.shown} has messages: import into a new one"
                    )
                rows.append(db, self._session, NONE, exported.rows)
                sessions.set_tokens(db, self._session, *exported.tokens)
                sessions.rename(db, self._session, exported.name)
            return len(exported.rows)

        return await self._run(job)

    # ── token counts ─────────────────────────────────────────────────────────────────────────

    async def get_context_tokens(self) -> tuple[int, int]:
        return await self._run(lambda db: sessions.get_tokens(db, self._session), brief=True)

    async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self._change(
            lambda db: sessions.set_tokens(db, self._session, input_tokens, output_tokens),
            brief=True,
        )

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self._change(
            lambda db: sessions.add_tokens(db, self._session, input_tokens, output_tokens),
            brief=True,
        )

    # ── ownership ────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def own(self) -> AsyncIterator[None]:
        """Have the session: inside, no other run of any process can change it.

        SessionBusy when another still has it after `wait` seconds. A run whose process died, or
        whose event loop was closed, has nothing.
        """
        async with self._owner.own():
            yield

    @asynccontextmanager
    async def hold(self, *, take_over: bool = False) -> AsyncIterator[None]:
        """Have the session for all runs of this store inside, one at a time.

        SessionInUse at once when another has it. To `take_over` is to have it nevertheless: what
        the other then tries to store raises `SessionLost` there.
        """
        async with self._owner.hold(take_over=take_over):
            yield

    async def take_over(self) -> None:
        """Take the session from its owner, whose writes are refused from now on."""
        await self._run(self._owner.take_over, brief=True)


def _this_project() -> str:
    try:
        return str(Path.cwd().resolve())
    except FileNotFoundError as error:
        raise StoreError("the current directory was removed: give a project") from error


def _new_id() -> str:
    return os.urandom(16).hex()
