"""The items of an answer and what of each was told, so that the last word adds only the rest.

An item has an id and a place in the answer. Some servers leave one or both out, give an item a new
id with every event, or count all items at place 0. So the id decides; then the place, if the item
there is of the same kind and not over; then the order. In the list at the very end places may have
shifted: there a message of another text is another message, and a place that several items had says
nothing. Pure.
"""

from __future__ import annotations

from collections import deque

__all__ = ("Item", "Items")


class Item:
    """A message, some reasoning, or the work of a tool on the provider's side."""

    __slots__ = ("announced", "done", "id", "kind", "listed", "loose", "part", "told")

    def __init__(self, kind: str, id: str, place: int | None) -> None:
        self.kind = kind
        self.id = id
        self.loose = not id and place is None
        """Its pieces had no address, or several: they may be of several items."""
        self.told: list[str] = []
        """Pieces of its text that were handed out."""
        self.part: object = None
        """The part of a summary that was told last."""
        self.announced = False
        self.done = False
        """It ended, and what had to be kept of it is kept."""
        self.listed = False
        """It was found in the list at the end."""

    @property
    def text(self) -> str:
        if len(self.told) > 1:
            self.told[:] = ["".join(self.told)]
        return self.told[0] if self.told else ""


class Items:
    """The items of one answer."""

    def __init__(self) -> None:
        self.all: list[Item] = []
        self._ids: dict[str, Item] = {}
        self._at: dict[int, Item] = {}
        self._shared: set[int] = set()  # places of several items, which say nothing at the end
        self._last: dict[str, Item] = {}  # by kind
        self._waiting: dict[str, deque[Item]] = {}  # by kind: those not listed yet, in order

    def announced(self, kind: str, id: str, place: int | None) -> Item:
        """An item begins here."""
        item = self._ids.get(id)
        if item is None or item.kind != kind:
            item = self._at.get(place) if place is not None else None
        if item is None or item.kind != kind or item.announced or item.done:
            item = self._new(kind, id, place)
        item.announced = True
        return item

    def of(self, kind: str, id: str, place: int | None) -> Item:
        """The item that a piece belongs to."""
        item = self._ids.get(id)
        if item is not None and item.kind == kind:
            return item
        if place is not None:
            item = self._at.get(place)
            if item is not None and item.kind == kind and not (id and item.done):
                item.loose = item.loose or bool(id and item.id)
                return item
        elif not id:
            item = self._last.get(kind)
            if item is not None and not item.done:
                return item
        return self._new(kind, id, place)

    def ended(self, kind: str, id: str, place: int | None, text: str) -> Item:
        """The item that is over, with all its text. `done` tells whether that was known."""
        item = self._ids.get(id)
        if item is not None and item.kind == kind:
            return item
        item = self._at.get(place) if place is not None else self._last.get(kind)
        is_open = item is not None and item.kind == kind and not item.done
        if item and is_open and (not (id and item.id) or text.startswith(item.text)):
            return item
        item = self._last.get(kind)
        if item is not None and not item.done and item.loose and text.startswith(item.text):
            return item
        return self._new(kind, id, place)

    def listed(self, kind: str, id: str, place: int, text: str) -> Item:
        """The item that stands at this place of the list at the end, with all its text."""
        item = self._ids.get(id)
        if item is None or item.kind != kind or item.listed:
            item = self._at.get(place) if place not in self._shared else None
            if item is None or not self._may_be(item, kind, text):
                item = self._next(kind, text) or self._new(kind, id, place)
        told = item.text
        if item.loose and len(told) > len(text) and told.startswith(text):
            # What is not of this item is of the next.
            item.told = [told[len(text) :]]
            item = self._new(kind, id, place)
            item.told = [text]
        item.listed = True
        return item

    def _may_be(self, item: Item, kind: str, text: str) -> bool:
        if item.kind != kind or item.listed:
            return False
        if kind != "message":
            return True  # reasoning may be told in other words than it is listed
        told = item.text
        if text.startswith(told) or text.strip() == told.strip():
            return True
        return item.loose and told.startswith(text)

    def _next(self, kind: str, text: str) -> Item | None:
        """The first item of a kind that was told and is not listed yet, if it has this text."""
        waiting = self._waiting.get(kind, deque())
        while waiting and waiting[0].listed:
            waiting.popleft()
        return waiting[0] if waiting and self._may_be(waiting[0], kind, text) else None

    def _new(self, kind: str, id: str, place: int | None) -> Item:
        item = self._last[kind] = Item(kind, id, place)
        self.all.append(item)
        self._waiting.setdefault(kind, deque()).append(item)
        if id:
            self._ids[id] = item
        if place is not None:
            if place in self._at:
                self._shared.add(place)
            self._at[place] = item
        return item
