"""Token counts of an answer, from the names that the servers have for them."""

from __future__ import annotations

from typing import Any

from axio.types import Usage
from axio.wire.lenient import count

__all__ = ("Counts",)

_KINDS = {
    "input_tokens": 0,
    "prompt_tokens": 0,
    "output_tokens": 1,
    "completion_tokens": 1,
    "cache_read_input_tokens": 2,  # Databricks
    "prompt_cache_hit_tokens": 2,  # DeepSeek
    "cached_tokens": 2,  # in the details; beside them at Together and Moonshot
    "cache_creation_input_tokens": 3,  # Databricks
    "cache_write_tokens": 3,  # OpenRouter
    "reasoning_tokens": 4,
}
"""Where a count stands in `Usage`. Of two names for one the later is believed."""


class Counts:
    """The last count of each kind. Servers that report while they stream count up, so nothing is
    added; a zero takes nothing back."""

    __slots__ = ("_counts",)

    def __init__(self, usage: Any = None) -> None:
        self._counts = [0, 0, 0, 0, 0]
        if usage:
            self.update(usage)

    def update(self, usage: Any) -> None:
        """Take over what a `usage` object says, to which the details in it only add; anything else
        says nothing."""
        if isinstance(usage, dict):
            parts = [*(part for part in usage.values() if isinstance(part, dict)), usage]
            told = {name: value for part in parts for name, value in part.items() if value}
            for name, kind in _KINDS.items():
                if name in told and (number := count(told[name])):
                    self._counts[kind] = number

    @property
    def output(self) -> int:
        return self._counts[1]

    def usage(self) -> Usage:
        return Usage(*self._counts)
