"""Results without a type are complete, as the protocol has it; the library wants the type."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any

__all__ = ("Completing",)


class Completing:
    """`async with completing.over(transport) as streams:` gives its streams. Results that come are
    given the type that they lack from when `wanted` is set: older protocols have none."""

    def __init__(self) -> None:
        self.wanted = False

    @asynccontextmanager
    async def over(
        self, transport: AbstractAsyncContextManager[Any]
    ) -> AsyncIterator[tuple[_Completed, Any]]:
        async with transport as (received, to_send):
            yield _Completed(self, received), to_send


class _Completed:
    """A stream of messages, as the library reads it."""

    def __init__(self, completing: Completing, stream: Any) -> None:
        self._completing = completing
        self._stream = stream

    async def __aenter__(self) -> _Completed:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stream.__aexit__(exc_type, exc, traceback)

    def __aiter__(self) -> _Completed:
        return self

    async def __anext__(self) -> Any:
        item = await self._stream.__anext__()
        result = getattr(getattr(item, "message", None), "result", None)
        if self._completing.wanted and isinstance(result, dict):
            result.setdefault("resultType", "complete")
        return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
