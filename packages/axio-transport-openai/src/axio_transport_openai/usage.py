"""Token counts of an answer, from the names that the servers have for them."""

from __future__ import annotations

from typing import Any

from axio.types import Usage
from axio.wire.lenient import count

__all__ = ("Counts",)

# Each tuple: where a count may be, the first that is there counts. A path goes into objects.
_INPUT = (("prompt_tokens",), ("input_tokens",))
_OUTPUT = (("completion_tokens",), ("output_tokens",))
_CACHE_READ = (
    ("prompt_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),  # DeepSeek
    ("cached_tokens",),  # Together, Moonshot
    ("cache_read_input_tokens",),  # Databricks
)
_CACHE_WRITE = (
    ("prompt_tokens_details", "cache_write_tokens"),  # OpenRouter
    ("cache_creation_input_tokens",),  # Databricks
)
_REASONING = (("completion_tokens_details", "reasoning_tokens"), ("reasoning_tokens",))
_PATHS = (_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE, _REASONING)


class Counts:
    """The last count of each kind. Servers that report while they stream count up, so nothing is
    added; a zero takes nothing back."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = [0, 0, 0, 0, 0]

    def update(self, usage: Any) -> None:
        """Take over what a `usage` object says; anything else says nothing."""
        if isinstance(usage, dict):
            for kind, paths in enumerate(_PATHS):
                told = next((n for path in paths if (n := _count(usage, path)) is not None), None)
                if told:
                    self._counts[kind] = told

    @property
    def output(self) -> int:
        return self._counts[1]

    def usage(self) -> Usage:
        return Usage(*self._counts)


def _count(usage: Any, path: tuple[str, ...]) -> int | None:
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    return count(usage)
