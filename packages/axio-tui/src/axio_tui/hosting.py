"""The application as the host of `axio_tui.tools`: its sub-agents, and the model that sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import StreamEvent
from axio.exceptions import StreamError
from axio.messages import Message
from axio.plugins import TOOLS_GROUP
from axio.tool import AnyTool
from axio_tui import tools
from axio_tui.chat.models import Models
from axio_tui.chat.permissions import Permissions
from axio_tui.chat.subagents import SubAgents
from axio_tui.choose import OFFLINE
from axio_tui.parts import Parts
from axio_tui_guards.asking import questions_to

__all__ = ("host_tools", "hosted")


@contextmanager
def hosted(
    agent: Agent, subagents: SubAgents, models: Models, permissions: Permissions
) -> Iterator[None]:
    """While the block lasts, tools of others reach the sub-agents and the seeing model too, and
    guards of others that ask at the terminal ask where the rules do."""

    async def begin() -> tuple[Agent, MemoryContextStore]:
        return await subagents.made(agent.tools, agent.selector), MemoryContextStore()

    before = tools.subagent_factory, tools.vision_transport
    tools.subagent_factory, tools.vision_transport = begin, _Seeing(models)
    try:
        with questions_to(permissions.put_words):
            yield
    finally:
        tools.subagent_factory, tools.vision_transport = before
        tools.status_line_callback = None


def host_tools(parts: Parts, models: Models, shows_status: bool) -> Callable[[], list[AnyTool]]:
    """Gives the tools that the application itself can serve now: a model that has a role of its
    own for it looks at images, and a large enough one may say what it does."""
    kept: dict[str, AnyTool] = {}

    def give() -> list[AnyTool]:
        serves = {
            "vision": "vision" in models.roles,
            "status_line": shows_status and models.choice.name != OFFLINE,
        }
        wanted = [name for name, is_served in serves.items() if is_served]
        for name in wanted:
            if name not in kept and parts.entry(TOOLS_GROUP, name) is not None:
                kept[name] = parts.load_tool(name)
        return [kept[name] for name in wanted if name in kept]

    return give


class _Seeing:
    """The model of the role "vision", as it is when it is asked."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        transport = await self._models.seeing()
        if transport is None:
            raise StreamError(
                "Vision is not configured: the model of the conversation is not known to see "
                "images, and /model vision NAME has named no other"
            )
        async for event in transport.stream(messages, tools, system):
            yield event
