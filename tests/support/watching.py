"""A scripted model that keeps what it was asked, and refuses what a provider would refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from axio.events import StreamEvent
from axio.history import check
from axio.messages import Message
from axio.testing import StubTransport
from axio.tool import Tool

__all__ = ("Request", "Watching")


class Request(NamedTuple):
    messages: list[Message]
    tools: list[Tool[Any]]
    system: str


class Watching(StubTransport):
    """`requests` are those made so far, in their order."""

    def __init__(self, responses: list[list[StreamEvent]] | None = None) -> None:
        super().__init__(responses)
        self.requests: list[Request] = []

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        assert check(messages) == []
        self.requests.append(Request(messages, tools, system))
        return super().stream(messages, tools, system)
