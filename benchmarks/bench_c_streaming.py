"""c: a long answer, delta by delta; the price of one must not grow with their number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from axio import MemoryContextStore
from benchmarks.by_hand import turn_by_hand
from benchmarks.measure import Figure, Growth, Item, Sample, timed
from benchmarks.script import Script, Start, agent, consume
from benchmarks.turns import words

LENGTHS = (1_000, 10_000, 100_000)
DELTAS = 100_000  # measured each time, in as many runs as that takes


def axio(length: int) -> Start:
    made = agent([words(length)])
    return lambda: made.run_stream("go", MemoryContextStore())


def floor(length: int) -> Start:
    transport = Script([words(length)])
    return lambda: turn_by_hand(transport, [])


def cost(system: Callable[[int], Start], length: int, deltas: int = DELTAS) -> Sample:
    start = system(length)

    async def main() -> Sample:
        with timed(deltas) as timer:
            for _ in range(deltas // length):
                await consume(start())
        return timer.sample

    return asyncio.run(main())


def items() -> list[Item | Growth]:
    figures = [Figure("µs a delta", 1e6, goal=2.8)]
    short, middle, long = (
        Item(
            f"c streaming {length:,} deltas",
            {"axio": partial(cost, axio, length), "floor": partial(cost, floor, length)},
            figures,
        )
        for length in LENGTHS
    )
    return [short, middle, long, Growth("c 100,000 deltas over 1,000", long, short, goal=1.2)]
