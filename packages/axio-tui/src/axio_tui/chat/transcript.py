"""A list of entries that knows what has changed in it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import eq

from axio_tui.chat.entries import Entry

__all__ = ("Transcript",)


class Transcript:
    """`entries`, from top to bottom, and the indexes of those that have `changed`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.changed: set[int] = set()

    def put(self, start: int, entries: Sequence[Entry]) -> None:
        """Make `entries` all that there is from `start` on."""
        self._replace(start, entries, _is_same)

    def settle(self, start: int, entries: Sequence[Entry]) -> None:
        """As `put`, but an equal entry that is there already stays: it knows its time as well."""
        self._replace(start, entries, eq)

    def _replace(
        self, start: int, entries: Sequence[Entry], same: Callable[[Entry, Entry], bool]
    ) -> None:
        known, changed = self.entries, self.changed
        for index, new in enumerate(entries, start):
            if index == len(known):
                known.append(new)
            elif same(known[index], new):
                continue
            else:
                known[index] = new
            changed.add(index)
        end = start + len(entries)
        if end < len(known):
            changed.update(range(end, len(known)))
            del known[end:]

    def change(self, index: int, entry: Entry) -> None:
        self.entries[index] = entry
        self.changed.add(index)

    def add(self, entry: Entry) -> None:
        self.changed.add(len(self.entries))
        self.entries.append(entry)

    def take_changed(self) -> set[int]:
        changed, self.changed = self.changed, set()
        return changed


def _is_same(one: Entry, other: Entry) -> bool:
    """True if they are alike also in what no transcript is told apart by."""
    return type(one) is type(other) and all(
        getattr(one, field.name) == getattr(other, field.name) for field in fields(one)
    )
