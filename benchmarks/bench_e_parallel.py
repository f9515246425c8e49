"""e: 100 calls in one turn, each waiting 10 ms."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, axio_agent, consume, floor_agent
from benchmarks.turns import call

CALLS = 100
RUNS = 10


async def wait(number: int) -> str:
    """Wait a little."""
    await asyncio.sleep(0.010)
    return str(number)


def cost(make: MakeAgent) -> Sample:
    calls = [call("wait", {"number": n}, f"call_{n}") for n in range(CALLS)]
    agent = make([calls, ["Done"]], wait=wait)

    async def main() -> Sample:
        with timed(RUNS) as timer:
            for _ in range(RUNS):
                await consume(agent)
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    systems = {"axio": partial(cost, axio_agent), "floor": partial(cost, floor_agent)}
    return [
        Item("e 100 calls of 10 ms", "ms wall", systems, 1e3, by_wall=True, rounds=rounds),
        Item("e 100 calls of 10 ms", "ms CPU", systems, 1e3, goal=1.5, rounds=rounds),
    ]
