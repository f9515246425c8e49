"""An answer of a type instead of text; a wrong one goes back to the model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from axio import Agent, MemoryContextStore, ToolResultBlock
from axio.testing import StubTransport, make_tool_use_response


@dataclass
class Weather:
    city: str
    celsius: float
    windy: bool = False


# Stands for a model that is wrong at first.
model = StubTransport(
    [
        make_tool_use_response("final_answer", "a", {"city": "Oslo", "celsius": "cold"}),
        make_tool_use_response("final_answer", "b", {"city": "Oslo", "celsius": -3.5}),
    ]
)


async def main() -> None:
    agent = Agent(system="You know the weather.", transport=model)
    context = MemoryContextStore()
    weather = await agent.run("How is Oslo?", context, output=Weather)
    print(weather)
    result = (await context.get_history())[2].content[0]
    assert isinstance(result, ToolResultBlock)
    print(result.content)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# Weather(city='Oslo', celsius=-3.5, windy=False)
# Field 'answer.celsius' requires float, got str
