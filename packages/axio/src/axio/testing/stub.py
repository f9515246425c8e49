"""A model that says what it was told to say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from axio.context import MemoryContextStore
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.messages import Message
from axio.tool import AnyTool, Tool
from axio.types import JSONObject, StopReason, Usage

__all__ = (
    "StubTransport",
    "make_echo_tool",
    "make_ephemeral_context",
    "make_stub_transport",
    "make_text_response",
    "make_tool_use_response",
)


class StubTransport:
    """Answers with the next of `responses` at each call, and with the last one for ever after.

    IndexError at the first call if there is none.
    """

    def __init__(self, responses: list[list[StreamEvent]] | None = None) -> None:
        self._responses = responses or []
        self._call_count = 0

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        if not self._responses:
            raise IndexError("no scripted answer left")
        response = self._responses[min(self._call_count, len(self._responses) - 1)]
        self._call_count += 1
        return self._replay(response)

    async def _replay(self, events: list[StreamEvent]) -> AsyncIterator[StreamEvent]:
        for event in events:
            yield event


def make_text_response(
    text: str = "Done", iteration: int = 2, usage: Usage | None = None
) -> list[StreamEvent]:
    """A turn that answers with `text`."""
    return [
        TextDelta(0, text),
        IterationEnd(iteration, StopReason.end_turn, usage or Usage(10, 5)),
    ]


def make_tool_use_response(
    tool_name: str = "echo",
    tool_id: str = "call_1",
    tool_input: JSONObject | None = None,
    iteration: int = 1,
    usage: Usage | None = None,
) -> list[StreamEvent]:
    """A turn that calls one tool, by default with {"msg": "hi"}."""
    return [
        ToolUseStart(0, tool_id, tool_name),
        ToolInputDelta(0, tool_id, json.dumps(tool_input or {"msg": "hi"})),
        IterationEnd(iteration, StopReason.tool_use, usage or Usage(10, 5)),
    ]


def make_stub_transport() -> StubTransport:
    """A model that answers "Hello world", in two deltas."""
    return StubTransport(
        [
            [
                TextDelta(0, "Hello"),
                TextDelta(0, " world"),
                IterationEnd(1, StopReason.end_turn, Usage(10, 5)),
            ]
        ]
    )


def make_ephemeral_context() -> MemoryContextStore:
    """A new, empty conversation in memory."""
    return MemoryContextStore()


def make_echo_tool() -> AnyTool:
    """A tool that gives its argument `msg` back as JSON."""
    return Tool(name="echo", description="Give the message back as JSON.", handler=_echo)


async def _echo(msg: str) -> str:
    return json.dumps({"msg": msg})
