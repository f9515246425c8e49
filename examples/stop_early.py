"""Stopping a run from elsewhere. What it leaves can be sent to any provider."""

import asyncio

from axio import Agent, MemoryContextStore, Tool, ToolUseStart
from axio.events import SessionEndEvent
from axio.history import check
from axio.testing import StubTransport, make_tool_use_response


async def sleep(seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "awake"


async def main() -> None:
    transport = StubTransport([make_tool_use_response("sleep", tool_input={"seconds": 3600})])
    agent = Agent(system="", transport=transport, tools=[Tool(name="sleep", handler=sleep)])
    context = MemoryContextStore()
    stream = agent.run_stream("Sleep for an hour", context)
    async for event in stream:
        if isinstance(event, ToolUseStart):
            asyncio.get_running_loop().call_later(0.1, stream.cancel)
        elif isinstance(event, SessionEndEvent):
            print(f"ended: {event.reason}")

    history = await context.get_history()
    for message in history:
        print(message.role, *(type(block).__name__ for block in message.content))
    print("problems:", check(history))


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# ended: cancelled
# user TextBlock
# assistant ToolUseBlock
# user ToolResultBlock
# problems: []
