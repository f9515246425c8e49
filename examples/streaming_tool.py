"""Output while a tool works: a handler that is an async generator."""

import asyncio
from collections.abc import AsyncIterator

from axio import Agent, MemoryContextStore, Tool, ToolResult
from axio.events import ToolOutputDelta
from axio.testing import StubTransport, make_text_response, make_tool_use_response


async def count_down(start: int) -> AsyncIterator[str]:
    """Count down to one."""
    for number in range(start, 0, -1):
        yield f"{number} "
        await asyncio.sleep(0.01)


async def main() -> None:
    transport = StubTransport(
        [
            make_tool_use_response("count_down", tool_input={"start": 3}),
            make_text_response("Lift-off."),
        ]
    )
    agent = Agent(
        system="", transport=transport, tools=[Tool(name="count_down", handler=count_down)]
    )
    async for event in agent.run_stream("Count down from 3", MemoryContextStore()):
        if isinstance(event, ToolOutputDelta):
            print(f"so far: {event.delta!r}")
        elif isinstance(event, ToolResult):
            print(f"result: {event.content!r}")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# so far: '3 '
# so far: '2 '
# so far: '1 '
# result: '3 2 1 '
