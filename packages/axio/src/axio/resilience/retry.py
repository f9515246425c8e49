"""Ask again when the model could not be reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

from axio.events import StreamEvent
from axio.exceptions import StreamError
from axio.messages import Message
from axio.tool import AnyTool
from axio.transport import CompletionTransport, admission, closing
from axio.wire.retry import RetryPolicy
from axio.wrapper import Wrapper, without_retries

__all__ = ("Retry",)

logger = logging.getLogger(__name__)


class Retry(Wrapper):
    """Up to `attempts` requests, waiting longer each time or as long as the provider asks for (at
    most a minute), and none once an event has come.

    Retried are a `StreamError` marked retryable, `OSError` and `TimeoutError`. What is inside makes
    one attempt only, through however many wrappers: policies of transports and other `Retry`s are
    switched off, in copies.
    """

    def __init__(
        self,
        inner: CompletionTransport,
        attempts: int = 3,
        base_delay: float = 1.0,
        jitter: float = 0.5,
    ) -> None:
        if attempts < 1:
            raise ValueError(f"attempts must be at least 1, got {attempts}")
        super().__init__(without_retries(inner))
        self._policy = RetryPolicy(attempts, base_delay, jitter)

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        for attempt in range(1, self._policy.attempts + 1):
            began = False
            try:
                async with closing(self.inner.stream(messages, tools, system)) as source:
                    async for event in source:
                        began = True
                        yield event
                return
            except Exception as exc:
                if began or attempt == self._policy.attempts or not _may_work_later(exc):
                    raise
                delay = self._policy.delay(attempt, getattr(exc, "retry_after", None))
                logger.warning("the model could not be asked (%s), again in %.1f s", exc, delay)
            await asyncio.sleep(delay)
            await admission()

    def without_retries(self) -> CompletionTransport:
        return self.inner


def _may_work_later(exc: Exception) -> bool:
    if isinstance(exc, StreamError):
        return exc.retryable
    return isinstance(exc, OSError)  # TimeoutError is one
