"""d: ten turns with one call each, then a text."""

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
