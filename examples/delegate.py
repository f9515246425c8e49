"""Agents as tools: their events, their cost and their end belong to the run that asks them."""

from __future__ import annotations

import asyncio

from axio import Agent, MemoryContextStore, TextDelta
from axio.budget import Budget
from axio.events import NestedEvent
from axio.subagents import Background, make_agent_tools
from axio.testing import StubTransport, make_text_response, make_tool_use_response

reader = Agent(system="You read long texts.", transport=StubTransport())
reads = StubTransport([make_text_response("It is about ships.")])


def asks() -> StubTransport:
    call = make_tool_use_response("reader", tool_input={"task": "Read it."})
    return StubTransport([call, make_text_response("Ships."), make_text_response("Noted.")])


async def main() -> None:
    agents = {"reader": ("Reads for you.", reader)}
    agent = Agent(system="", transport=asks(), tools=[*make_agent_tools(agents, reads)])
    budget = Budget(requests=10)
    async for event in agent.run_stream("What is it?", MemoryContextStore(), budget=budget):
        if isinstance(event, NestedEvent) and isinstance(event.event, TextDelta):
            print(f"{event.name}: {event.event.delta}")
        elif isinstance(event, TextDelta):
            print(event.delta)
    print(f"{budget.used_requests} requests")

    async with Background() as background:
        later = make_agent_tools(agents, reads, background=background)
        agent = Agent(system="", transport=asks(), tools=[*later])
        print(await agent.run("And now?", MemoryContextStore()))
        await background.join()
    print([result.text for result in background.results])


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# reader: It is about ships.
# Ships.
# 3 requests
# Ships.
# ['It is about ships.']
