"""The floors: a run by hand, with the same events and nothing around it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

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
from benchmarks.script import Script

__all__ = ("loop_by_hand", "turn_by_hand")


async def turn_by_hand(transport: Script, history: list[Any]) -> AsyncIterator[StreamEvent]:
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


async def loop_by_hand(
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
