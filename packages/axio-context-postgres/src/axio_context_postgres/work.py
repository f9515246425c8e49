"""How the work on a session stands, for programs that share it out among processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from axio import durable
from axio.durable import Standing, require_id
from axio_context_postgres.lease import Hold, lost
from axio_context_postgres.payload import as_text
from axio_context_postgres.server import Server

__all__ = ("Work", "unfinished")

_ASSIGN = """
    INSERT INTO axio_sessions (id, agent, parent) VALUES (%(id)s, %(agent)s, %(parent)s)
    ON CONFLICT (id) DO UPDATE SET agent = excluded.agent,
        parent = coalesce(axio_sessions.parent, excluded.parent)
    WHERE axio_sessions.agent IS DISTINCT FROM excluded.agent OR axio_sessions.parent IS NULL
"""

_FIELDS = """
    agent, parent, stirred, stirred = rested,
    EXISTS (SELECT FROM axio_inbox WHERE session = key AND taken_at IS NULL),
    cancelled, reason, words, owner IS NOT NULL AND until >= now(), attempts
"""

_STANDING = f"SELECT {_FIELDS} FROM axio_sessions WHERE id = %(id)s"

_ATTEMPT = f"""
    UPDATE axio_sessions SET attempts = attempts + (stirred <> rested)::integer
    WHERE key = %(key)s AND epoch = %(epoch)s
    RETURNING {_FIELDS}
"""

_CANCEL = """
    UPDATE axio_sessions SET stirred = stirred + 1, cancelled =
        coalesce((SELECT max(number) FROM axio_inbox WHERE session = key), 0)
    WHERE id = %(id)s AND (stirred <> rested OR reason IN ('approval', 'waiting'))
"""

_CANCELLED = """
    UPDATE axio_sessions SET cancelled = NULL, reason = 'cancelled', words = ''
    WHERE key = %(key)s AND epoch = %(epoch)s AND cancelled = %(number)s
"""

_REST = """
    UPDATE axio_sessions SET rested = stirred, cancelled = NULL,
        reason = %(reason)s, words = %(words)s, attempts = 0
    WHERE key = %(key)s AND epoch = %(epoch)s AND stirred = %(stirred)s
    RETURNING key
"""

_UNFINISHED = """
    SELECT id FROM axio_sessions
    WHERE stirred <> rested AND agent IS NOT NULL AND (owner IS NULL OR until < now())
    ORDER BY changed_at LIMIT %(limit)s
"""


class Work(durable.Work):
    """`hold` gives the ownership of the run that works on the session."""

    def __init__(
        self, server: Server, session_id: str, hold: Callable[[], Awaitable[tuple[Hold, int]]]
    ) -> None:
        self._server = server
        self._id = session_id
        self._hold = hold

    async def assign(self, agent: str, parent: str | None = None) -> None:
        require_id("the id of a session", self._id)
        parameters = {"id": self._id, "agent": as_text(agent), "parent": parent}
        await self._server.fetch(_ASSIGN, parameters, repeat=True)

    async def standing(self) -> Standing:
        found = await self._server.fetch(_STANDING, {"id": self._id}, repeat=True)
        return Standing(*found[0]) if found else Standing()

    async def attempt(self) -> Standing:
        hold, _ = await self._hold()
        parameters = {"key": hold.key, "epoch": hold.epoch}
        found = await self._server.fetch(_ATTEMPT, parameters, repeat=True)
        if not found:
            raise lost(self._id)
        return Standing(*found[0])

    async def cancel(self) -> None:
        await self._server.fetch(_CANCEL, {"id": self._id}, repeat=True)

    async def cancelled(self, number: int) -> None:
        hold, _ = await self._hold()
        parameters = {"key": hold.key, "epoch": hold.epoch, "number": number}
        await self._server.fetch(_CANCELLED, parameters, repeat=True)

    async def rest(self, stirred: int, reason: str, words: str = "") -> bool:
        hold, _ = await self._hold()
        parameters: dict[str, object] = {"key": hold.key, "epoch": hold.epoch, "stirred": stirred}
        parameters |= {"reason": as_text(reason), "words": as_text(words)}
        return bool(await self._server.fetch(_REST, parameters, repeat=True))


async def unfinished(server: Server, limit: int) -> list[str]:
    """Sessions with work that no living run does, the longest unchanged first."""
    return [id for (id,) in await server.fetch(_UNFINISHED, {"limit": limit}, repeat=True)]
