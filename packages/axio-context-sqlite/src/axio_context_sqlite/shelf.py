"""Small things that are kept beside the messages of a session: remarks, drafts, waiting prompts.

What they mean is their owner's business; the store keeps them as JSON, in order.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from axio.exceptions import without_content
from axio.messages import Message
from axio.types import JSONObject
from axio_context_sqlite.errors import StoreDamaged
from axio_context_sqlite.rows import Session

__all__ = ("Item", "Shelf", "copy", "forget", "remove_from")

T = TypeVar("T")

_OF = "FROM axio_context_items WHERE project = ? AND session_id = ?"


class Run(Protocol):
    """How a store runs a job on its connection."""

    def __call__(
        self, job: Callable[[sqlite3.Connection], T], *, brief: bool = False
    ) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Item:
    """One thing; `id` rises with each that is added."""

    id: int
    data: JSONObject


class Shelf:
    """The things of one session, made by `store.shelf`.

    They may be changed while another run owns the session, but not by a store from which it was
    taken over (`SessionLost`). They go with the session; a thing that `needs` so many messages also
    goes when the session is rewound to fewer, and stays in a fork.
    """

    def __init__(self, session: Session, run: Run, change: Run) -> None:
        self._session = session
        self._run = run
        self._change = change
        self._handed: dict[int, tuple[Message, int]] = {}

    async def add(self, kind: str, data: JSONObject, needs: int | None = None) -> int:
        """Keep a thing; its id."""
        [id] = await self.add_all(kind, [(data, needs)])
        return id

    async def add_all(
        self, kind: str, things: Iterable[tuple[JSONObject, int | None]]
    ) -> list[int]:
        """Keep things, each with the number of messages that it needs, in one step; their ids."""
        values = [(*self._session, kind, json.dumps(data), needs) for data, needs in things]

        return await self._change(lambda db: [_insert(db, row) for row in values], brief=True)

    async def items(self, kind: str) -> list[Item]:
        """All things of a kind, oldest first. StoreDamaged if one cannot be read."""
        found = await self._run(
            lambda db: db.execute(
                f"SELECT id, data {_OF} AND kind = ? ORDER BY id", (*self._session, kind)
            ).fetchall(),
            brief=True,
        )
        return [Item(id, self._decode(id, text)) for id, text in found]

    async def put(self, kind: str, data: JSONObject | None) -> None:
        """Let `data` be the only thing of its kind; None for no thing."""
        text = None if data is None else json.dumps(data)

        def job(db: sqlite3.Connection) -> None:
            db.execute(f"DELETE {_OF} AND kind = ?", (*self._session, kind))
            if text is not None:
                _insert(db, (*self._session, kind, text, None))

        await self._change(job, brief=True)

    async def remove(self, *ids: int) -> None:
        """Remove things; ids that are not there any more do not matter."""
        await self._change(lambda db: remove_from(db, self._session, ids), brief=True)

    def hand_over(self, id: int, message: Message) -> None:
        """Let the thing go in the very step in which this message object is stored."""
        self._handed[_key(message)] = message, id

    def handed(self, messages: Iterable[Message]) -> list[int]:
        """The things that go when these messages are stored."""
        if not self._handed:
            return []
        found = (self._handed.get(_key(message)) for message in messages)
        return [id for pair in found if pair is not None for _, id in (pair,)]

    def settled(self, messages: Iterable[Message]) -> None:
        """These messages are stored."""
        for message in messages if self._handed else ():
            self._handed.pop(_key(message), None)

    def _decode(self, id: int, text: str) -> JSONObject:
        try:
            data: Any = json.loads(text)
            if isinstance(data, dict):
                return data
            why = "it is no object"
        except ValueError as error:
            why = without_content(error)
        raise StoreDamaged(
            f"row {id} of axio_context_items, of session {self._session.shown}, cannot be read: "
            f"{why}"
        )


def _key(message: Message) -> int:
    return id(message)  # held together with the message, so that it stays its own


def _insert(db: sqlite3.Connection, row: tuple[Any, ...]) -> int:
    cursor = db.execute(
        "INSERT INTO axio_context_items (project, session_id, kind, data, needs) "
        "VALUES (?, ?, ?, ?, ?)",
        row,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def remove_from(db: sqlite3.Connection, session: Session, ids: Iterable[int]) -> None:
    """Remove things of a session."""
    for id in ids:
        db.execute(f"DELETE {_OF} AND id = ?", (*session, id))


def copy(db: sqlite3.Connection, session: Session, number: int, into: Session) -> None:
    """Copy the things that belong to the first `number` messages to another session."""
    db.execute(
        "INSERT INTO axio_context_items (project, session_id, kind, data, needs) "
        f"SELECT ?, ?, kind, data, needs {_OF} AND needs <= ? ORDER BY id",
        (*into, *session, number),
    )


def forget(db: sqlite3.Connection, session: Session, number: int) -> None:
    """Remove the things that need more than `number` messages."""
    db.execute(f"DELETE {_OF} AND needs > ?", (*session, number))
