"""Words that every other module uses: names, identifiers, stop reasons, token counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

__all__ = ("JSONObject", "JSONValue", "StopReason", "ToolCallID", "ToolName", "Usage")

ToolName: TypeAlias = str
ToolCallID: TypeAlias = str

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"
"""Data as JSON carries it."""

JSONObject: TypeAlias = dict[str, Any]
"""A JSON object whose members are read, so that type checkers ask for no proof at each step."""


class StopReason(StrEnum):
    """Why a model's turn, or a whole run, ended."""

    end_turn = "end_turn"
    tool_use = "tool_use"
    max_tokens = "max_tokens"
    error = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, or the sum of several.

    `input_tokens` is everything the model read, cached or not; the cache counters and
    `reasoning_tokens` are shares of the two totals and never come on top of them.
    """

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


def total(usages: Sequence[Usage]) -> Usage:
    """The sum; of one, the very same object."""
    if len(usages) == 1:
        return usages[0]
    read = written = cached = cache_writes = reasoned = 0
    for usage in usages:
        read += usage.input_tokens
        written += usage.output_tokens
        cached += usage.cache_read_tokens
        cache_writes += usage.cache_write_tokens
        reasoned += usage.reasoning_tokens
    return Usage(read, written, cached, cache_writes, reasoned)
