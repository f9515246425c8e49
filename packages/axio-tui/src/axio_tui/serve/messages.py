"""The messages of the page: JSON lists of a name and a value. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ("LIMIT", "Malformed", "Ping", "Size", "Typed", "message_in", "size_in")

LIMIT = 4 * 2**20
"""Bytes that a message may have: a large paste is one message."""

_MOST = (1000, 500)  # columns and lines: larger than any screen, small for memory


class Malformed(ValueError):
    """The page does not send this."""


@dataclass(frozen=True, slots=True)
class Typed:
    """Keys, clicks and pastes, as a terminal sends them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Size:
    columns: int = 80
    lines: int = 24


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with a pong of the same word."""

    word: str


def message_in(text: str) -> Typed | Size | Ping | None:
    """The message; None for one that asks for nothing. Raises `Malformed`."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("no JSON") from None
    match message:
        case ["stdin", str(typed)]:
            return Typed(
                typed.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
            )
        case ["resize", {"width": int(columns), "height": int(lines)}]:
            if isinstance(columns, bool) or isinstance(lines, bool):
                raise Malformed("no size")
            return _checked(columns, lines)
        case ["ping", str(word)] if len(word) <= 40:
            return Ping(word)
        case ["focus" | "blur"]:  # the terminal in the page tells it with the keys
            return None
    raise Malformed("no message that is known")


def size_in(query: Mapping[str, str]) -> Size:
    """The size with which a page begins; the usual one if it does not know its own."""
    try:
        return _checked(int(query["width"]), int(query["height"]))
    except (KeyError, ValueError):
        return Size()


def _checked(columns: int, lines: int) -> Size:
    if not (1 <= columns <= _MOST[0] and 1 <= lines <= _MOST[1]):
        raise Malformed("no size of a terminal")
    return Size(columns, lines)
