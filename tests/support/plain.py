"""A transport of the barest kind that the protocol allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from axio.events import StreamEvent
from axio.messages import Message
from axio.tool import Tool

__all__ = ("PlainIterator",)


class PlainIterator:
    """Its one answer is an iterator and no generator: it has no `aclose`."""

    def __init__(self, events: Iterable[StreamEvent]) -> None:
        self.events = iter(events)

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        return self

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        for event in self.events:
            return event
        raise StopAsyncIteration
