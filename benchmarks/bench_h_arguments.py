"""h: a call with a megabyte of arguments in pieces of 20 bytes; linear in their length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from axio import MemoryContextStore
from benchmarks.by_hand import loop_by_hand
from benchmarks.measure import Figure, Growth, Item, Sample, timed
from benchmarks.script import Script, Start, agent, consume
from benchmarks.turns import Turn, call

SIZES = (250_000, 1_000_000)
PIECE = 20


async def keep(text: str) -> str:
    """Keep a text."""
    return str(len(text))


def turns(size: int) -> list[Turn]:
    return [[call("keep", {"text": "lorem " * (size // 6)}, piece=PIECE)], ["Done"]]


def axio(size: int) -> Start:
    made = agent(turns(size), keep)
    return lambda: made.run_stream("go", MemoryContextStore())


def floor(size: int) -> Start:
    transport = Script(turns(size))
    tools = {"keep": (keep, (("text", str),))}
    return lambda: loop_by_hand(transport, tools, [])


def cost(system: Callable[[int], Start], size: int, runs: int = 3) -> Sample:
    start = system(size)

    async def main() -> Sample:
        with timed(runs) as timer:
            for _ in range(runs):
                await consume(start())
        return timer.sample

    return asyncio.run(main())


def items() -> list[Item | Growth]:
    figures = [Figure("ms CPU", 1e3, goal=1.3)]
    small, large = (
        Item(
            f"h {size // 1000:,} KB of arguments",
            {"axio": partial(cost, axio, size), "floor": partial(cost, floor, size)},
            figures,
        )
        for size in SIZES
    )
    return [small, large, Growth("h 1,000 KB over 250 KB", large, small, goal=4.3)]
