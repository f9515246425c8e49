"""The work that every framework does, as a program inside its environment.

    python -m benchmarks.peers.work SYSTEM ITEM     # prints seconds of CPU and wall for one unit

A `System` has `agent(turns, tools)` (an agent whose model says `turns` over and over; with `tools`
it may call `add`), `history(length)` (a conversation that holds so many messages) and
`async run(agent, history)` (one run through the framework's own streaming interface, every event
looked at, the history grown by it).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import timed
from benchmarks.turns import Turn, call, words


@dataclass(frozen=True)
class Work:
    """`runs` runs of `units` units each, on a history of `length` messages."""

    title: str
    unit: str
    turns: Sequence[Turn]
    runs: int
    units: int = 1
    length: int = 0
    tools: bool = False


WORK = {
    "b": Work("b one turn of 5 deltas", "µs a run", [words(5)], runs=200),
    "c": Work("c streaming 10,000 deltas", "µs a delta", [words(10_000)], runs=1, units=10_000),
    "d": Work(
        "d tool loop",
        "µs an iteration",
        [*([call("add", {"a": n, "b": "text"}, f"call_{n}")] for n in range(10)), ["Done"]],
        runs=20,
        units=10,
        tools=True,
    ),
    "f": Work("f one more turn at 2,000 messages", "µs a turn", [words(5)], runs=5, length=2_000),
}


async def measure(system: Any, work: Work) -> dict[str, float]:
    agent = system.agent(work.turns, work.tools)
    history = system.history(work.length)
    await system.run(agent, history)  # warm-up
    with timed(work.runs * work.units) as timer:
        for _ in range(work.runs):
            await system.run(agent, history if work.length else system.history(0))
    return {"cpu": timer.sample.cpu, "wall": timer.sample.wall}


if __name__ == "__main__":
    name, item = sys.argv[1:]
    chosen = importlib.import_module(f"benchmarks.peers.{name}").System()
    print(json.dumps(asyncio.run(measure(chosen, WORK[item]))))
