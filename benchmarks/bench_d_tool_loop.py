"""d: ten turns with one call each, then a text."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, add, axio_agent, consume, floor_agent
from benchmarks.turns import call

ITERATIONS = 10
RUNS = 300


def cost(make: MakeAgent) -> Sample:
    turns = [[call("add", {"a": n, "b": "text"}, f"call_{n}")] for n in range(ITERATIONS)]
    agent = make([*turns, ["Done"]], add=add)

    async def main() -> Sample:
        with timed(RUNS * ITERATIONS) as timer:
            for _ in range(RUNS):
                await consume(agent)
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    systems = {"axio": partial(cost, axio_agent), "floor": partial(cost, floor_agent)}
    return [Item("d tool loop", "µs an iteration", systems, goal=2, rounds=rounds)]
