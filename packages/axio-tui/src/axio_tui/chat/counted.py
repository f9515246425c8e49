"""A transport that tells what its answers take: for those that no run of the session makes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from axio.events import IterationEnd, StreamEvent
from axio.messages import Message
from axio.models import ModelSpec
from axio.tool import AnyTool
from axio.transport import CompletionTransport, closing, model_of
from axio.types import Usage
from axio.wrapper import Wrapper

__all__ = ("Counted",)


class Counted(Wrapper):
    """`inner`; `count` is told of each answer."""

    def __init__(
        self, inner: CompletionTransport, count: Callable[[Usage, ModelSpec | None], object]
    ) -> None:
        super().__init__(inner)
        self._count = count

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        async with closing(self.inner.stream(messages, tools, system)) as events:
            async for event in events:
                if isinstance(event, IterationEnd):
                    self._count(event.usage, model_of(self.inner))
                yield event
