"""A number of things, in words."""

from __future__ import annotations

__all__ = ("how_many",)


def how_many(count: int, thing: str) -> str:
    """As in "1 tool" and "1,200 tools"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
