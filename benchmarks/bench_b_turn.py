"""b: one short turn of text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from axio import MemoryContextStore
from axio.events import IterationEnd, SessionEndEvent, StreamEvent, TextDelta
from axio.types import StopReason, Usage
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
    return lambda: by_hand(transport, [])


async def by_hand(transport: Script, history: list[Any]) -> AsyncIterator[StreamEvent]:
    history.append(("user", ["go"]))
    text: list[str] = []
    input_tokens = output_tokens = 0
    async for event in transport.stream(history, [], ""):
        if type(event) is TextDelta:
            text.append(event.delta)
        elif type(event) is IterationEnd:
            input_tokens += event.usage.input_tokens
            output_tokens += event.usage.output_tokens
        yield event
    history.append(("assistant", ["".join(text)]))
    yield SessionEndEvent(StopReason.end_turn, Usage(input_tokens, output_tokens))


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
