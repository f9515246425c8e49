"""Events of a turn that is not stored yet, for those who watch from another process.

They say which message they will become part of, and are void once that is stored. So this may lose
events, in a crash of the server all of them, and a watcher still misses nothing: messages count,
and how many of them it has seen.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable

from axio.durable import Cursor, Seen
from axio.event_data import event_from_dict, event_to_dict
from axio.events import StreamEvent
from axio_context_postgres.lease import Hold
from axio_context_postgres.payload import as_json, decode
from axio_context_postgres.server import Server

__all__ = ("LiveTail",)

_WRITE = """
    WITH session AS (
        SELECT key FROM axio_sessions WHERE key = %(key)s AND epoch = %(epoch)s
    ), void AS (
        DELETE FROM axio_live WHERE session = %(key)s AND EXISTS (SELECT FROM session)
        AND (position < %(position)s OR attempt <> %(attempt)s)
    )
    INSERT INTO axio_live (session, position, attempt, number, event)
    SELECT session.key, %(position)s, %(attempt)s, %(written)s + number, event
    FROM session, json_array_elements(%(events)s::json) WITH ORDINALITY AS new (event, number)
"""

_MESSAGES = """
    SELECT message.position, message.role, message.content::text
    FROM axio_messages AS message JOIN axio_sessions AS session ON session.key = message.session
    WHERE session.id = %(id)s AND message.position >= %(seen)s ORDER BY message.position
"""

_EVENTS = """
    SELECT live.number, live.attempt, live.event::text
    FROM axio_live AS live JOIN axio_sessions AS session ON session.key = live.session
    WHERE session.id = %(id)s AND live.position = %(seen)s
        AND (live.number > %(number)s OR live.attempt <> %(attempt)s) ORDER BY live.number
"""


class LiveTail:
    """`hold` gives the ownership of the run that writes, and the number of stored messages."""

    def __init__(
        self, server: Server, id: str, hold: Callable[[], Awaitable[tuple[Hold, int]]]
    ) -> None:
        self._server = server
        self._id = id
        self._hold = hold
        self._attempt = ""
        self._written = 0

    async def write(self, events: Iterable[StreamEvent]) -> None:
        """Show events of the turn that will be the next message. Best some at a time, every 100 to
        200 ms. Nothing comes of it if the session was taken over."""
        data = [event_to_dict(event) for event in events]
        if not data:
            return
        hold, position = await self._hold()
        if hold.owner != self._attempt:
            self._attempt, self._written = hold.owner, 0
        written, self._written = self._written, self._written + len(data)
        await self._server.fetch(
            _WRITE,
            {
                "key": hold.key,
                "epoch": hold.epoch,
                "position": position,
                "attempt": hold.owner,
                "written": written,
                "events": as_json(data),
            },
        )

    async def read(self, after: Cursor | None = None) -> Seen:
        """All that is new since `after`. Ask again with the `cursor` that comes back."""
        after = after or Cursor()
        # In this order: a message that is stored in between comes with the next reading.
        found = await self._server.fetch(
            _MESSAGES, {"id": self._id, "seen": after.messages}, repeat=True
        )
        messages = [decode(self._id, *row) for row in found]
        seen = after.messages + len(messages)
        cursor = Cursor(seen) if messages else after
        parameters = {"id": self._id, "seen": seen}
        parameters |= {"number": cursor.number, "attempt": cursor.attempt}
        live = await self._server.fetch(_EVENTS, parameters, repeat=True)
        if not live:
            return Seen(cursor, messages)
        last, attempt, _ = live[-1]
        mine = [event_from_dict(json.loads(text)) for _, of, text in live if of == attempt]
        restarts = cursor.attempt not in ("", attempt)
        return Seen(Cursor(seen, last, attempt), messages, restarts, mine)
