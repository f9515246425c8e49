"""A session while a worker has it: what happens is shown, and a cancel is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress

from axio.events import StreamEvent
from axio.exceptions import AxioError
from axio.messages import Message
from axio.store_wrapper import StoreWrapper
from axio.stream import AgentStream
from axio_durable.store import DurableStore, as_store

__all__ = ("Attended",)

_SHOW_EVERY = 0.15  # seconds: one write holds all that came meanwhile
_LISTEN_EVERY = 4  # times of showing something


class Attended(StoreWrapper):
    """`store`, which its worker owns already: runs of the worker need not own it once more."""

    def __init__(self, store: DurableStore) -> None:
        super().__init__(as_store(store))
        self.store = store
        self._events: list[StreamEvent] = []
        self._writing = asyncio.Lock()
        """Held while events or messages are written, so that no event comes after its message."""

    def own(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def extend(self, messages: Iterable[Message]) -> None:
        async with self._writing:
            self._events.clear()  # they are void: the message tells all of it
            await self.inner.extend(messages)

    async def append(self, message: Message) -> None:
        await self.extend((message,))

    def show(self, event: StreamEvent) -> None:
        """Let those who watch the session see the event, in a moment."""
        self._events.append(event)

    @asynccontextmanager
    async def attending(self, stream: AgentStream) -> AsyncIterator[None]:
        """Inside, show events and end the stream when somebody cancels the session."""
        task = asyncio.create_task(self._attend(stream))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))
            self._events.clear()

    async def _attend(self, stream: AgentStream) -> None:
        """A store that cannot be reached for a while is the run's own problem; what is shown may
        get lost."""
        times = 0
        while True:
            await asyncio.sleep(_SHOW_EVERY)
            times += 1
            with suppress(AxioError):
                await self._show()
                if times % _LISTEN_EVERY == 0 and await self._is_cancelled():
                    stream.cancel()
                    return

    async def _show(self) -> None:
        if self._events:
            async with self._writing:
                events, self._events = self._events, []
                await self.store.live.write(events)

    async def _is_cancelled(self) -> bool:
        return (await self.store.work.standing()).cancelled is not None
