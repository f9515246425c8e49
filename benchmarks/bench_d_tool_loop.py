"""d: ten turns with one call each, then a text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from axio import MemoryContextStore
from benchmarks.by_hand import loop_by_hand
from benchmarks.measure import Figure, Item, Sample, timed
from benchmarks.script import Script, Start, agent, consume
from benchmarks.turns import Turn, call

ITERATIONS = 10
TURNS: list[Turn] = [
    *([call("add", {"a": n, "b": "text"}, f"call_{n}")] for n in range(ITERATIONS)),
    ["Done"],
]
RUNS = 300


async def add(a: int, b: str) -> str:
    """Add."""
    return b


def axio() -> Start:
    made = agent(TURNS, add)
    return lambda: made.run_stream("go", MemoryContextStore())


def floor() -> Start:
    transport = Script(TURNS)
    tools = {"add": (add, (("a", int), ("b", str)))}
    return lambda: loop_by_hand(transport, tools, [])


def cost(system: Callable[[], Start], runs: int = RUNS) -> Sample:
    start = system()

    async def main() -> Sample:
        await consume(start())
        with timed(runs * ITERATIONS) as timer:
            for _ in range(runs):
                await consume(start())
        return timer.sample

    return asyncio.run(main())


def items() -> list[Item]:
    systems = {"axio": partial(cost, axio), "floor": partial(cost, floor)}
    return [Item("d tool loop", systems, [Figure("µs an iteration", 1e6, goal=2)])]
