"""f: one more turn on top of a long history; its price must not depend on the length."""

from __future__ import annotations

import asyncio
from functools import partial

from axio import Agent, MemoryContextStore, Message, TextBlock
from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, axio_agent, consume, floor_agent
from benchmarks.turns import words

LENGTHS = (200, 2_000, 5_000)
TURNS = 100


def cost(make: MakeAgent, length: int) -> Sample:
    agent = make([words(5)])
    history = [
        Message("assistant" if n % 2 else "user", [TextBlock(f"message {n}")])
        for n in range(length)
    ]

    async def main() -> Sample:
        stored = MemoryContextStore(history) if isinstance(agent, Agent) else list(history)
        await consume(agent, stored)  # what is already there is looked at once
        with timed(TURNS) as timer:
            for _ in range(TURNS):
                await consume(agent, stored)
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    return [
        Item(
            f"f one more turn at {length:,} messages",
            "µs a turn",
            {
                "axio": partial(cost, axio_agent, length),
                "floor": partial(cost, floor_agent, length),
            },
            goal=3,
            rounds=rounds,
        )
        for length in LENGTHS
    ]
