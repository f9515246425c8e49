"""f: one more turn on top of a long history; its price must not depend on the length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from axio import MemoryContextStore, Message, TextBlock
from benchmarks.by_hand import turn_by_hand
from benchmarks.measure import Figure, Growth, Item, Sample, timed
from benchmarks.script import Script, Start, agent, consume
from benchmarks.turns import words

TURN = words(5)
LENGTHS = (200, 2_000, 5_000)
TURNS = 100


def axio(length: int) -> Start:
    made = agent([TURN])
    store = MemoryContextStore(
        [
            Message("assistant" if n % 2 else "user", [TextBlock(f"message {n}")])
            for n in range(length)
        ]
    )
    return lambda: made.run_stream("go", store)


def floor(length: int) -> Start:
    transport = Script([TURN])
    history: list[Any] = [
        ("assistant" if n % 2 else "user", [f"message {n}"]) for n in range(length)
    ]
    return lambda: turn_by_hand(transport, history)


def cost(system: Callable[[int], Start], length: int, turns: int = TURNS) -> Sample:
    start = system(length)

    async def main() -> Sample:
        await consume(start())  # what is already there is looked at once
        with timed(turns) as timer:
            for _ in range(turns):
                await consume(start())
        return timer.sample

    return asyncio.run(main())


def items() -> list[Item | Growth]:
    figures = [Figure("µs a turn", 1e6, goal=3)]
    short, middle, long = (
        Item(
            f"f one more turn at {length:,} messages",
            {"axio": partial(cost, axio, length), "floor": partial(cost, floor, length)},
            figures,
        )
        for length in LENGTHS
    )
    return [short, middle, long, Growth("f 5,000 messages over 200", long, short, goal=1.6)]
