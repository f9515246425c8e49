"""The `mcp` library is there, and is what it is taken for.

A user's file `mcp.py` beside a program is found before the library, and would be run in its place:
often the program itself, again and again.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.util import find_spec

__all__ = ("require_library",)

_PACKAGES = ("mcp", "mcp_types", "httpx2")


def require_library() -> None:
    """Import nothing, and raise `ImportError` if the library is missing or hidden by a file."""
    for name in _PACKAGES:
        spec = _found(name)
        if spec is None:
            raise ImportError(f"the library {name!r} is not installed")
        if spec.submodule_search_locations is None:
            raise ImportError(
                f"the file {spec.origin} hides the library {name!r}: give it another name"
            )


def _found(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # a module that was put in its place by hand
        return None
