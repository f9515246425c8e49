"""What a model is offered: all tools, those that a selector chooses, or none if it can use none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axio.messages import Message
from axio.models import Capability

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.tool import Tool

__all__ = ("offered_tools",)


async def offered_tools(agent: Agent, history: list[Message]) -> list[Tool[Any]]:
    """A list of the transport's own. A model without capabilities is taken to be able."""
    capabilities = getattr(getattr(agent.transport, "model", None), "capabilities", None)
    if capabilities is not None and Capability.tool_use not in capabilities:
        return []
    if agent.tools and agent.selector is not None:
        return list(await agent.selector.select(history, agent.tools))
    return list(agent.tools)
