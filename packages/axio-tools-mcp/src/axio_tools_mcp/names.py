"""Names of tools that every provider takes, the same in every process. Pure.

A name begins with a letter or an underscore, goes on with letters, digits, underscores and hyphens,
and has at most 64 characters: the part that all providers have in common. It is made of the names
of server and tool alone, so it does not depend on what else there is.
"""

from __future__ import annotations

import re
from hashlib import sha256

__all__ = ("LONGEST", "tool_name")

LONGEST = 64

_MARK = 6  # hexadecimal digits
_REFUSED = re.compile(r"[^A-Za-z0-9_-]")
# The first "__" of such a name is the one between server and tool: no other pair has it.
_PLAIN_SERVER = re.compile(r"(?!.*__)[A-Za-z_][A-Za-z0-9_-]*(?<!_)")


def tool_name(server: str, tool: str) -> str:
    """`<server>__<tool>` where that is a name that no other pair has, else one like it with a mark
    at its end."""
    wanted = f"{server}__{tool}"
    readable = _REFUSED.sub("_", wanted)
    if readable == wanted and len(wanted) <= LONGEST and _PLAIN_SERVER.fullmatch(server):
        return wanted
    if not re.match("[A-Za-z_]", readable):
        readable = f"_{readable}"
    whole = f"{len(server)}:{wanted}".encode("utf-8", "surrogatepass")
    return f"{readable[: LONGEST - _MARK - 1]}_{sha256(whole).hexdigest()[:_MARK]}"
