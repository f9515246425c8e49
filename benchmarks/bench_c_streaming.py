"""c: a long answer, delta by delta; the price of one must not grow with their number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from axio import MemoryContextStore
from axio.events import IterationEnd, SessionEndEvent, StreamEvent, TextDelta
from axio.types import StopReason, Usage
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
