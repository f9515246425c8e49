"""An end to waiting for a model that says nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from axio import watchdog
from axio.events import StreamEvent
from axio.messages import Message
from axio.tool import AnyTool
from axio.transport import CompletionTransport, closing
from axio.wrapper import Wrapper

__all__ = ("Watchdog",)


class Watchdog(Wrapper):
    """`StreamTimeout` when no event comes for `seconds`; the consumer's own time does not count.

    It is retryable: inside `Retry` a request that is never answered is made again.
    """

    def __init__(self, inner: CompletionTransport, seconds: float = 60.0) -> None:
        if seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {seconds}")
        super().__init__(inner)
        self._seconds = seconds

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        watch = watchdog.Watchdog(self._seconds, None)
        try:
            async with closing(self.inner.stream(messages, tools, system)) as source:
                while True:
                    try:
                        event = await watch.wait(anext(source))
                    except StopAsyncIteration:
                        return
                    watch.progress()
                    yield event
        finally:
            watch.stop()
