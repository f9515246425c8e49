"""Where a conversation is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from binascii import hexlify
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from copy import deepcopy
from dataclasses import dataclass, replace
from os import urandom
from typing import TypeVar

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    unshared,
)
from axio.exceptions import wrong_kind
from axio.history import open_turn
from axio.journal import Journal
from axio.messages import Message
from axio.ownership import Ownership
from axio.types import ToolCallID

__all__ = ("ContextStore", "MemoryContextStore", "SessionInfo")

S = TypeVar("S", bound="ContextStore")

_PREVIEW_LENGTH = 80

_UNCHANGING = (TextBlock, ImageBlock, AudioBlock, VideoBlock)


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One line in a list of sessions. `created_at` is UTC, "YYYY-MM-DD HH:MM:SS", or empty."""

    session_id: str
    message_count: int
    preview: str
    created_at: str
    input_tokens: int = 0
    output_tokens: int = 0


def require_store(store: object, argument: str = "context") -> None:
    """TypeError for what holds no conversation."""
    if hasattr(type(store), "_checked"):  # One of ours; isinstance costs more than a short history.
        return
    methods = (getattr(store, name, None) for name in ("append", "get_history", "own"))
    if isinstance(store, type) or not all(map(callable, methods)):
        raise wrong_kind(argument, "a ContextStore, such as MemoryContextStore()", store)


class _Ownership(Ownership):
    warning = (
        "still waiting for another run on the same context store to end; if its stream was left in "
        "the middle, close it with `await stream.aclose()`, or work on `await context.fork()`"
    )


class ContextStore(ABC):
    """A conversation: `append` and `get_history` are enough, the rest has defaults.

    The defaults need no call of `super().__init__()`. A store with transactions should override
    `extend` and `replace`, so that a crash leaves all of the messages or none.
    """

    # How many messages the last run found valid, and the last one of them, by which a run sees that
    # the history is still the same. These are not checked again.
    _checked: tuple[int, Message | None] = (0, None)

    # The ids of the calls in the history, as far as runs have read it: none of them is given again.
    _call_ids: set[ToolCallID] | None = None

    _ownership: Ownership | None = None

    @abstractmethod
    async def append(self, message: Message) -> None:
        """Add one message at the end; it is stored when this returns."""

    @abstractmethod
    async def get_history(self) -> list[Message]:
        """All messages, in a list that the caller may change."""

    @property
    def session_id(self) -> str:
        """32 hexadecimal digits, made when first asked for."""
        found: str | None = getattr(self, "_session_id", None)
        if found is None:
            found = self._session_id = hexlify(urandom(16)).decode()
        return found

    @property
    def journal(self) -> Journal | None:
        """Where calls are noted that have begun; None for a store that does not outlive a crash."""
        return None

    async def extend(self, messages: Iterable[Message]) -> None:
        """Add several messages at the end, in one step where the store can."""
        for message in messages:
            await self.append(message)

    async def replace(self, messages: Iterable[Message]) -> None:
        """Put `messages` in the place of the whole history, in one step where the store can.

        Token counts stay. NotImplementedError, and nothing changed, when the store has no `clear`.
        """
        kept = list(messages)
        tokens = await self.get_context_tokens()
        await self.clear()
        await self.extend(kept)
        await self.set_context_tokens(*tokens)

    async def clear(self) -> None:
        """Forget all messages and token counts."""
        raise NotImplementedError(f"{type(self).__name__} cannot be cleared")

    async def fork(self) -> ContextStore:
        """An independent copy. It ends before a turn whose tools are still running."""
        history = await self.get_history()
        copy = MemoryContextStore(_copies(history[: open_turn(history)]))
        await copy.set_context_tokens(*await self.get_context_tokens())
        return copy

    def own(self) -> AbstractAsyncContextManager[None]:
        """Return the lock that a run holds from its beginning to its end.

        One run at a time writes to a session; others wait. The default knows only the runs of this
        process that share this object.
        """
        ownership = self._ownership
        if ownership is None or ownership.is_left_behind():
            ownership = self._ownership = _Ownership()
        return ownership

    async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:  # noqa: B027
        """Set the token totals; a store that keeps none ignores it."""

    async def get_context_tokens(self) -> tuple[int, int]:
        """The totals of input and output tokens."""
        return (0, 0)

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        """Count one model call. Called after its turn is stored, while no stream is open."""
        before_input, before_output = await self.get_context_tokens()
        await self.set_context_tokens(before_input + input_tokens, before_output + output_tokens)

    async def close(self) -> None:  # noqa: B027
        """Release what the store itself opened."""

    async def list_sessions(self) -> list[SessionInfo]:
        """The sessions beside this one; by default only this one."""
        history = await self.get_history()
        tokens = await self.get_context_tokens()
        return [SessionInfo(self.session_id, len(history), preview(history), "", *tokens)]

    @classmethod
    async def from_history(cls: type[S], history: Iterable[Message]) -> S:
        """A new store of this class, made without arguments, that holds `history`."""
        store = cls()
        for message in history:
            await store.append(message)
        return store

    @classmethod
    async def from_context(cls: type[S], context: ContextStore) -> S:
        """A new store of this class with the history and token counts of another."""
        store = await cls.from_history(await context.get_history())
        await store.set_context_tokens(*await context.get_context_tokens())
        return store


def preview(history: Iterable[Message], empty: str = "(empty)") -> str:
    """The beginning of the first text the user wrote."""
    for message in history:
        if message.role != "user":
            continue
        for block in message.content:
            if isinstance(block, TextBlock):
                text = block.text
                return text if len(text) <= _PREVIEW_LENGTH else text[:_PREVIEW_LENGTH] + "..."
    return empty


def _copies(messages: Iterable[Message]) -> list[Message]:
    """Messages that share nothing that can change; pictures and the like are big, and shared."""
    return [Message(message.role, [_copy(b) for b in message.content]) for message in messages]


def _copy(block: ContentBlock) -> ContentBlock:
    """The block itself where nothing in it can change: it is frozen, the data it holds is not."""
    if isinstance(block, _UNCHANGING):
        return block
    if isinstance(block, ToolUseBlock):
        return replace(block, input=unshared(block.input))
    if isinstance(block, ToolResultBlock):
        return block if isinstance(block.content, str) else replace(block, content=[*block.content])
    if isinstance(block, ReasoningBlock):
        return replace(block, data=unshared(block.data))
    return deepcopy(block)


class MemoryContextStore(ContextStore):
    """A conversation in memory."""

    def __init__(self, history: list[Message] | None = None) -> None:
        self._messages: list[Message] = list(history or ())
        self._tokens = (0, 0)

    async def append(self, message: Message) -> None:
        self._messages.append(message)

    async def extend(self, messages: Iterable[Message]) -> None:
        self._messages.extend(messages)

    async def replace(self, messages: Iterable[Message]) -> None:
        self._messages = list(messages)

    async def get_history(self) -> list[Message]:
        return self._messages.copy()

    async def clear(self) -> None:
        self._messages = []
        self._tokens = (0, 0)

    async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        self._tokens = (input_tokens, output_tokens)

    async def get_context_tokens(self) -> tuple[int, int]:
        return self._tokens

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        # As inherited, but every model call of every run comes here.
        before_input, before_output = self._tokens
        self._tokens = (before_input + input_tokens, before_output + output_tokens)
