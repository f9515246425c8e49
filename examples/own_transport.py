"""A model of your own: a class with one method. It inherits nothing.

This one knows a single trick: it calls the tool `lookup` with the last word it was asked about, and
says what came back.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from axio import (
    Agent,
    MemoryContextStore,
    Message,
    StopReason,
    StreamEvent,
    TextBlock,
    TextDelta,
    Tool,
    ToolInputDelta,
    ToolResultBlock,
    ToolUseStart,
    Usage,
)
from axio.events import IterationEnd


class OneTrick:
    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        last = messages[-1].content[-1]
        if isinstance(last, ToolResultBlock):
            yield TextDelta(0, f"I looked it up: {last.content}")
            yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))
        elif isinstance(last, TextBlock):
            word = last.text.rstrip("?").split()[-1]
            yield ToolUseStart(0, "call_1", "lookup")
            yield ToolInputDelta(0, "call_1", json.dumps({"word": word}))
            yield IterationEnd(1, StopReason.tool_use, Usage(1, 1))


async def lookup(word: str) -> str:
    """Say what a word means."""
    return {"axon": "the long arm of a nerve cell"}.get(word, f"no entry for {word!r}")


async def main() -> None:
    agent = Agent(system="", transport=OneTrick(), tools=[Tool(name="lookup", handler=lookup)])
    print(await agent.run("What is an axon?", MemoryContextStore()))


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# I looked it up: the long arm of a nerve cell
