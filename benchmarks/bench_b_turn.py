"""b: one short turn of text."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, axio_agent, consume, floor_agent
from benchmarks.turns import words

RUNS = 2_000
DELTAS = 5


def cost(make: MakeAgent) -> Sample:
    agent = make([words(DELTAS)])

    async def main() -> Sample:
        with timed(RUNS) as timer:
            for _ in range(RUNS):
                await consume(agent)
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    systems = {"axio": partial(cost, axio_agent), "floor": partial(cost, floor_agent)}
    return [Item("b one turn of 5 deltas", "µs a run", systems, goal=1.8, rounds=rounds)]
