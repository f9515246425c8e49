"""e: 100 calls in one turn, each waiting 10 ms."""

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

WAIT = 0.010
CALLS = 100
TURNS: list[Turn] = [[call("wait", {"number": n}, f"call_{n}") for n in range(CALLS)], ["Done"]]
RUNS = 10


async def wait(number: int) -> str:
    """Wait a little."""
    await asyncio.sleep(WAIT)
    return str(number)


def axio() -> Start:
    made = agent(TURNS, wait)
    return lambda: made.run_stream("go", MemoryContextStore())


def floor() -> Start:
    transport = Script(TURNS)
    tools = {"wait": (wait, (("number", int),))}
    return lambda: by_hand(transport, tools, [])


async def by_hand(
    transport: Script, tools: dict[str, Any], history: list[Any]
) -> AsyncIterator[StreamEvent]:
    async def perform(name: str, arguments: dict[str, Any]) -> Any:
        handler, fields = tools[name]
        for key, expected in fields:
            if arguments[key].__class__ is not expected:
                raise TypeError(key)
        return await handler(**arguments)

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
        made = [(id, name, json.loads("".join(parts))) for id, (name, parts) in calls.items()]
        results = await asyncio.gather(*(perform(name, arguments) for _, name, arguments in made))
        history.append(("assistant", ["".join(text), made]))
        history.append(("user", results))
        for (id, name, arguments), result in zip(made, results, strict=True):
            yield ToolResult(id, name, False, result, arguments)
    history.append(("assistant", ["".join(text)]))
    yield SessionEndEvent(StopReason.end_turn, Usage(input_tokens, output_tokens))


def cost(system: Callable[[], Start], runs: int = RUNS) -> Sample:
    start = system()

    async def main() -> Sample:
        with timed(runs) as timer:
            for _ in range(runs):
                await consume(start())
        return timer.sample

    return asyncio.run(main())


def items() -> list[Item]:
    systems = {"axio": partial(cost, axio), "floor": partial(cost, floor)}
    figures = [
        Figure("ms CPU", 1e3, goal=1.5),
        Figure("ms wall (ratio to 10 ms)", 1e3, goal=1.25, of="wall", ideal=WAIT * 1e3),
    ]
    return [Item(f"e {CALLS} calls of 10 ms", systems, figures)]
