"""No more requests than the provider allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import nullcontext

from axio.events import IterationEnd, StreamEvent
from axio.messages import Message
from axio.ownership import Ownership
from axio.semaphore import Semaphore
from axio.tool import AnyTool
from axio.transport import CompletionTransport, closing, gated
from axio.wrapper import Wrapper

__all__ = ("RateLimit",)


class _Bucket:
    """An allowance that fills evenly, `per_minute` at most.

    An amount that is known only afterwards may overdraw it. All then wait until it is paid back.
    """

    def __init__(self, per_minute: float) -> None:
        if per_minute <= 0:
            raise ValueError(f"a limit per minute must be above 0, got {per_minute}")
        self._capacity = float(per_minute)
        self._level = self._capacity
        self._at: float | None = None

    def wait_for(self, amount: float, now: float) -> float:
        """Seconds from `now`, by the clock of the event loop, until `amount` is there."""
        if self._at is not None:
            # Another loop, with another clock, may have asked last.
            flowed = max(0.0, now - self._at) * self._capacity / 60
            self._level = min(self._capacity, self._level + flowed)
        self._at = now
        return max(0.0, (min(amount, self._capacity) - self._level) * 60 / self._capacity)

    def take(self, amount: float) -> None:
        self._level -= amount


class RateLimit(Wrapper):
    """At most so many requests and tokens a minute, and so many responses at a time.

    One object is meant to be shared by all agents that use the same account. Waiting requests are
    served in the order they came. A request that is made again, by `Retry`, by a `Fallback` or by
    the transport itself, counts again. Tokens are counted when a response has ended.
    """

    def __init__(
        self,
        inner: CompletionTransport,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        concurrency: int | None = None,
    ) -> None:
        super().__init__(inner)
        self._requests = None if requests_per_minute is None else _Bucket(requests_per_minute)
        self._tokens = None if tokens_per_minute is None else _Bucket(tokens_per_minute)
        self._slots = nullcontext() if concurrency is None else Semaphore(concurrency)
        self._queue = Ownership()

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        async with self._slots:
            await self._admit()
            source = self.inner.stream(messages, tools, system)
            async with closing(source), closing(gated(source, self._admit)) as events:
                async for event in events:
                    if isinstance(event, IterationEnd) and self._tokens is not None:
                        self._tokens.take(event.usage.input_tokens + event.usage.output_tokens)
                    yield event

    async def _admit(self) -> None:
        clock = asyncio.get_running_loop().time
        async with self._queue:
            while True:
                now = clock()
                wait = max(
                    0.0 if self._requests is None else self._requests.wait_for(1, now),
                    0.0 if self._tokens is None else self._tokens.wait_for(1, now),
                )
                if wait == 0:
                    break
                await asyncio.sleep(wait)
            if self._requests is not None:
                self._requests.take(1)
