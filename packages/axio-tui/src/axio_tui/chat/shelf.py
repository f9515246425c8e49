"""`Shelf`: where a session keeps what is no message. The one in memory, and the store's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeAlias, runtime_checkable

from axio.context import ContextStore
from axio.messages import Message
from axio.types import JSONObject

__all__ = ("MemoryShelf", "Shelf", "Thing", "shelf_of")

Needing: TypeAlias = tuple[JSONObject, int | None]
"""A thing, and the number of messages without which it is gone."""


class Thing(Protocol):
    """One thing on a shelf."""

    @property
    def id(self) -> int: ...
    @property
    def data(self) -> JSONObject: ...


@runtime_checkable
class Shelf(Protocol):
    """Things by their kind, in the order in which they came."""

    async def add(self, kind: str, data: JSONObject, needs: int | None = None) -> int:
        """Keep a thing; its id. It is kept when this returns."""

    async def add_all(self, kind: str, things: Iterable[Needing]) -> list[int]:
        """Keep things, all of them or none."""

    async def items(self, kind: str) -> Sequence[Thing]:
        """All things of a kind, oldest first."""

    async def put(self, kind: str, data: JSONObject | None) -> None:
        """Let `data` be the only thing of its kind; None for no thing."""

    async def remove(self, *ids: int) -> None:
        """Remove things."""

    def hand_over(self, id: int, message: Message) -> None:
        """Let the thing go in the very step in which this message object is stored."""


@dataclass(frozen=True, slots=True)
class _Kept:
    id: int
    kind: str
    data: JSONObject
    needs: int | None


class MemoryShelf:
    """A shelf that ends with its session. What is handed over is gone at once."""

    def __init__(self) -> None:
        self._things: dict[int, _Kept] = {}
        self._ids = count(1)

    async def add(self, kind: str, data: JSONObject, needs: int | None = None) -> int:
        id = next(self._ids)
        self._things[id] = _Kept(id, kind, data, needs)
        return id

    async def add_all(self, kind: str, things: Iterable[Needing]) -> list[int]:
        return [await self.add(kind, data, needs) for data, needs in things]

    async def items(self, kind: str) -> Sequence[Thing]:
        return [thing for thing in self._things.values() if thing.kind == kind]

    async def put(self, kind: str, data: JSONObject | None) -> None:
        await self.remove(*[thing.id for thing in await self.items(kind)])
        if data is not None:
            await self.add(kind, data)

    async def remove(self, *ids: int) -> None:
        for id in ids:
            self._things.pop(id, None)

    def hand_over(self, id: int, message: Message) -> None:
        self._things.pop(id, None)

    def of_messages(self, number: int) -> MemoryShelf:
        """A copy of what belongs to the first `number` messages."""
        copy = MemoryShelf()
        kept = (t for t in self._things.values() if t.needs is not None and t.needs <= number)
        copy._things = {thing.id: thing for thing in kept}
        copy._ids = count(max(copy._things, default=0) + 1)
        return copy

    def forget(self, number: int) -> None:
        """Remove what needs more than `number` messages."""
        gone = [t.id for t in self._things.values() if t.needs is not None and t.needs > number]
        for id in gone:
            del self._things[id]


def shelf_of(store: ContextStore) -> Shelf:
    """The store's own, also behind wrappers; a new one in memory for a store that has none."""
    while True:
        shelf = getattr(store, "shelf", None)
        if isinstance(shelf, Shelf):
            return shelf
        inner = getattr(store, "inner", None)
        if not isinstance(inner, ContextStore):
            return MemoryShelf()
        store = inner
