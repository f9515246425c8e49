"""Faults between a program and a model, at every event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

from axio.events import IterationEnd, StreamEvent, ToolInputDelta, ToolUseStart
from axio.exceptions import ConnectionFailed, ProviderError
from axio.messages import Message
from axio.tool import AnyTool
from axio.transport import CompletionTransport, closing
from axio.types import StopReason
from axio.wrapper import Wrapper

__all__ = (
    "CutShort",
    "Fault",
    "FaultTransport",
    "GarbledArguments",
    "OutputLimit",
    "Raises",
    "SameIds",
    "Stalls",
    "faults",
)


@dataclass(frozen=True, slots=True)
class _Ending:
    """No event from number `at` on."""

    at: int

    async def apply(self, source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        left = self.at
        async for event in source:
            if not left:
                break
            yield event
            left -= 1
        await self._end()

    async def _end(self) -> None:
        """Do what happens in the place of that event."""


@dataclass(frozen=True, slots=True)
class CutShort(_Ending):
    """The stream just ends before event number `at`."""


@dataclass(frozen=True, slots=True)
class Raises(_Ending):
    """An exception in the place of event number `at`."""

    error: Exception

    async def _end(self) -> None:
        raise self.error


@dataclass(frozen=True, slots=True)
class Stalls(_Ending):
    """Nothing comes any more from event number `at` on; only a cancel ends it."""

    async def _end(self) -> None:
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class SameIds:
    """Every call of a response has the same id."""

    id: str = "same"

    async def apply(self, source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        async for event in source:
            if isinstance(event, (ToolUseStart, ToolInputDelta)):
                event = replace(event, tool_use_id=self.id)
            yield event


@dataclass(frozen=True, slots=True)
class GarbledArguments:
    """The arguments of every call end in something that is not JSON."""

    tail: str = '"}{'

    async def apply(self, source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        async for event in source:
            if isinstance(event, ToolInputDelta):
                event = replace(event, partial_json=event.partial_json + self.tail)
            yield event


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """The output limit is reached after event number `at`."""

    at: int

    async def apply(self, source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        number = 0
        async for event in source:
            if isinstance(event, IterationEnd):
                yield replace(event, stop_reason=StopReason.max_tokens)
            elif number < self.at:
                yield event
            number += 1


Fault = Raises | CutShort | Stalls | SameIds | GarbledArguments | OutputLimit


def faults(length: int) -> Iterator[Fault]:
    """Each fault at each event of a response with `length` events."""
    yield SameIds()
    yield GarbledArguments()
    odd: Sequence[Exception] = (
        ConnectionFailed("the connection was lost"),
        ProviderError("overloaded", status=529, retryable=True),
        OSError("broken pipe"),
        ValueError("a bug in the transport"),
    )
    for at in range(length):
        for error in odd:
            yield Raises(at, error)
        yield CutShort(at)
        yield Stalls(at)
        yield OutputLimit(at)


class FaultTransport(Wrapper):
    """`inner`, with `fault` in its first response, or in the response number `response`."""

    def __init__(self, inner: CompletionTransport, fault: Fault, response: int = 0) -> None:
        super().__init__(inner)
        self._fault = fault
        self._left = response

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self._left -= 1
        async with closing(self.inner.stream(messages, tools, system)) as source:
            broken = self._fault.apply(source) if self._left == -1 else source
            async with closing(broken):
                async for event in broken:
                    yield event
