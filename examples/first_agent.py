"""A tool, an agent, and a real model on this machine: no key, no network.

The model is small: it chooses the tool and copies the name out of the request, because the tool
brings examples of both.
"""

import asyncio

from axio import Agent, MemoryContextStore, Tool, ToolResult
from axio_transport_local import LocalTransport


async def greet(name: str) -> str:
    """Return a greeting for the given name."""
    return f"Hello, {name}!"


greet_tool = Tool(
    name="greet",
    handler=greet,
    examples=(
        ("Please greet Bob", {"name": "Bob"}),
        ("Say hello to Martha", {"name": "Martha"}),
        ("Can you greet my friend Paul?", {"name": "Paul"}),
        ("Greet Zoe", {"name": "Zoe"}),
    ),
)


async def main() -> None:
    agent = Agent(system="", transport=LocalTransport(), tools=[greet_tool])
    async for event in agent.run_stream("Please greet Alice", MemoryContextStore()):
        if isinstance(event, ToolResult):
            print(f"{event.name}({event.input}) → {event.content}")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# greet({'name': 'Alice'}) → Hello, Alice!
