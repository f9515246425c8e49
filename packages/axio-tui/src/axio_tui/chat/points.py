"""Points of a conversation: those to which it can be rewound, and its end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from axio.history import calls_of
from axio.messages import Message
from axio_tui.chat.entries import Entry, ToolCall
from axio_tui.chat.stored import is_words

__all__ = ("Point", "agents_in", "is_unfinished", "points_in")


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


def is_unfinished(history: Sequence[Message]) -> bool:
    """True if the model has not had the last word: it was not asked, or its calls did not end."""
    return bool(history) and (history[-1].role != "assistant" or bool(calls_of(history[-1])))
