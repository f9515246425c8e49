"""The costs of a run, in one line."""

from __future__ import annotations

from axio.events import SessionEndEvent
from axio.types import StopReason, Usage
from axio_tui.how_many import how_many

__all__ = ("footer",)


def footer(end: SessionEndEvent, seconds: float, calls: int = 0) -> str:
    """ "" for a run that failed before it took anything."""
    usage = end.total_usage
    if end.stop_reason is StopReason.error and usage == Usage(0, 0):
        return ""
    parts = [f"{usage.input_tokens:,} tokens in", f"{usage.output_tokens:,} out"]
    if calls:
        parts.append(how_many(calls, "call"))
    return f"-- {', '.join([*parts, f'{seconds:.1f} s'])}\n"
