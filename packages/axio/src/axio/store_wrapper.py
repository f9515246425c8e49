"""The base of stores around stores."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from axio.context import ContextStore, SessionInfo, require_store
from axio.journal import Journal
from axio.messages import Message

__all__ = ("StoreWrapper",)

W = TypeVar("W", bound="StoreWrapper")


class StoreWrapper(ContextStore):
    """`inner`, unchanged: the same session, with the same owner. A subclass overrides what it does
    differently; all messages go in through `append`, `extend` and `replace`, and come out through
    `get_history` and `fork`.
    """

    def __init__(self, inner: ContextStore) -> None:
        require_store(inner, "the store inside")
        self.inner = inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    @property
    def session_id(self) -> str:
        return self.inner.session_id

    @property
    def journal(self) -> Journal | None:
        return self.inner.journal

    def own(self) -> AbstractAsyncContextManager[None]:
        return self.inner.own()

    async def fork(self: W) -> W:
        """The same around a fork of the inner store."""
        twin = copy.copy(self)
        twin.inner = await self.inner.fork()
        return twin

    async def append(self, message: Message) -> None:
        await self.inner.append(message)

    async def extend(self, messages: Iterable[Message]) -> None:
        await self.inner.extend(messages)

    async def replace(self, messages: Iterable[Message]) -> None:
        await self.inner.replace(messages)

    async def get_history(self) -> list[Message]:
        return await self.inner.get_history()

    async def clear(self) -> None:
        await self.inner.clear()

    async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self.inner.set_context_tokens(input_tokens, output_tokens)

    async def get_context_tokens(self) -> tuple[int, int]:
        return await self.inner.get_context_tokens()

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self.inner.add_context_tokens(input_tokens, output_tokens)

    async def list_sessions(self) -> list[SessionInfo]:
        return await self.inner.list_sessions()

    async def close(self) -> None:
        await self.inner.close()
