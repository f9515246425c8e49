"""Encoded messages, kept so that a long history costs a request only what is new in it. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ("Memory",)

T = TypeVar("T")

MAX_BYTES = 16 << 20


class Memory(Generic[T]):
    """Values by the `id` of what they were made of, in two generations: when the young one holds
    `max_bytes`, what was not put in again since the last time is dropped.

    An id may be another object's by now, so that a value has to show what it was made of. A copy
    is a new and empty memory: other objects have other ids.
    """

    __slots__ = ("_max_bytes", "_old", "_size", "young")

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.young: dict[int, T] = {}
        self._old: dict[int, T] = {}
        self._max_bytes = max_bytes
        self._size = 0

    def __reduce__(self) -> tuple[type[Memory[T]], tuple[int]]:
        return type(self), (self._max_bytes,)

    def get(self, key: int) -> T | None:
        """The remembered value, of either generation; `put` it again so that it stays young."""
        return self.young.get(key) or self._old.get(key)

    def put(self, key: int, value: T, size: int) -> None:
        """Remember `value`, which takes `size` bytes."""
        if self.young.get(key) is value:
            return
        size += 400  # about what the entry itself takes
        if self._size + size > self._max_bytes:
            self._old, self.young, self._size = self.young, {}, 0
        self.young[key] = value
        self._size += size
