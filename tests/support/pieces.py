"""Texts in pieces, as servers send them that count in UTF-16: also between the halves of a pair."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise


def cut(text: str, at: Iterable[int]) -> list[str]:
    """`text` cut at these places, which are taken modulo its length; no piece is empty."""
    units = text.encode("utf-16-le", "surrogatepass")
    length = len(units) // 2
    edges = sorted({0, length, *(place % (length + 1) for place in at)})
    return [units[2 * a : 2 * b].decode("utf-16-le", "surrogatepass") for a, b in pairwise(edges)]
