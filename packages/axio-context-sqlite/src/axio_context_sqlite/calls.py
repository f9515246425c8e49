"""The journal of a session: calls that have begun, and results on their way to the history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

from axio.approval import digest
from axio.blocks import ToolResultBlock, ToolUseBlock, from_dict, to_dict
from axio.journal import Outcome, is_final
from axio.messages import Message
from axio.types import ToolCallID
from axio_context_sqlite.names import to_column
from axio_context_sqlite.rows import Session

__all__ = ("CallJournal", "Perform", "forget", "settle")

T = TypeVar("T")


class Perform(Protocol):
    """Run a job on the file."""

    def __call__(
        self, job: Callable[[sqlite3.Connection], T], /, *, brief: bool = ...
    ) -> Coroutine[Any, Any, T]: ...


class CallJournal:
    """`change` runs a job in a transaction, for the run that owns the session; `read` runs one."""

    def __init__(self, session: Session, change: Perform, read: Perform) -> None:
        self._session = session
        self._change = change
        self._read = read

    async def begin(self, call: ToolUseBlock) -> None:
        await self._note(call, None)

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        await self._note(call, json.dumps(to_dict(result)))

    async def _note(self, call: ToolUseBlock, result: str | None) -> None:
        row = (*self._session, to_column(call.id), digest(call.id, call.name, call.input), result)

        def note(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT OR REPLACE INTO axio_context_calls "
                "(project, session_id, call_id, digest, result) VALUES (?, ?, ?, ?, ?)",
                row,
            )

        await self._change(note, brief=True)

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        def look(db: sqlite3.Connection) -> tuple[str, str | None] | None:
            found = db.execute(
                "SELECT digest, result FROM axio_context_calls "
                "WHERE project = ? AND session_id = ? AND call_id = ?",
                (*self._session, to_column(call.id)),
            )
            row: tuple[str, str | None] | None = found.fetchone()
            return row

        row = await self._read(look, brief=True)
        if row is None or row[0] != digest(call.id, call.name, call.input):
            return Outcome.NOT_BEGUN
        if row[1] is None:
            return Outcome.UNKNOWN
        result = from_dict(json.loads(row[1]))
        assert isinstance(result, ToolResultBlock)
        return result


def settle(db: sqlite3.Connection, session: Session, messages: Iterable[Message]) -> None:
    """Forget the calls whose last results are in `messages`."""
    results = (result for message in messages for result in message.tool_results)
    forget(db, session, (result.tool_use_id for result in results if is_final(result)))


def forget(db: sqlite3.Connection, session: Session, ids: Iterable[ToolCallID]) -> None:
    """Forget calls, with those made inside them."""
    for id in map(to_column, ids):
        db.execute(
            "DELETE FROM axio_context_calls WHERE project = ? AND session_id = ? "
            "AND (call_id = ? OR substr(call_id, 1, ?) = ?)",
            (*session, id, len(id) + 1, f"{id}/"),
        )
