"""Names as the file holds them: any text of Python as UTF-8, and no two alike.

The name of a folder may have bytes that are no UTF-8, which Python shows as halves of surrogate
pairs (`surrogateescape`); SQLite's text may not. Such a character is written as a mark that is
not used else, and its number. All other text stays as it is.
"""

from __future__ import annotations

import re

__all__ = ("from_column", "to_column")

_MARK = "\U0010fffd"  # for private use, and the last character of all that may be used
_SPECIAL = re.compile(f"[\ud800-\udfff{_MARK}]")
_MARKED = re.compile(f"{_MARK}([0-9a-f]{{4}}|{_MARK})")


def to_column(name: str) -> str:
    return name if name.isascii() else _SPECIAL.sub(_to, name)


def from_column(text: str) -> str:
    return _MARKED.sub(_from, text) if _MARK in text else text


def _to(match: re.Match[str]) -> str:
    character = match[0]
    return _MARK + (_MARK if character == _MARK else f"{ord(character):04x}")


def _from(match: re.Match[str]) -> str:
    return _MARK if match[1] == _MARK else chr(int(match[1], 16))
