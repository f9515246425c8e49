"""A model that says what it is told to: the same transport for every system."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

from axio import Agent, MemoryContextStore, Tool
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.types import StopReason, Usage
from benchmarks.floor import FloorAgent
from benchmarks.turns import Turn

MakeAgent: TypeAlias = Callable[..., Agent | FloorAgent]
"""`axio_agent` or `floor_agent`: turns, and tools by name."""

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


async def add(a: int, b: str) -> str:
    """Add."""
    return b


def axio_agent(turns: Sequence[Turn], **tools: Any) -> Agent:
    made = [Tool(name=name, handler=handler) for name, handler in tools.items()]
    return Agent(system="", transport=Script(turns), tools=made)


def floor_agent(turns: Sequence[Turn], **tools: Any) -> FloorAgent:
    """The argument checks of the floor are made from plain annotations."""
    kinds = {"int": int, "str": str, "float": float}
    checked = {
        name: (
            handler,
            tuple(
                (key, kinds[kind])
                for key, kind in handler.__annotations__.items()
                if key != "return"
            ),
        )
        for name, handler in tools.items()
    }
    return FloorAgent(Script(turns), checked)


async def consume(agent: Agent | FloorAgent, history: Any = None) -> int:
    """One run, every event looked at; how many there were."""
    if history is None:
        history = MemoryContextStore() if isinstance(agent, Agent) else []
    count = 0
    async for _ in agent.run_stream("go", history):
        count += 1
    return count
