"""Calls of tools that do not come from a model, each with its live output and its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio

from axio.agent import Agent
from axio.blocks import ToolResultBlock
from axio.context import MemoryContextStore
from axio.events import NestedEvent, StreamEvent, TextDelta, ToolOutputDelta, ToolUseStart
from axio.run import Run
from axio.run.call import Call
from axio.run.dispatch import ToolDispatch
from axio.tool import AnyTool
from axio.transport import DummyCompletionTransport

__all__ = ("Caller", "OnOutput")

OnOutput = Callable[[str], Awaitable[object]]


class Caller:
    """Calls `tools` as a run would, with their guards, limits and live output.

    A call that has to wait for a person is refused: nobody is there.
    """

    def __init__(self, tools: Sequence[AnyTool]) -> None:
        self._agent = Agent("", DummyCompletionTransport(), list(tools))

    @property
    def tools(self) -> list[AnyTool]:
        return self._agent.tools

    async def call(
        self, name: str, arguments: dict[str, Any], on_output: OnOutput
    ) -> ToolResultBlock:
        """The result, which may be an error. Cancelling this cancels the tool, and waits for it."""
        task = asyncio.create_task(self._call(name, arguments, on_output))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            # The library cancels at every step, until the end: what waits here is out of its reach.
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])
            raise

    async def _call(
        self, name: str, arguments: dict[str, Any], on_output: OnOutput
    ) -> ToolResultBlock:
        call = Call("call", name, 0)
        call.input = arguments
        dispatch = ToolDispatch(Run(MemoryContextStore(), self._agent))
        try:
            dispatch.start([call])
            while await dispatch.more():
                while dispatch.events:
                    line = _line_of(dispatch.events.popleft())
                    if line:
                        await on_output(line)
        finally:
            await dispatch.close()
        assert call.result is not None
        return call.result


def _line_of(event: StreamEvent) -> str:
    """The text that shows a client how far a call is."""
    match event:
        case ToolOutputDelta(delta=text):
            return text
        case NestedEvent(event=TextDelta(delta=text)):
            return text
        case NestedEvent(event=ToolUseStart(name=name)):
            return f"[calls {name}]"
    return ""
