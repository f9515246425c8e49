"""Sub-agents of a conversation, each in a line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from axio_tui.app.entry_rows import argument_of
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.entries import SubAgent, ToolCall
from axio_tui.harmless import one_line
from axio_tui.how_many import how_many

__all__ = ("AgentAt", "agent_line", "agents_of", "live")


class AgentAt(NamedTuple):
    """An agent, and the call for which it works."""

    agent: SubAgent
    call_id: str
    is_running: bool


def agents_of(conversation: Conversation) -> Iterator[AgentAt]:
    """All agents of a conversation, from top to bottom."""
    for entry in conversation.entries:
        if isinstance(entry, ToolCall):
            for agent in entry.agents:
                yield AgentAt(agent, entry.call_id, entry.status == "running")


def live(conversation: Conversation, agent: SubAgent) -> Conversation | None:
    """Its own conversation, if it has worked in the last run."""
    found = (c for c in conversation.agents.values() if c.session_id == agent.session_id)
    return next(found, None)


def agent_line(conversation: Conversation, agent: SubAgent) -> str:
    """Its name, what it does or has done last, and what it has taken."""
    parts = [one_line(agent.name, 60)]
    own = live(conversation, agent)
    if own is not None:
        calls = [entry for entry in own.entries if isinstance(entry, ToolCall)]
        if calls:
            parts.append(f"{one_line(calls[-1].name, 60)} {argument_of(calls[-1].input)}"[:120])
            parts.append(how_many(len(calls), "call"))
        tokens = sum(usage.input_tokens + usage.output_tokens for usage in own.usages)
        parts += [f"{tokens:,} tokens"] if tokens else []
    return ", ".join(part.strip() for part in parts)
