"""A list that is copied only when somebody looks closer.

A store hands out its history before every model call. Copying thousands of references each time
would make a conversation's cost grow with its length, although most readers need the length, the
last messages, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from itertools import islice
from typing import Any, SupportsIndex, TypeVar, overload

__all__ = ("Snapshot",)

T = TypeVar("T")


class Snapshot(list[T]):
    """The first `len` items of `source`, an ordinary list to everybody who uses it.

    `source` may grow at its end, but what it holds must not change: the owner replaces the whole
    list instead. Length, an item by its number and iteration read through; everything else, and
    every change, first copies.
    """

    __slots__ = ("_length", "_source")

    def __init__(self, source: list[T]) -> None:
        self._source: list[T] | None = source
        self._length = len(source)

    def _copied(self) -> Snapshot[T]:
        source = self._source
        if source is not None:
            self._source = None
            super().extend(islice(source, self._length))
        return self

    def __len__(self) -> int:
        return super().__len__() if self._source is None else self._length

    def __iter__(self) -> Iterator[T]:
        source = self._source
        return super().__iter__() if source is None else islice(source, self._length)

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: Any) -> Any:
        source = self._source
        if source is not None and isinstance(index, int):
            length = self._length
            if -length <= index < length:
                return source[index + length if index < 0 else index]
        self._copied()
        return super().__getitem__(index)

    def __radd__(self, other: list[T]) -> list[T]:
        # CPython would read this object's own, still empty storage in `list + snapshot`.
        return list.__add__(other, self._copied())

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return list, (list(self),)


def _copy_first(name: str) -> Any:
    method = getattr(list, name)

    @wraps(method)
    def call(self: Snapshot[Any], *args: Any, **kwargs: Any) -> Any:
        self._copied()
        for arg in args:
            if isinstance(arg, Snapshot):
                arg._copied()
        return method(self, *args, **kwargs)

    return call


for _name in (
    *("__add__", "__contains__", "__delitem__", "__eq__", "__ge__", "__gt__", "__iadd__"),
    *("__imul__", "__le__", "__lt__", "__mul__", "__ne__", "__repr__", "__reversed__"),
    *("__rmul__", "__setitem__", "append", "clear", "copy", "count", "extend", "index"),
    *("insert", "pop", "remove", "reverse", "sort"),
):
    setattr(Snapshot, _name, _copy_first(_name))
