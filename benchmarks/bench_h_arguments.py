"""h: a call with a megabyte of arguments in pieces of 20 bytes; linear in their length."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks.measure import Item, Sample, timed
from benchmarks.script import MakeAgent, axio_agent, consume, floor_agent
from benchmarks.turns import call

SIZES = (250_000, 1_000_000)


async def keep(text: str) -> str:
    """Keep a text."""
    return str(len(text))


def cost(make: MakeAgent, size: int) -> Sample:
    agent = make([[call("keep", {"text": "lorem " * (size // 6)}, piece=20)], ["Done"]], keep=keep)

    async def main() -> Sample:
        with timed() as timer:
            await consume(agent)
        return timer.sample

    return asyncio.run(main())


def items(rounds: int) -> list[Item]:
    return [
        Item(
            f"h {size // 1000} KB of arguments",
            "ms CPU",
            {
                "axio": partial(cost, axio_agent, size),
                "floor": partial(cost, floor_agent, size),
            },
            scale=1e3,
            goal=1.3,
            rounds=rounds,
        )
        for size in SIZES
    ]
