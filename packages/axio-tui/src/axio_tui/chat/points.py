"""Points of a conversation to which it can be rewound. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from axio.messages import Message
from axio_tui.chat.entries import Entry, ToolCall
from axio_tui.chat.stored import is_words

__all__ = ("Point", "agents_in", "points_in")


@dataclass(frozen=True, slots=True)
class Point:
    """A prompt of the conversation, and the number of messages before it."""

    before: int
    message: Message


def points_in(history: Sequence[Message]) -> list[Point]:
    """The prompts of the person, oldest first."""
    return [Point(index, message) for index, message in enumerate(history) if is_words(message)]


def agents_in(entries: Iterable[Entry]) -> set[str]:
    """The sessions of the sub-agents of a transcript."""
    calls = (entry for entry in entries if isinstance(entry, ToolCall))
    return {agent.session_id for call in calls for agent in call.agents}
