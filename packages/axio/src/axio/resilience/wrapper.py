"""What all wrappers of a transport share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from axio.events import StreamEvent
from axio.messages import Message
from axio.tool import Tool
from axio.transport import CompletionTransport

__all__ = ("Wrapper",)


class Wrapper:
    """`inner`, unchanged. Subclasses override `stream`."""

    def __init__(self, inner: CompletionTransport) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not set yet: a copy or an unpickled object is being made
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def model(self) -> Any:
        """The inner transport's model; setting it sets that one's."""
        return cast(Any, self.inner).model

    @model.setter
    def model(self, model: Any) -> None:
        cast(Any, self.inner).model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        return self.inner.stream(messages, tools, system)
