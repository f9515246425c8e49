"""The events of one run, as the consumer holds them."""

from __future__ import annotations

import copy
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Awaitable
from typing import TYPE_CHECKING
from weakref import ref

from axio.events import Error, SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import LimitReached, StreamError, UnexpectedError
from axio.messages import Prompt, as_message

if TYPE_CHECKING:
    from axio.run.run import AgentRun

__all__ = ("AgentStream", "failure_of")


class AgentStream:
    """An async iterator over the events of a run; the run starts with the first event asked for.

    Iterate, or take the outcome with `get_final_text` or `get_session_end`. Leaving early with
    `aclose`, or dropping the last reference, ends the run with a valid history. One consumer at a
    time.
    """

    # `__anext__` is the generator's own, kept in a slot: a method of ours around it would cost an
    # event more than all that the loop does with it. (Type checkers take it for a method.)
    __slots__ = (*("__anext__", "__weakref__"), "_generator", "_run")

    if TYPE_CHECKING:

        def __anext__(self) -> Awaitable[StreamEvent]: ...

    def __init__(
        self, generator: AsyncGenerator[StreamEvent, None], run: AgentRun | None = None
    ) -> None:
        if run is not None:
            # Weak, so that a stream that is dropped ends its run.
            run._generator, run._stream = ref(generator), ref(self)
        self._run = run
        self._generator = generator
        self.__anext__ = generator.__anext__  # type: ignore[method-assign]

    def __aiter__(self) -> AgentStream:
        return self

    def steer(self, prompt: Prompt) -> None:
        """Put a user message in before the next model call of this run.

        A model that has just finished is asked again for it. RuntimeError once the run has ended.
        """
        message = as_message(prompt)
        if self._run is None or not self._run.steer(message):
            raise RuntimeError("the run has ended: start another one with this message")

    def cancel(self) -> None:
        """End the run from any task of its event loop.

        The consumer gets a last `SessionEndEvent(error, reason="cancelled")`. Finished tool results
        and the text so far are kept, other calls are answered as interrupted.
        """
        self.interrupt(None)

    def interrupt(self, limit: LimitReached | None) -> None:
        """As `cancel`, because a limit was reached: the last events then are
        `Error(limit)` and `SessionEndEvent(error, reason=limit.reason)`."""
        if self._run is not None:
            self._run.interrupt(limit or CancelledError())

    def is_abandoned(self) -> bool:
        """True if its consumer will never ask for the next event."""
        return self._run is not None and self._run.is_abandoned()

    async def end_unread(self) -> None:
        """Cancel the run without its consumer, who finds the last events when it asks again."""
        self.cancel()
        again = self._generator = _again([event async for event in self])
        self.__anext__ = again.__anext__  # type: ignore[method-assign]

    async def aclose(self) -> None:
        """End the run, if it has not ended, and release what it holds. No further event comes."""
        await self._generator.aclose()

    async def get_final_text(self) -> str:
        """All text of all turns; the `StreamError` of a run that failed. Closes the stream."""
        return "".join([e.delta async for e in self._to_the_end() if isinstance(e, TextDelta)])

    async def get_session_end(self) -> SessionEndEvent:
        """The last event; the `StreamError` of a run that failed or ended without one."""
        ends = [e async for e in self._to_the_end() if isinstance(e, SessionEndEvent)]
        if not ends:
            raise StreamError("the stream ended without a SessionEndEvent")
        return ends[-1]

    async def _to_the_end(self) -> AsyncGenerator[StreamEvent, None]:
        """The events; the `StreamError` of a run that failed. Closes the stream."""
        try:
            async for event in self:
                if isinstance(event, Error):
                    raise failure_of(event)
                yield event
        finally:
            await self.aclose()


async def _again(events: list[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    for event in events:
        yield event


def failure_of(event: Error) -> StreamError:
    """The error of a run, to be raised: of its own class, with the original as its cause.

    An exception that is not a `StreamError` is no answer but a fault in the program around
    the model: an `UnexpectedError` with its words.
    """
    cause = event.exception
    failure: StreamError
    if isinstance(cause, StreamError):
        try:
            failure = copy.copy(cause)
        except Exception:  # a subclass that cannot be made from its arguments
            return cause
    else:
        failure = UnexpectedError(str(cause))
    failure.__cause__ = cause
    return failure
