"""A model that says what it is told to: the same transport for every system."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

from axio import Agent, Tool
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.types import StopReason, Usage
from benchmarks.turns import Turn

Start: TypeAlias = Callable[[], AsyncIterator[StreamEvent]]
"""Begins one run."""

USAGE = Usage(10, 5)


class Script:
    """Streams the next turn at every request, from the beginning again after the last."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = turns
        self.asked = 0

    async def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        turn = self.turns[self.asked % len(self.turns)]
        self.asked += 1
        reason = StopReason.end_turn
        for index, part in enumerate(turn):
            if isinstance(part, str):
                yield TextDelta(0, part)
                continue
            reason = StopReason.tool_use
            id, name, pieces = part
            yield ToolUseStart(index, id, name)
            for piece in pieces:
                yield ToolInputDelta(index, id, piece)
        yield IterationEnd(1, reason, USAGE)


def agent(turns: Sequence[Turn], *handlers: Callable[..., Any]) -> Agent:
    """An axio agent whose model says `turns`, with a tool for each handler."""
    tools = [Tool(name=handler.__name__, handler=handler) for handler in handlers]
    return Agent(system="", transport=Script(turns), tools=tools)


async def consume(events: AsyncIterator[StreamEvent]) -> int:
    """Look at every event of a run; how many there were."""
    count = 0
    async for _ in events:
        count += 1
    return count
