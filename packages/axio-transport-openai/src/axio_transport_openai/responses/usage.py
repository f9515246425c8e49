"""Token counts of a response."""

from __future__ import annotations

from typing import Any

from axio.types import Usage
from axio.wire.lenient import count

__all__ = ("usage_of",)


def usage_of(usage: Any) -> Usage:
    """`input_tokens` is all input, and what was cached a share of it."""
    read = usage if isinstance(usage, dict) else {}
    inputs, outputs = read.get("input_tokens_details"), read.get("output_tokens_details")
    return Usage(
        _count(read, "input_tokens"),
        _count(read, "output_tokens"),
        _count(inputs, "cached_tokens"),
        _count(inputs, "cache_write_tokens"),
        _count(outputs, "reasoning_tokens"),
    )


def _count(counts: Any, name: str) -> int:
    return (count(counts.get(name)) if isinstance(counts, dict) else None) or 0
