"""c: a long answer, delta by delta; the price of one must not grow with their number."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, axio_agent, consume, floor_agent
from benchmarks.turns import words

DELTAS = (1_000, 10_000, 100_000)
EVENTS = 100_000  # measured each time, in as many runs as that takes


def cost(make: MakeAgent, deltas: int) -> Sample:
    agent = make([words(deltas)])
    runs = EVENTS // deltas

    async def main() -> Sample:
        with timed(deltas * runs) as timer:
            for _ in range(runs):
                await consume(agent)
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    return [
        Item(
            f"c streaming {deltas:,} deltas",
            "µs a delta",
            {
                "axio": partial(cost, axio_agent, deltas),
                "floor": partial(cost, floor_agent, deltas),
            },
            goal=2.8,
            rounds=rounds,
        )
        for deltas in DELTAS
    ]
