"""b: one short turn of text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from axio import MemoryContextStore
from benchmarks.by_hand import turn_by_hand
from benchmarks.measure import Figure, Item, Sample, timed
from benchmarks.script import Script, Start, agent, consume
from benchmarks.turns import words

TURN = words(5)
RUNS = 2_000


def axio() -> Start:
    made = agent([TURN])
    return lambda: made.run_stream("go", MemoryContextStore())


def floor() -> Start:
    transport = Script([TURN])
    return lambda: turn_by_hand(transport, [])


def cost(system: Callable[[], Start], runs: int = RUNS) -> Sample:
    start = system()

    async def main() -> Sample:
        await consume(start())
        with timed(runs) as timer:
            for _ in range(runs):
                await consume(start())
        return timer.sample

    return asyncio.run(main())


def items() -> list[Item]:
    systems = {"axio": partial(cost, axio), "floor": partial(cost, floor)}
    return [Item("b one turn of text", systems, [Figure("µs a run", 1e6, goal=1.8)])]
