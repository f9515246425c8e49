"""Messages for a session that come from elsewhere, until its owner takes them into the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from axio.durable import require_id
from axio.messages import Message, Prompt, as_message
from axio_context_postgres.payload import as_text, decode, encode
from axio_context_postgres.server import Server
from axio_context_postgres.sessions import MAKE, Change

__all__ = ("Inbox",)

T = TypeVar("T")

_POST = """
    WITH posted AS (
        INSERT INTO axio_inbox (session, id, role, content)
        SELECT key, %(post)s, %(role)s, %(content)s::json FROM axio_sessions WHERE id = %(id)s
        ON CONFLICT (session, id) DO NOTHING
        RETURNING session
    )
    UPDATE axio_sessions SET stirred = stirred + 1 FROM posted WHERE key = posted.session
    RETURNING key
"""

_WAITING = """
    SELECT inbox.role, inbox.content::text
    FROM axio_inbox AS inbox JOIN axio_sessions AS session ON session.key = inbox.session
    WHERE session.id = %(id)s AND inbox.taken_at IS NULL ORDER BY inbox.number
"""


class Inbox:
    """Any process may `post`, also while a run owns the session; the owner takes what waits."""

    def __init__(
        self,
        server: Server,
        session_id: str,
        change: Callable[[Callable[[Change], Awaitable[int]]], Awaitable[int]],
    ) -> None:
        self._server = server
        self._id = session_id
        self._change = change

    async def post(self, prompt: Prompt, id: str) -> bool:
        """Leave a message; False if one with this `id` was left before, which stays as it is.

        To post again after an error is therefore safe.
        """
        if not id or as_text(id) != id:
            raise ValueError(f"id must be some text without NUL and lone surrogates, got {id!r}")
        require_id("the id of a message", id)
        require_id("the id of a session", self._id)
        encoded = encode(as_message(prompt))
        await self._server.fetch(MAKE, {"id": self._id}, repeat=True)
        posted = await self._server.fetch(
            _POST,
            {"id": self._id, "post": id, "role": encoded.role, "content": encoded.text},
            repeat=True,
        )
        return bool(posted)

    async def waiting(self) -> list[Message]:
        """The messages that have not been taken, in the order in which they were posted."""
        found = await self._server.fetch(_WAITING, {"id": self._id}, repeat=True)
        return [decode(self._id, number, *row) for number, row in enumerate(found)]

    async def take(self, until: int | None = None) -> int:
        """Add the messages that wait to the history, each once, in one step; how many they were.
        With `until`, only those up to that number."""
        return await self._change(lambda change: change.take_inbox(until))
