"""h: a call with a megabyte of arguments in pieces of 20 bytes; linear in their length."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from axio import MemoryContextStore
from axio.events import (
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.types import StopReason, Usage
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
    return lambda: by_hand(transport, tools, [])


async def by_hand(
    transport: Script, tools: dict[str, Any], history: list[Any]
) -> AsyncIterator[StreamEvent]:
    history.append(("user", ["go"]))
    input_tokens = output_tokens = 0
    while True:
        text: list[str] = []
        calls: dict[str, tuple[str, list[str]]] = {}
        async for event in transport.stream(history, tools, ""):
            if type(event) is TextDelta:
                text.append(event.delta)
            elif type(event) is ToolInputDelta:
                calls[event.tool_use_id][1].append(event.partial_json)
            elif type(event) is ToolUseStart:
                calls[event.tool_use_id] = (event.name, [])
            elif type(event) is IterationEnd:
                input_tokens += event.usage.input_tokens
                output_tokens += event.usage.output_tokens
            yield event
        if not calls:
            break
        for id, (name, pieces) in calls.items():
            arguments = json.loads("".join(pieces))
            handler, fields = tools[name]
            for key, expected in fields:
                if arguments[key].__class__ is not expected:
                    raise TypeError(key)
            result = await handler(**arguments)
            history.append(("assistant", ["".join(text), (id, name, arguments)]))
            history.append(("user", [(id, result)]))
            yield ToolResult(id, name, False, result, arguments)
    history.append(("assistant", ["".join(text)]))
    yield SessionEndEvent(StopReason.end_turn, Usage(input_tokens, output_tokens))


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
