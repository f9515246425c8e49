"""g: 2,000 agents at once, each three turns with a tool that waits 50 ms; and agents that wait.

Each measurement has a process of its own: `python -m benchmarks.bench_g_many busy axio`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from axio import Agent, MemoryContextStore, Message, TextBlock, Tool
from axio.events import (
    StreamEvent,
)
from benchmarks.by_hand import loop_by_hand
from benchmarks.measure import Figure, Item, Sample, timed
from benchmarks.script import Script, consume
from benchmarks.turns import Turn, call

AGENTS = 2_000
TURNS: list[Turn] = [
    *([call("wait", {"number": n}, f"call_{n}")] for n in range(3)),
    ["Done"],
]
IDLE_AGENTS = 5_000
MESSAGES = 10
MEGA = 1e6


async def wait(number: int) -> str:
    """Wait a little."""
    await asyncio.sleep(0.050)
    return str(number)


def text(agent: int, message: int) -> str:
    return f"message {message} of agent {agent}".ljust(80)


class Axio:
    """2,000 conversations: an agent and a store each, tools shared."""

    def __init__(self) -> None:
        self.tools = [Tool(name="wait", handler=wait)]

    def start(self) -> AsyncIterator[StreamEvent]:
        made = Agent(system="", transport=Script(TURNS), tools=self.tools)
        return made.run_stream("go", MemoryContextStore())

    def idle(self, agent: int) -> Any:
        messages = [
            Message("assistant" if n % 2 else "user", [TextBlock(text(agent, n))])
            for n in range(MESSAGES)
        ]
        made = Agent(system="", transport=Script(TURNS), tools=self.tools)
        return made, MemoryContextStore(messages)


class Floor:
    def __init__(self) -> None:
        self.tools = {"wait": (wait, (("number", int),))}

    def start(self) -> AsyncIterator[StreamEvent]:
        return loop_by_hand(Script(TURNS), self.tools, [])

    def idle(self, agent: int) -> Any:
        messages = [("assistant" if n % 2 else "user", [text(agent, n)]) for n in range(MESSAGES)]
        return Script(TURNS), self.tools, messages


SYSTEMS: dict[str, type[Axio | Floor]] = {"axio": Axio, "floor": Floor}


def busy(name: str) -> Sample:
    """CPU of all runs, peak memory of the whole process."""
    system = SYSTEMS[name]()

    async def main() -> Sample:
        with timed() as timer:
            await asyncio.gather(*(consume(system.start()) for _ in range(AGENTS)))
        return timer.sample

    sample = asyncio.run(main())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGA
    return Sample(sample.cpu, sample.wall, peak)


def idle(name: str) -> Sample:
    """Memory of one agent that has a history and nothing to do."""
    system = SYSTEMS[name]()
    some = [system.idle(n) for n in range(100)]  # so that shared things are there already
    before = resident()
    kept = [system.idle(n) for n in range(IDLE_AGENTS)]
    memory = (resident() - before) / IDLE_AGENTS
    assert len(some) + len(kept) == 100 + IDLE_AGENTS
    return Sample(0, 0, memory)


def resident() -> float:
    """Memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEGA


def measured_apart(what: str, system: str) -> Sample:
    command = [sys.executable, "-m", __name__, what, system]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Sample(**json.loads(done.stdout))


def items() -> list[Item]:
    def systems(what: str) -> dict[str, partial[Sample]]:
        return {system: partial(measured_apart, what, system) for system in SYSTEMS}

    return [
        Item(
            f"g {AGENTS:,} agents at once",
            systems("busy"),
            [
                Figure("s CPU", goal=1.6),
                Figure("MB peak", goal=1.2, of="memory"),
            ],
        ),
        Item(
            f"g an idle agent with {MESSAGES} messages",
            systems("idle"),
            [Figure("KB", 1e3, goal=1.25, of="memory")],
        ),
    ]


if __name__ == "__main__":
    measure = {"busy": busy, "idle": idle}[sys.argv[1]]
    print(json.dumps(asdict(measure(sys.argv[2]))))
