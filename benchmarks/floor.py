"""The floor: the least an agent loop must do for the same consumer.

Our own events through one async generator, a transport that is an async generator, a list for the
history, argument checks from pairs prepared beforehand, JSON joined once. No guards, no repair, no
cancellation, no limits, no logging: it is what the loop is measured against, not what it should be.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
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

Checked = tuple[Callable[..., Awaitable[str]], tuple[tuple[str, type], ...]]


class FloorAgent:
    __slots__ = ("tools", "transport")

    def __init__(self, transport: Any, tools: dict[str, Checked]) -> None:
        self.transport = transport
        self.tools = tools

    async def run_stream(self, prompt: str, history: list[Any]) -> AsyncIterator[StreamEvent]:
        history.append(("user", [prompt]))
        input_tokens = output_tokens = 0
        while True:
            text: list[str] = []
            calls: dict[str, tuple[str, list[str]]] = {}
            async for event in self.transport.stream(history, self.tools, ""):
                kind = event.__class__
                if kind is TextDelta:
                    text.append(event.delta)
                elif kind is ToolInputDelta:
                    calls[event.tool_use_id][1].append(event.partial_json)
                elif kind is ToolUseStart:
                    calls[event.tool_use_id] = (event.name, [])
                elif kind is IterationEnd:
                    input_tokens += event.usage.input_tokens
                    output_tokens += event.usage.output_tokens
                yield event
            if not calls:
                history.append(("assistant", ["".join(text)]))
                total = Usage(input_tokens, output_tokens)
                yield SessionEndEvent(StopReason.end_turn, total)
                return
            made = [(id, name, json.loads("".join(parts))) for id, (name, parts) in calls.items()]
            if len(made) == 1:
                results = [await self.call(made[0][1], made[0][2])]
            else:
                results = await asyncio.gather(*(self.call(name, args) for _, name, args in made))
            history.append(("assistant", ["".join(text), made]))
            history.append(("user", results))
            for (id, name, arguments), result in zip(made, results, strict=True):
                yield ToolResult(id, name, False, result, arguments)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        handler, fields = self.tools[name]
        for key, kind in fields:
            if arguments[key].__class__ is not kind:
                raise TypeError(key)
        return await handler(**arguments)
