"""`Runs`: the one task that reads the runs of a session, for a front end that goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from axio.budget import Budget
from axio.events import StreamEvent
from axio.messages import Prompt

if TYPE_CHECKING:
    from axio_tui.chat.session import ChatSession

__all__ = ("Runs",)


def _nothing() -> None:
    """A prompt that no person has typed need not be given back."""


class Runs:
    """Sends prompts one after the other. `on_event` is told of each event, `on_change` when a run
    begins or has ended, or another prompt waits, and `on_error` of what no event tells. `budget`
    limits each of them."""

    def __init__(
        self,
        *,
        on_event: Callable[[StreamEvent], object],
        on_change: Callable[[], object],
        on_error: Callable[[BaseException], object],
        budget: Callable[[], Budget | None] = lambda: None,
    ) -> None:
        self._on_event = on_event
        self._on_change = on_change
        self._on_error = on_error
        self._budget = budget
        self._task: asyncio.Task[None] | None = None
        self.began = 0.0
        """When the run that goes on has begun (`time.monotonic`)."""

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    async def send(
        self, session: ChatSession, prompt: Prompt, give_back: Callable[[], object] = _nothing
    ) -> None:
        """Send a prompt now, or when the run that goes on has ended. `give_back` is called if the
        run fails before its first event: nothing of the prompt is kept then."""
        if self.is_busy:
            await session.queue(prompt)
            self._on_change()
            self._go_on(session)
        else:
            self._start(session, session.send(prompt, budget=self._budget()), give_back)

    async def steer(
        self, session: ChatSession, prompt: Prompt, give_back: Callable[[], object] = _nothing
    ) -> None:
        """Put a prompt into the run that goes on; send it if there is none."""
        if not self.is_busy:
            await self.send(session, prompt, give_back)
            return
        await session.steer(prompt)
        self._on_change()
        self._go_on(session)

    def resume(self, session: ChatSession) -> None:
        """Let the model go on where the history stands."""
        if not self.is_busy:
            self._start(session, session.resume(budget=self._budget()))

    def send_parked(self, session: ChatSession) -> None:
        """Send what waits since the last stop."""
        session.inbox.unpark()
        self._on_change()
        self._go_on(session)

    def _go_on(self, session: ChatSession) -> None:
        """Send what is queued, unless the run that goes on will do so."""
        if not self.is_busy and (stream := session.next(budget=self._budget())) is not None:
            self._start(session, stream)

    def stop(self, session: ChatSession) -> None:
        """End the run; its task ends a moment later."""
        session.stop()
        self._on_change()

    async def close(self, session: ChatSession) -> None:
        """Stop, and wait until all is stored."""
        task = self._task
        if task is not None:
            session.stop()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=5)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    def _start(
        self,
        session: ChatSession,
        stream: AsyncGenerator[StreamEvent, None],
        give_back: Callable[[], object] = _nothing,
    ) -> None:
        self.began = time.monotonic()
        self._task = asyncio.create_task(self._read(session, stream, give_back))
        self._on_change()

    async def _read(
        self,
        session: ChatSession,
        first: AsyncGenerator[StreamEvent, None],
        give_back: Callable[[], object],
    ) -> None:
        stream: AsyncGenerator[StreamEvent, None] | None = first
        try:
            while stream is not None:
                async for event in stream:
                    give_back = _nothing
                    self._on_event(event)
                stream = session.next(budget=self._budget())
                self._on_change()
        except Exception as error:  # a store that is full, a plug-in that raises
            give_back()
            self._on_error(error)
        finally:
            self._task = None
            self._on_change()
