"""Agents as tools of another, each at work in a session of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from axio.blocks import TextBlock
from axio.exceptions import Deferred, HandlerError
from axio.history import calls_of
from axio.messages import Message
from axio.run import RUN
from axio.tool import Tool
from axio.types import ToolCallID

__all__ = ("child_tool", "place_of", "text_of")

Begin: TypeAlias = Callable[[str, str, str, str], Awaitable[None]]
"""Begins the work of a child: parent, id of the call, agent, task."""


def child_tool(begin: Begin, agent: str, name: str, description: str) -> Tool:
    """A tool that gives its task to `agent` and waits without a process."""

    async def handler(task: str) -> str:
        run = RUN.get(None)
        if run is None or run.call_id is None:
            raise HandlerError(f"{name} can only be called in a run")
        await begin(run.store.session_id, run.call_id, agent, task)
        raise Deferred(f"{agent} works on it.")

    return Tool(
        name=name,
        description=description or f"Give a task to the agent {agent} and get its answer.",
        handler=handler,
        idempotent=True,  # to begin the same child again changes nothing
    )


def place_of(history: Sequence[Message], call_id: ToolCallID) -> int:
    """The index of the last message with that call, or the call around it."""
    ids = ((index, call.id) for index, message in enumerate(history) for call in calls_of(message))
    return max((index for index, id in ids if f"{call_id}/".startswith(f"{id}/")), default=0)


def text_of(history: Sequence[Message]) -> str:
    """The last words of the model."""
    if not history or history[-1].role != "assistant":
        return ""
    return "".join(block.text for block in history[-1].content if isinstance(block, TextBlock))
