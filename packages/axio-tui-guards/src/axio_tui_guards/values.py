"""The single values that the arguments of a call hold, however deep they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

__all__ = ("MAX_LEAVES", "Leaf", "Unreadable", "leaves", "members")

Leaf: TypeAlias = tuple[tuple[str, ...], Any]
"""A value with the names of all that it is in."""

MAX_LEAVES = 5000
_LOOKED_INTO = 4096
"""Characters of a text that may be a path, a host or a command as a whole."""
_MAX_LOOKED_INTO = 200_000
_MAX_DEPTH = 50
_SINGLE = (str, bytes, PurePath, int, float, type(None))


class Unreadable(ValueError):
    """More than a guard looks through, or a ring."""


def leaves(value: Any, names: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """The single values in an argument, in order, bytes as the text that they are to the system.

    `Unreadable` when there is no end of them.

    The keys of a mapping are values too: a tool may take a mapping of paths to contents.
    """
    pending: list[Iterator[Leaf]] = [iter(((names, value),))]
    count = 0
    left = _MAX_LOOKED_INTO
    while pending:
        names, value = next(pending[-1], ((), pending))
        if value is pending:
            pending.pop()
        elif isinstance(value, _SINGLE) and not isinstance(value, Enum):
            count += 1
            if count > MAX_LEAVES:
                raise Unreadable(f"it holds more than {MAX_LEAVES} values")
            value = os.fsdecode(value) if isinstance(value, bytes) else value
            if isinstance(value, str) and len(value) <= _LOOKED_INTO:
                left -= len(value)
                if left < 0:
                    raise Unreadable("it holds more texts than can be looked into")
            yield names, value
        elif len(pending) > _MAX_DEPTH:
            raise Unreadable("it is nested too deeply")
        else:
            inner = _inside(names, value)
            if inner is None:
                yield names, value
            else:
                pending.append(inner)


def _inside(names: tuple[str, ...], value: Any) -> Iterator[Leaf] | None:
    if isinstance(value, Enum):  # it may be a text too, and then str() is its name
        return iter(((names, value.value),))
    if isinstance(value, Mapping):
        return _entries(names, value)
    if isinstance(value, Sequence | Set):
        return ((names, item) for item in value)
    held = members(value)
    return (((*names, name), getattr(value, name, None)) for name in held) if held else None


def _entries(names: tuple[str, ...], value: Mapping[Any, Any]) -> Iterator[Leaf]:
    for key, item in value.items():
        if names:
            yield names, key
        yield (*names, str(key)), item


def members(value: Any) -> list[str]:
    """The attributes of an object such as a dataclass or a model of another library."""
    slots = [name for kind in type(value).__mro__ for name in _slots(kind)]
    return [*getattr(value, "__dict__", ()), *slots]


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
