"""The store: one session, as agents use it.

Three rules make it exact. An owner is the only writer, so it knows its messages without asking. A
write that was interrupted, by a cancel or a lost connection, is unsure: before anything else the
owner raises its epoch, after which nothing late can come through, and reads what there is. All else
is a transaction that locks the session's row.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from axio.context import ContextStore, SessionInfo
from axio.exceptions import AxioError, SessionBusy
from axio.messages import Message
from axio_context_postgres import lease, rows, sessions
from axio_context_postgres.calls import NOTE, CallJournal, Notes
from axio_context_postgres.errors import SessionLost, StoreUnreachable
from axio_context_postgres.inbox import Inbox
from axio_context_postgres.lease import Hold
from axio_context_postgres.live import LiveTail
from axio_context_postgres.payload import Encoded, as_text, beginning, encode
from axio_context_postgres.rows import Known
from axio_context_postgres.server import Cursor, Server, pauses
from axio_context_postgres.sessions import Change
from axio_context_postgres.work import Work

__all__ = ("PostgresContextStore",)

T = TypeVar("T")

logger = logging.getLogger(__name__)

_GRACE = 10.0  # seconds for the server to answer once a run is being cancelled


class PostgresContextStore(ContextStore):
    """One session; made by `Postgres.session`.

    When a method returns, what it stored is committed. Messages, those handed in and those
    handed out, are shared with the store: take them as read-only. The list around them is the
    caller's own.

    Every method may raise `StoreError`, and those that change the session `SessionBusy` after
    waiting for another run to end. Tokens that a run counts are written with its next message, at
    the latest when it ends.
    """

    def __init__(self, server: Server, session_id: str | None = None) -> None:
        self._server = server
        self._id = _checked(session_id) if session_id is not None else os.urandom(16).hex()
        self._known = Known(self._id)
        self._journal = CallJournal(server, self._id, self._note)
        self._inbox = Inbox(server, self._id, self._change)
        self._live = LiveTail(server, self._id, self._held)
        self._work = Work(server, self._id, self._held)
        self._hold: Hold | None = None
        self._turn = asyncio.Lock()
        """Held while a statement is on its way that `_known` has to agree with."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._id!r})"

    @property
    def session_id(self) -> str:
        return self._id

    # ── messages ─────────────────────────────────────────────────────────────────────────────

    async def append(self, message: Message) -> None:
        await self.extend((message,))

    async def extend(self, messages: Iterable[Message]) -> None:
        """Add several messages at the end: all of them or, after an error, none."""
        encoded = [encode(message) for message in messages]
        if encoded:
            await self._when_free(lambda: self._append(encoded))

    async def _append(self, messages: list[Encoded]) -> None:
        async with self._turn:
            if self._hold is not None:
                await self._append_as_owner(self._hold, messages)
                return
            new = rows.parameters(messages)
            new |= {"id": self._id, "preview": beginning(messages)}
            if not await self._server.fetch(rows.APPEND, new):
                raise await lease.busy(self._server, self._id)

    async def _append_as_owner(self, hold: Hold, messages: list[Encoded]) -> None:
        await self._make_sure(hold)
        known = self._known.messages
        start = len(known)
        new = rows.parameters(messages)
        new |= {"key": hold.key, "start": start, "preview": beginning(messages)}
        new |= {"lease": self._server.lease}
        while len(known) == start:
            new |= {"input": hold.tokens[0], "output": hold.tokens[1]}
            if await self._write(hold, rows.APPEND_AS_OWNER, new):
                known += (each.message for each in messages)
                return
            known = self._known.messages

    async def _write(self, hold: Hold, statement: str, parameters: dict[str, object]) -> bool:
        """Carry out a statement of the owner's. False if the connection was lost on the way: then
        it has been looked up if it was carried out, and nothing of it can come any more."""
        hold.is_sure = False
        try:
            done = await self._server.fetch(statement, {**parameters, "epoch": hold.epoch})
        except StoreUnreachable:
            await self._make_sure(hold)
            return False
        if not done:
            raise lease.lost(self._id)
        hold.is_sure = True
        return True

    async def _note(self, notes: Notes) -> None:
        async with self._turn:
            hold = self._hold
            if hold is None:
                raise lease.lost(self._id)
            await self._make_sure(hold)
            parameters: dict[str, object] = {**notes, "key": hold.key}
            while not await self._write(hold, NOTE, parameters):
                pass  # Noting the same again changes nothing.

    async def _held(self) -> tuple[Hold, int]:
        """The ownership, and the number of messages that are stored for certain."""
        async with self._turn:
            hold = self._hold
            if hold is None:
                raise lease.lost(self._id)
            await self._make_sure(hold)
            return hold, len(self._known.messages)

    @property
    def journal(self) -> CallJournal:
        return self._journal

    @property
    def inbox(self) -> Inbox:
        """Messages that were posted from elsewhere."""
        return self._inbox

    @property
    def live(self) -> LiveTail:
        """Events of the turn that is going on, for those who watch from elsewhere."""
        return self._live

    @property
    def work(self) -> Work:
        """How the work on the session stands, for programs that share it out."""
        return self._work

    async def _make_sure(self, hold: Hold) -> None:
        """See what is stored, if a write may have been interrupted."""
        if not hold.is_sure:
            await lease.fence(self._server, hold)
            await self._read()
            hold.is_sure = True

    async def _read(self) -> None:
        question = self._known.question()
        self._known.take(await self._server.fetch(rows.READ, question, repeat=True))

    async def get_history(self) -> list[Message]:
        async with self._turn:
            if self._hold is None:
                await self._read()
            else:
                await self._make_sure(self._hold)
            return self._known.messages.copy()

    async def replace(self, messages: Iterable[Message]) -> None:
        """Put `messages` in the place of the history: all of them or, after an error, none.

        Token counts stay, and so do the times of messages at the start that are the same.
        """
        wanted = [encode(message) for message in messages]
        await self._change(lambda change: change.replace(wanted))

    async def rewind(self, number: int) -> None:
        """Keep the first `number` messages and forget the rest. ValueError if there are fewer.

        To be able to go back, `fork` first.
        """
        await self._change(lambda change: change.rewind(number))

    async def clear(self) -> None:
        """Forget all messages and token counts; the name stays."""
        await self._change(lambda change: change.clear())

    async def _change(self, job: Callable[[Change], Awaitable[T]]) -> T:
        """`job` in one transaction."""
        return await self._when_free(lambda: self._changed(job))

    async def _changed(self, job: Callable[[Change], Awaitable[T]]) -> T:
        async with self._turn:
            hold = self._hold

            async def work(cursor: Cursor) -> T:
                return await job(await sessions.begin(self._server, cursor, self._known, hold))

            if hold is None:
                return await self._server.transact(work)
            while True:
                await self._make_sure(hold)
                hold.is_sure = False
                try:
                    result = await self._server.transact(work)
                except StoreUnreachable:
                    continue
                await self._read()
                hold.is_sure = True
                return result

    async def _when_free(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """`attempt`'s result, once no other run owns the session; SessionBusy after `wait`."""
        for pause in pauses(self._server.wait):
            try:
                return await attempt()
            except SessionLost:
                raise
            except SessionBusy:
                # Waiting happens here, holding nothing: others may use the store meanwhile.
                await asyncio.sleep(pause)
        return await attempt()

    # ── the session as a whole ───────────────────────────────────────────────────────────────

    async def fork(self) -> PostgresContextStore:
        """A new session with a copy. It ends before a turn whose tools are still running."""
        id = os.urandom(16).hex()
        copy = type(self)(await self._server.beside(id), id)
        tokens = None if self._hold is None else self._hold.tokens
        await sessions.fork(self._server, self._id, copy._id, tokens)
        return copy

    async def delete(self) -> None:
        """Remove the session and everything that is known of it."""
        await self._change(lambda change: change.delete())

    async def name(self) -> str | None:
        return await sessions.get_name(self._server, self._id)

    async def rename(self, name: str | None) -> None:
        """Give the session a name, shown in lists in place of its first words; None removes it.

        Allowed while another run owns the session.
        """
        await sessions.rename(self._server, self._id, name)

    async def list_sessions(self) -> list[SessionInfo]:
        """All sessions that have messages, newest first; `Postgres.sessions` searches them.

        `preview` is the name or, without one, how the first text of the user begins.
        """
        return await sessions.listed(self._server)

    # ── token counts ─────────────────────────────────────────────────────────────────────────

    async def get_context_tokens(self) -> tuple[int, int]:
        if self._hold is not None:
            return self._hold.tokens
        return await sessions.get_tokens(self._server, self._id)

    async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self._change(lambda change: change.set_tokens(input_tokens, output_tokens))
        if self._hold is not None:
            self._hold.tokens = input_tokens, output_tokens

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        if self._hold is None:
            await self._change(lambda change: change.add_tokens(input_tokens, output_tokens))
        else:
            before_input, before_output = self._hold.tokens
            self._hold.tokens = before_input + input_tokens, before_output + output_tokens

    # ── ownership ────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def own(self) -> AsyncIterator[None]:
        """Hold the session: inside, no other run of any process can change it.

        SessionBusy when another run still holds it after waiting. One that has not been heard of
        for as long as its lease holds nothing, and one that was taken for dead and was not can
        store nothing more: it gets `SessionLost`.
        """
        owner = lease.new_owner()
        try:
            hold = await self._when_free(lambda: self._take(owner))
        except SessionBusy:
            raise
        except BaseException:
            if self._server.is_ready:
                await self._give_back(owner, None)  # It may have been taken nevertheless.
            raise
        self._server.heart.add(owner, hold.key)
        try:
            yield
        finally:
            self._hold = None
            await self._give_back(owner, hold.tokens)

    async def _take(self, owner: str) -> Hold:
        async with self._turn:
            hold = await lease.take(self._server, self._id, owner)
            if not self._known.is_whole(hold.key, hold.edits, hold.length):
                await self._read()
            self._hold = hold
            return hold

    async def _give_back(self, owner: str, tokens: tuple[int, int] | None) -> None:
        """Write the last tokens, and be the owner no more; also when the run is being cancelled."""

        async def work() -> None:
            try:
                await self._server.heart.remove(owner)
                await lease.release(self._server, self._id, owner, tokens)
            except AxioError as error:
                # Nothing of the user's is lost, and the lease ends by itself.
                logger.warning("session %r could not be given back: %s", self._id, error)

        task = asyncio.get_running_loop().create_task(work())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,), timeout=_GRACE)
            task.cancel()
            raise

    async def take_over(self) -> None:
        """Take the session from its owner, whose writes are refused from now on.

        For a scheduler that knows that the owner is dead, and need not wait for its lease to end.
        """
        await lease.take_over(self._server, self._id)


def _checked(id: str) -> str:
    """An id that a column of type text can hold as it is."""
    if not isinstance(id, str):
        raise TypeError(f"session_id must be a str, got {id!r}")
    if not id or as_text(id) != id:
        raise ValueError(
            f"session_id must be some text without NUL and lone surrogates, got {id!r}"
        )
    return id
