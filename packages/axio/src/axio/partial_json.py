"""What a JSON text says so far, before its end has come."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ("parse_partial",)

_TOKEN = re.compile(
    r'\s+|[{}\[\],:]|"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*\\?$|[^\s{}\[\],:"]+', re.DOTALL
)
# Characters and whole escapes. Half of a surrogate pair waits for the other half.
_WHOLE = re.compile(
    r'"(?:[^"\\]|\\["\\/bfnrt]'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?=[^\\]|\\[^u]))"
    r"|\\u(?![dD][89abAB])[0-9a-fA-F]{4})*"
)
_CLOSERS = {"{": "}", "[": "]"}


def parse_partial(text: str) -> Any:
    """The value of the longest beginning of `text` that can be completed; None if there is none.

    A string that is still growing is given as far as it has come; a number or word at the very end
    may go on and is left out, as is a key without its value. Linear in `text`.
    """
    closers: list[str] = []
    good, good_closers = 0, ""
    is_key = False
    for token in _TOKEN.finditer(text):
        found = token.group()
        if found.isspace():
            continue
        if found in _CLOSERS:
            closers.append(_CLOSERS[found])
            is_key = found == "{"
        elif found in ("}", "]"):
            if not closers or closers.pop() != found:
                break
            is_key = False
        elif found == ",":
            is_key = bool(closers) and closers[-1] == "}"
            continue
        elif found == ":":
            is_key = False
            continue
        elif is_key:
            continue
        elif found[0] == '"':
            if len(found) == 1 or found[-1] != '"' or _ends_in_escape(found):
                return _loads(text[: token.start()] + _closed(found) + "".join(reversed(closers)))
        elif token.end() == len(text) and closers:
            break
        good, good_closers = token.end(), "".join(reversed(closers))
        if not closers:
            break
    return _loads(text[:good] + good_closers)


def _ends_in_escape(string: str) -> bool:
    """Whether the final quote of an unfinished string is itself escaped."""
    slashes = len(string) - 1 - len(string[:-1].rstrip("\\"))
    return slashes % 2 == 1


def _closed(string: str) -> str:
    """An unfinished string up to the escape it breaks off in, and with its end."""
    whole = _WHOLE.match(string)
    return (whole.group() if whole else '"') + '"'


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
