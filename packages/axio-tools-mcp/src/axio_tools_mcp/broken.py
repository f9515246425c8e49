"""Lines of a server that no parser takes: made readable where they can be, else answered. Pure.

An answer that cannot be read would leave its request waiting until the limit of silence, although
the server has said all that it will.
"""

from __future__ import annotations

import re

__all__ = ("answered", "without_lone_surrogates")

_ESCAPE = re.compile(
    r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_ANSWER = re.compile(r'"(?:result|error)"\s*:')
_ID = re.compile(r'"id"\s*:\s*(\d{1,18})(?=\s*[,}])')
_TAIL = 200  # characters at the end, where some servers have the id


def without_lone_surrogates(text: str) -> str:
    """The JSON with U+FFFD for halves of characters, which servers make that cut texts by length in
    UTF-16."""
    return _ESCAPE.sub(lambda found: "\\ufffd" if found[2] else found[0], text)


def answered(line: str) -> int | None:
    """The id of the request that a broken line was meant to answer; None if it was no answer."""
    line = line.strip()
    found = _ANSWER.search(line)
    if not line.startswith(("{", "[")) or '"jsonrpc"' not in line or found is None:
        return None
    where = _ID.search(line, 0, found.start()) or _ID.search(line, max(len(line) - _TAIL, 0))
    return None if where is None else int(where[1])
