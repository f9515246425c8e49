"""g: 2,000 agents at once, each three turns with a tool that waits 50 ms."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, axio_agent, consume, floor_agent
from benchmarks.turns import call

AGENTS = 2_000


async def wait(number: int) -> str:
    """Wait a little."""
    await asyncio.sleep(0.050)
    return str(number)


def cost(make: MakeAgent) -> Sample:
    turns = [[call("wait", {"number": n}, f"call_{n}")] for n in range(3)]

    async def main() -> Sample:
        agents = [make([*turns, ["Done"]], wait=wait) for _ in range(AGENTS)]
        with timed() as timer:
            await asyncio.gather(*(consume(agent) for agent in agents))
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    systems = {"axio": partial(cost, axio_agent), "floor": partial(cost, floor_agent)}
    return [Item("g 2,000 agents at once", "s CPU", systems, 1, goal=1.6, rounds=rounds)]
