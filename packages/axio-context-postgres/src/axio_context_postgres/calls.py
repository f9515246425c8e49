"""The journal of a session: calls that have begun, and results on their way to the history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256

from axio.approval import digest
from axio.blocks import ToolResultBlock, ToolUseBlock, from_dict, to_dict
from axio.history import calls_of
from axio.journal import Outcome, is_final
from axio.messages import Message
from axio.types import ToolCallID
from axio_context_postgres.payload import Encoded, as_json, as_text
from axio_context_postgres.server import Server

__all__ = ("NOTE", "SETTLE", "CallJournal", "Notes", "answered", "called")

Notes = dict[str, list[str | None]]
"""The parameters of `NOTE` about several calls."""

NOTE = """
    WITH session AS (
        SELECT key FROM axio_sessions WHERE key = %(key)s AND epoch = %(epoch)s FOR NO KEY UPDATE
    )
    INSERT INTO axio_calls (session, call_id, digest, result)
    SELECT session.key, new.* FROM session, unnest(
        %(calls)s::text[], %(digests)s::text[], %(results)s::json[]
    ) AS new
    ON CONFLICT (session, call_id) DO UPDATE SET digest = excluded.digest, result = excluded.result
    RETURNING call_id
"""

SETTLE = """
    DELETE FROM axio_calls WHERE session = %(key)s AND EXISTS (
        SELECT FROM unnest(%(answered)s::text[]) AS id
        WHERE call_id = id OR starts_with(call_id, id || '/')
    )
"""
"""With those that were made inside of them."""

_OUTCOME = """
    SELECT call.digest, call.result::text
    FROM axio_calls AS call JOIN axio_sessions AS session ON session.key = call.session
    WHERE session.id = %(id)s AND call.call_id = %(call)s
"""


class CallJournal:
    """`write` stores notes for the run that owns the session. Those of one moment go together."""

    def __init__(self, server: Server, id: str, write: Callable[[Notes], Awaitable[None]]) -> None:
        self._server = server
        self._id = id
        self._write = write
        self._notes: list[tuple[str, str, str | None]] = []
        self._writing: asyncio.Task[None] | None = None

    async def begin(self, call: ToolUseBlock) -> None:
        await self._note(call, None)

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        await self._note(call, as_json(to_dict(result)))

    async def _note(self, call: ToolUseBlock, result: str | None) -> None:
        self._notes.append((_column(call.id), digest(call.id, call.name, call.input), result))
        if self._writing is None:
            # It takes its first step when all calls that start now have come here.
            self._writing = asyncio.get_running_loop().create_task(self._write_all())
            self._writing.add_done_callback(_retrieve)
        await asyncio.shield(self._writing)

    async def _write_all(self) -> None:
        notes, self._notes, self._writing = self._notes, [], None
        calls, digests, results = (list(column) for column in zip(*notes, strict=True))
        await self._write({"calls": calls, "digests": digests, "results": results})

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        parameters = {"id": self._id, "call": _column(call.id)}
        found = await self._server.fetch(_OUTCOME, parameters, repeat=True)
        if not found or found[0][0] != digest(call.id, call.name, call.input):
            return Outcome.NOT_BEGUN
        if found[0][1] is None:
            return Outcome.UNKNOWN
        result = from_dict(json.loads(found[0][1]))
        assert isinstance(result, ToolResultBlock)
        return result


def answered(messages: list[Encoded]) -> list[str]:
    """The calls whose last results are in `messages`, as the column names them."""
    return [
        _column(block.tool_use_id)
        for each in messages
        if each.role == "user"
        for block in each.message.content
        if isinstance(block, ToolResultBlock) and is_final(block)
    ]


def called(messages: Iterable[Message]) -> list[str]:
    """The calls that `messages` make, as the column names them."""
    return [_column(call.id) for message in messages for call in calls_of(message)]


def _column(id: ToolCallID) -> str:
    """The id as a column of type text can hold it; no two are alike."""
    return id if as_text(id) == id else sha256(id.encode("utf-8", "surrogatepass")).hexdigest()


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at the exception of a task: who still waits for it is told."""
    if not task.cancelled():
        task.exception()
