"""Names in the alphabet that providers accept: letters, digits, underscore, hyphen. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("accepted", "own_names")

_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")


@lru_cache(4096)
def accepted(name: str, length: int = 64) -> str:
    """`name` if it has only accepted characters and at most `length` of them (10 or more).

    Otherwise a name like it, always the same for the same name, and different for different ones.
    """
    readable = _REFUSED.sub("_", name)
    if name and readable == name and len(name) <= length:
        return name
    mark = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable[: length - 9]}_{mark}"


def own_names(tools: Iterable[AnyTool]) -> dict[str, str]:
    """The way back from names that had to be changed to the tools' own."""
    return {name: tool.name for tool in tools if (name := accepted(tool.name)) != tool.name}
