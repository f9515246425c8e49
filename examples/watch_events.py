"""Every event of a run, in the order in which it happens. The model is a script."""

import asyncio

from axio import Agent, MemoryContextStore, Tool
from axio.testing import StubTransport, make_text_response, make_tool_use_response


async def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


async def main() -> None:
    transport = StubTransport(
        [
            make_tool_use_response("add", tool_input={"a": 2, "b": 3}),
            make_text_response("It is 5."),
        ]
    )
    agent = Agent(system="", transport=transport, tools=[Tool(name="add", handler=add)])
    async for event in agent.run_stream("What is 2 + 3?", MemoryContextStore()):
        print(type(event).__name__)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# ToolUseStart
# ToolInputDelta
# IterationEnd
# ToolResult
# TextDelta
# IterationEnd
# SessionEndEvent
