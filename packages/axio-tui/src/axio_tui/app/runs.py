"""`Runs`: the one task that reads the runs of a session, for a front end that goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from axio.budget import Budget
from axio.events import StreamEvent
from axio.messages import Prompt

if TYPE_CHECKING:
    from axio_tui.chat.session import ChatSession

__all__ = ("Runs",)


def _nothing() -> None:
    """Nothing is to be done, as for a prompt that no person has typed."""


class WaitsFor(Protocol):
    """Things that a prompt waits for before it is sent."""

    @property
    def must_wait(self) -> bool:
        """True if that takes time."""

    async def ready(self) -> None:
        """Return when they are there, or have had their time."""


class Runs:
    """Sends prompts one after the other. `on_event` is told of each event, `on_change` when a run
    begins or has ended, or another prompt waits, and `on_error` of what no event tells. `budget`
    limits each of them; before each there is a wait where something is waited for. `on_end` is
    called when no run goes on any more."""

    def __init__(
        self,
        *,
        on_event: Callable[[StreamEvent], object],
        on_change: Callable[[], object],
        on_error: Callable[[BaseException], object],
        budget: Callable[[], Budget | None] = lambda: None,
        waits_for: WaitsFor | None = None,
        on_end: Callable[[], object] = _nothing,
    ) -> None:
        self._on_event = on_event
        self._on_change = on_change
        self._on_error = on_error
        self._on_end = on_end
        self._budget = budget
        self._waits_for = waits_for
        self._task: asyncio.Task[None] | None = None
        self._wait: asyncio.Task[None] | None = None
        self.began = 0.0
        """When the run that goes on has begun (`time.monotonic`)."""

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    @property
    def is_waiting(self) -> bool:
        """True while a prompt waits for something, and no run goes on."""
        return self._wait is not None

    async def send(
        self, session: ChatSession, prompt: Prompt, give_back: Callable[[], object] = _nothing
    ) -> None:
        """Send a prompt now, or when the run that goes on has ended. `give_back` is called if the
        run fails before its first event: nothing of the prompt is kept then."""
        if self.is_busy or (self._waits_for is not None and self._waits_for.must_wait):
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
        if not self.is_busy and session.inbox.next() is not None:
            self._start(session, None)

    def stop(self, session: ChatSession) -> None:
        """End the run; its task ends a moment later."""
        session.stop()
        if self._wait is not None:
            self._wait.cancel()
        self._on_change()

    async def close(self, session: ChatSession) -> None:
        """Stop, and wait until all is stored."""
        task = self._task
        if task is not None:
            self.stop(session)
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=5)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    def _start(
        self,
        session: ChatSession,
        stream: AsyncGenerator[StreamEvent, None] | None,
        give_back: Callable[[], object] = _nothing,
    ) -> None:
        self.began = time.monotonic()
        self._task = asyncio.create_task(self._read(session, stream, give_back))
        self._on_change()

    async def _read(
        self,
        session: ChatSession,
        stream: AsyncGenerator[StreamEvent, None] | None,
        give_back: Callable[[], object],
    ) -> None:
        """Read a run, and then those of all prompts that are queued."""
        try:
            while stream is not None or session.inbox.next() is not None:
                if not await self._until_ready() and stream is not None:
                    await stream.aclose()
                    give_back()
                    return
                stream = stream or session.next(budget=self._budget())
                if stream is None:  # stopped, or taken back meanwhile
                    return
                self._on_change()
                async for event in stream:
                    give_back = _nothing
                    self._on_event(event)
                stream = None
        except Exception as error:  # a store that is full, a plug-in that raises
            give_back()
            self._on_error(error)
        finally:
            self._task = None
            self._on_change()
            self._on_end()

    async def _until_ready(self) -> bool:
        """Wait for what a prompt waits for. False if `stop` has ended that."""
        waits_for = self._waits_for
        if waits_for is None:
            return True
        if not waits_for.must_wait:
            await waits_for.ready()
            return True
        self._wait = asyncio.create_task(waits_for.ready())
        self._on_change()
        try:
            await asyncio.wait([self._wait])
            if self._wait.cancelled():
                return False
            self._wait.result()
        finally:
            self._wait.cancel()
            self._wait = None
        self.began = time.monotonic()
        return True
