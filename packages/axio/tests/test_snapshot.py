"""A snapshot is a list in every way that code can use one, however its source goes on growing."""

from __future__ import annotations

import copy
import json
import operator
import pickle
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from axio.snapshot import Snapshot

USES: dict[str, Callable[[Any], Any]] = {
    "len": len,
    "bool": bool,
    "iterate": lambda x: [item + 1 for item in x],
    "list": list,
    "tuple": tuple,
    "unpack": lambda x: [*x],
    "arguments": lambda x: (lambda *a: a)(*x),
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
    "slice": lambda x: x[1:],
    "whole slice": lambda x: x[:],
    "reversed": lambda x: list(reversed(x)),
    "contains": lambda x: (2 in x, 9 in x),
    "equal": lambda x: (x == [1, 2, 3], operator.eq([1, 2, 3], x), x != [1, 2], x == [1]),
    "order": lambda x: (x < [2], operator.gt([2], x), x <= [1, 2, 3], x >= [9]),
    "repr": repr,
    "add": lambda x: x + [4],  # noqa: RUF005
    "added to": lambda x: [0] + x,  # noqa: RUF005
    "multiply": lambda x: (x * 2, 2 * x),
    "index and count": lambda x: (x.index(2), x.count(3)),
    "copy": lambda x: (x.copy(), copy.copy(x), copy.deepcopy(x)),
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "json": json.dumps,
    "sorted": lambda x: sorted(x, reverse=True),
    "zip": lambda x: list(zip(x, x, strict=True)),
    "deque": deque,
    "extend": lambda x: _into(x, lambda other: other.extend(x)),
    "put into": lambda x: _into(x, lambda other: other.__setitem__(slice(0, 0), x)),
    "add in place": lambda x: _into(x, lambda other: other.__iadd__(x)),
    "append": lambda x: _changed(x, lambda: x.append(7)),
    "insert": lambda x: _changed(x, lambda: x.insert(0, 7)),
    "pop": lambda x: _changed(x, x.pop),
    "remove": lambda x: _changed(x, lambda: x.remove(1)),
    "clear": lambda x: _changed(x, x.clear),
    "reverse": lambda x: _changed(x, x.reverse),
    "sort": lambda x: _changed(x, lambda: x.sort(reverse=True)),
    "set": lambda x: _changed(x, lambda: x.__setitem__(0, 7)),
    "delete": lambda x: _changed(x, lambda: x.__delitem__(0)),
    "grow in place": lambda x: _changed(x, lambda: x.__iadd__([7])),
    "is a list": lambda x: isinstance(x, list),
}


def _into(x: Any, use: Callable[[list[Any]], Any]) -> list[Any]:
    other = [0]
    use(other)
    return other


def _changed(x: Any, change: Callable[[], Any]) -> Any:
    change()
    return list(x)


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_any_use_sees_the_list_as_it_was(use: Callable[[Any], Any]) -> None:
    source = [1, 2, 3]
    snapshot = Snapshot(source)
    source.append(4)
    assert use(snapshot) == use([1, 2, 3])
    assert source == [1, 2, 3, 4], "the source was changed"


def test_two_snapshots_can_be_added_and_compared() -> None:
    assert Snapshot([1]) + Snapshot([2]) == [1, 2]
    assert Snapshot([1]) == Snapshot([1])


def test_an_index_outside_raises_as_for_a_list() -> None:
    source = [1, 2]
    snapshot = Snapshot(source)
    source.append(3)
    for index in (2, -3):
        with pytest.raises(IndexError):
            snapshot[index]


def test_a_match_statement_takes_it_apart() -> None:
    match Snapshot([1, 2, 3]):
        case [first, *rest]:
            assert (first, rest) == (1, [2, 3])
        case _:
            pytest.fail("a snapshot is a sequence")
