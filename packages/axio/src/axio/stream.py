"""The events of one run, as the consumer holds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import TYPE_CHECKING

from axio.eager import current_task
from axio.events import Error, SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import LimitReached, StreamError
from axio.messages import Message, Prompt, as_message

if TYPE_CHECKING:
    from axio.dispatch import ToolDispatch

__all__ = ("AgentStream", "Control")


class Control:
    """What the holder of a stream asks of the run, and who waits for the run.

    `requested`: to stop, because of `limit` if one, and `pending` until the run has been told.
    `steering` are user messages to be put in before the next model call. `consumer` is the task
    that asked for an event last, `tools` the calls that are being run.
    """

    __slots__ = (
        *("closed", "consumer", "ended", "limit", "loop", "pending", "requested", "steering"),
        *("tools", "_before", "_first", "_interrupted"),
    )

    def __init__(self) -> None:
        self.closed = False
        """Whether there is nothing left to stop, or nobody left to tell."""
        self.consumer: asyncio.Task[object] | None = None
        self.ended = False
        self.limit: LimitReached | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.pending = False
        self.requested = False
        self.steering: tuple[Message, ...] = ()
        self.tools: ToolDispatch | None = None
        self._before = 0
        self._first: asyncio.Task[object] | None = None
        """The consumer that began the run, and how often it had been cancelled before."""
        self._interrupted: asyncio.Task[object] | None = None

    def begin(self) -> asyncio.AbstractEventLoop:
        """The run begins, in the task that asks for the first event; or is to stop now."""
        loop = self.loop = asyncio.get_running_loop()
        self._first = task = current_task(loop)
        self._before = 0 if task is None else task.cancelling()
        self.resumed()
        return loop

    def resumed(self) -> None:
        """The run goes on in the task that asked for the next event; or is to stop now."""
        self.consumer = current_task(self.loop)
        if self.pending:
            self.pending = False
            raise asyncio.CancelledError

    def interrupt(self) -> None:
        """Stop what the consumer waits for."""
        self.pending = False
        self._interrupted = self.consumer
        if self.consumer is not None:
            self.consumer.cancel()

    def is_ours(self) -> bool:
        """Whether a CancelledError just caught means this and nothing else."""
        if not self.requested or self.closed:
            return False
        interrupted, self._interrupted = self._interrupted, None
        if interrupted is not None:
            task, cancelled = interrupted, interrupted.uncancel()
        elif self.consumer is not None:
            task, cancelled = self.consumer, self.consumer.cancelling()
        else:
            return True
        return cancelled <= (self._before if task is self._first else 0)


class AgentStream:
    """An async iterator over the events of a run; the run starts with the first event asked for.

    Iterate, or take the outcome with `get_final_text` or `get_session_end`. Leaving early with
    `aclose`, or dropping the last reference, ends the run with a valid history. One consumer at a
    time.
    """

    # `__anext__` is the generator's own, kept in a slot: a method of ours around it would cost an
    # event more than all that the loop does with it. (Type checkers take it for a method.)
    __slots__ = (*("__anext__", "__weakref__"), "_control", "_generator")

    if TYPE_CHECKING:

        def __anext__(self) -> Awaitable[StreamEvent]: ...

    def __init__(
        self,
        generator: AsyncGenerator[StreamEvent, None],
        control: Control | None = None,
    ) -> None:
        self.__anext__ = generator.__anext__  # type: ignore[method-assign]
        self._generator = generator
        self._control = control or Control()

    def __aiter__(self) -> AgentStream:
        return self

    def steer(self, prompt: Prompt) -> None:
        """Put a user message in before the next model call of this run.

        A model that has just finished is asked again for it. RuntimeError once the run has ended.
        """
        if self._control.ended:
            raise RuntimeError("the run has ended: start another one with this message")
        self._control.steering += (as_message(prompt),)

    def cancel(self) -> None:
        """End the run from any task of its event loop.

        The consumer gets a last `SessionEndEvent(error, reason="cancelled")`. Finished tool results
        and the text so far are kept, other calls are answered as interrupted.
        """
        self.interrupt(None)

    def interrupt(self, limit: LimitReached | None) -> None:
        """As `cancel`, because a limit was reached: the last events then are
        `Error(limit)` and `SessionEndEvent(error, reason=limit.reason)`."""
        control = self._control
        if control.requested or control.closed:
            return
        control.requested = control.pending = True
        control.limit = limit
        if control.loop is None or control.loop.is_closed() or control.consumer is None:
            return
        if control.tools is not None:
            control.tools.stop()  # They must not go on while the consumer is busy.
        if getattr(control.consumer.get_coro(), "cr_running", False):
            # Asked for in a step of the task itself, by a tool for example: cancelled now, it might
            # leave the run before its next wait, and be stopped in the consumer's own code.
            control.loop.call_soon(self._cancel_wait)
        else:
            self._cancel_wait()

    def _cancel_wait(self) -> None:
        """Interrupt what the run waits for, if it does; else the next event asked for ends it."""
        if self._control.pending and self._is_running():
            self._control.interrupt()

    def is_abandoned(self) -> bool:
        """Whether the one who could ask for the next event is doing something else for good: it is
        the task that calls this, or its event loop has been closed."""
        control = self._control
        if control.loop is None or self._is_running():
            return False
        return control.loop.is_closed() or control.consumer is asyncio.current_task()

    async def end_unread(self) -> None:
        """Cancel the run without its consumer, who finds the last events when it asks again."""
        self.cancel()
        last = [event async for event in self]
        self._generator = _again(last)
        self.__anext__ = self._generator.__anext__  # type: ignore[method-assign]

    def _is_running(self) -> bool:
        return bool(getattr(self._generator, "ag_running", False))

    async def aclose(self) -> None:
        """End the run, if it has not ended, and release what it holds. No further event comes."""
        if not self._is_running():
            self._control.closed, self._control.pending = True, False
        await self._generator.aclose()

    async def get_final_text(self) -> str:
        """All text of all turns; `StreamError` if the run failed. Closes the stream."""
        parts: list[str] = []
        try:
            async for event in self:
                if isinstance(event, TextDelta):
                    parts.append(event.delta)
                elif isinstance(event, Error):
                    raise failure_of(event)
        finally:
            await self.aclose()
        return "".join(parts)

    async def get_session_end(self) -> SessionEndEvent:
        """The last event; `StreamError` if the run failed or ended without one."""
        end: SessionEndEvent | None = None
        try:
            async for event in self:
                if isinstance(event, SessionEndEvent):
                    end = event
                elif isinstance(event, Error):
                    raise failure_of(event)
        finally:
            await self.aclose()
        if end is None:
            raise StreamError("the stream ended without a SessionEndEvent")
        return end


async def _again(events: list[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    for event in events:
        yield event


def failure_of(event: Error) -> StreamError:
    """The error of a run as what is raised for it, with its cause."""
    cause = event.exception
    failure = StreamError(str(cause))
    if isinstance(cause, StreamError):
        failure.__dict__.update(cause.__dict__)
    failure.__cause__ = cause
    return failure
