"""A budget ends a run by its name, and the history it leaves is valid."""

from __future__ import annotations

import asyncio

from axio import Agent, MemoryContextStore, SessionEndEvent
from axio.budget import Budget
from axio.history import check
from axio.testing import StubTransport, make_echo_tool, make_tool_use_response


async def main() -> None:
    stuck = StubTransport([make_tool_use_response(tool_id=f"call_{n}") for n in range(100)])
    agent = Agent(system="", transport=stuck, tools=[make_echo_tool()])
    context = MemoryContextStore()
    budget = Budget(tokens=50, seconds=30, silence=10)
    async for event in agent.run_stream("Echo for ever.", context, budget=budget):
        if isinstance(event, SessionEndEvent):
            print(event.stop_reason, event.reason)
    print(f"{budget.used_requests} requests, {budget.used_tool_calls} calls")
    print(check(await context.get_history()))


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# error tokens
# 4 requests, 4 calls
# []
