"""Keeping a conversation inside the model's window.

A strategy makes a shorter history of a long one; `AutoCompactStore` applies one by itself. None of
them ever parts a call from its result, and none touches a turn whose tools are still running.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from axio.agent import Agent
from axio.approval import first_pending
from axio.blocks import ContentBlock, TextBlock, ToolResultBlock
from axio.budget import CHARACTERS_PER_TOKEN, length_of
from axio.context import ContextStore, MemoryContextStore, SessionInfo
from axio.events import Error, SessionEndEvent, TextDelta, ToolUseStart
from axio.exceptions import AxioError
from axio.history import check, open_turn, safe_cut
from axio.messages import Message
from axio.ownership import Ownership
from axio.stream import failure_of
from axio.transport import CompletionTransport, model_of
from axio.types import StopReason

__all__ = (
    "DEFAULT_COMPACTION_PROMPT",
    "AutoCompactStore",
    "ClearToolResults",
    "CompactionError",
    "CompactionStrategy",
    "SlidingWindow",
    "Summarize",
    "compact_context",
)

logger = logging.getLogger(__name__)

DEFAULT_COMPACTION_PROMPT = """\
You condense the earlier part of a conversation between a user and an assistant that works with \
tools. Somebody who reads only your summary must be able to carry on without asking again.

Keep: what the user wants and every condition they set; what was decided and why; facts that were \
found, with names, paths, numbers and identifiers exactly as they stand; what was changed and how \
far the work is; errors met and what helped; what is still to be done.
Leave out greetings, repetitions, and tool output whose essence you have stated.
Answer with the summary alone."""

_REQUEST = "Summarise the conversation so far."
_ACKNOWLEDGEMENT = "Understood. I go on from this summary."
_CLEARED = "[output removed to save space]"

_DEFAULT_WINDOW = 128_000  # tokens, where a transport does not tell
_SHARE = 0.6  # of the window for what one summary reads; the rest is for instructions and answer


class CompactionError(AxioError):
    """A model that was asked for a summary gave none, or only a part of one."""


@runtime_checkable
class CompactionStrategy(Protocol):
    """Makes a valid, shorter history of a valid one; None where it can do nothing, an exception
    where it fails."""

    async def compact(
        self, history: Sequence[Message], transport: CompletionTransport
    ) -> list[Message] | None: ...


def _check_kept(keep_recent: int) -> None:
    if keep_recent < 1:
        raise ValueError(
            f"keep_recent must be at least 1, got {keep_recent}: the model goes on from the last "
            "message"
        )


def _cut(history: Sequence[Message], keep_recent: int) -> int:
    """Where the recent part begins: never with results, whose calls would be on the other side. It
    may begin with the assistant, as a run of one prompt and many calls has to be cut somewhere."""
    # What waits for a person must be there when the answer comes.
    cut = min(len(history) - keep_recent, first_pending(history))
    while cut > 0 and _holds_results(history[cut]):
        cut -= 1
    return max(0, cut)


def _holds_results(message: Message) -> bool:
    return any(isinstance(block, ToolResultBlock) for block in message.content)


@dataclass(frozen=True, slots=True)
class Summarize:
    """All but the recent messages become one summary that the model writes."""

    keep_recent: int = 6
    system_prompt: str = DEFAULT_COMPACTION_PROMPT

    def __post_init__(self) -> None:
        _check_kept(self.keep_recent)

    async def compact(
        self, history: Sequence[Message], transport: CompletionTransport
    ) -> list[Message] | None:
        cut = _cut(history, self.keep_recent)
        if cut == 0:
            return None
        summary = await self._summarize(history[:cut], transport)
        return [
            Message("user", [TextBlock(summary)]),
            Message("assistant", [TextBlock(_ACKNOWLEDGEMENT)]),
            *history[cut:],
        ]

    async def _summarize(self, old: Sequence[Message], transport: CompletionTransport) -> str:
        agent = Agent(self.system_prompt, transport, max_iterations=1)
        summary = ""
        for chunk in _chunks(old, int(_window(transport) * _SHARE) * CHARACTERS_PER_TOKEN):
            before = [Message("user", [TextBlock(summary)])] if summary else []
            summary = await _answer(agent, MemoryContextStore([*before, *chunk]))
        return summary


async def _answer(agent: Agent, store: ContextStore) -> str:
    """What the model writes, if that is a finished text and nothing else."""
    parts: list[str] = []
    stream = agent.run_stream(_REQUEST, store)
    try:
        async for event in stream:
            if isinstance(event, TextDelta):
                parts.append(event.delta)
            elif isinstance(event, ToolUseStart):
                raise CompactionError("the model made a tool call, although it has no tools")
            elif isinstance(event, Error):
                raise failure_of(event)
            elif isinstance(event, SessionEndEvent) and event.stop_reason != StopReason.end_turn:
                raise CompactionError(f"the summary is not finished ({event.reason})")
    finally:
        await stream.aclose()
    summary = "".join(parts)
    if not summary.strip():
        raise CompactionError("the summary is empty")
    return summary


def _window(transport: CompletionTransport) -> int:
    model = model_of(transport)
    return (
        model.context_window if model is not None and model.context_window > 0 else _DEFAULT_WINDOW
    )


def _chunks(messages: Sequence[Message], size: int) -> Iterable[Sequence[Message]]:
    """Parts of about `size` characters, each valid; a single turn that is larger stays whole."""
    start = length = 0
    for index, message in enumerate(messages):
        length += length_of(message)
        if length > size and safe_cut(messages, index) == index > start:
            yield messages[start:index]
            start, length = index, length_of(message)
    yield messages[start:]


@dataclass(frozen=True, slots=True)
class ClearToolResults:
    """Old tool output goes first: results before the recent messages lose their content."""

    keep_recent: int = 6
    longer_than: int = 200

    def __post_init__(self) -> None:
        _check_kept(self.keep_recent)

    async def compact(
        self, history: Sequence[Message], transport: CompletionTransport
    ) -> list[Message] | None:
        cut = _cut(history, self.keep_recent)
        old = [self._cleared(message) for message in history[:cut]]
        if all(a is b for a, b in zip(old, history, strict=False)):
            return None
        return [*old, *history[cut:]]

    def _cleared(self, message: Message) -> Message:
        content: list[ContentBlock] = [
            ToolResultBlock(block.tool_use_id, _CLEARED, block.is_error)
            if isinstance(block, ToolResultBlock) and self._is_long(block)
            else block
            for block in message.content
        ]
        unchanged = all(a is b for a, b in zip(content, message.content, strict=True))
        return message if unchanged else Message(message.role, content)

    def _is_long(self, block: ToolResultBlock) -> bool:
        return not isinstance(block.content, str) or len(block.content) > self.longer_than


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """Only the recent messages stay; before an assistant's also the words of the user that it works
    on, because providers want a conversation to begin with those."""

    keep_recent: int = 20

    def __post_init__(self) -> None:
        _check_kept(self.keep_recent)

    async def compact(
        self, history: Sequence[Message], transport: CompletionTransport
    ) -> list[Message] | None:
        cut = _cut(history, self.keep_recent)
        prompts: list[Message] = []
        if cut and history[cut].role == "assistant":
            prompts = [m for m in history[:cut] if m.role == "user" and not _holds_results(m)]
        kept = [*prompts[-1:], *history[cut:]]
        return kept if len(kept) < len(history) else None


async def compact_context(
    context: ContextStore,
    transport: CompletionTransport,
    *,
    keep_recent: int = 6,
    system_prompt: str = DEFAULT_COMPACTION_PROMPT,
) -> list[Message] | None:
    """A summary, its acknowledgement and at least the last `keep_recent` messages of `context`.

    None when the history is too short, or the summary fails, which is logged. The store is not
    changed.
    """
    strategy = Summarize(keep_recent, system_prompt)
    history = await context.get_history()
    try:
        return await strategy.compact(history, transport)
    except Exception as exc:
        logger.warning("the conversation could not be summarised: %s", exc)
        return None


class AutoCompactStore(ContextStore):
    """`store`, compacted after a model call that read more than the limit.

    The limit is `max_tokens`, or `threshold` times the window of `transport.model`. The history is
    replaced in one step where the store can, and left as it is, with a warning, when the strategy
    fails, makes an invalid history, or the store cannot replace. After such a failure the next
    attempt waits until `keep_recent` messages were added.
    """

    def __init__(
        self,
        store: ContextStore,
        transport: CompletionTransport,
        *,
        keep_recent: int = 6,
        max_tokens: int | None = None,
        threshold: float = 0.75,
        strategy: CompactionStrategy | None = None,
    ) -> None:
        self._store = store
        self._transport = transport
        self._keep_recent = keep_recent
        self._threshold = threshold
        self._max_tokens = int(_window(transport) * threshold) if max_tokens is None else max_tokens
        self._strategy = strategy or Summarize(keep_recent)
        self._lock = Ownership()
        self._wait_for = 0

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self._store.add_context_tokens(input_tokens, output_tokens)
        if input_tokens > self._max_tokens:
            async with self._lock:
                await self._compact()

    async def _compact(self) -> None:
        history = await self._store.get_history()
        # A turn whose tools are running is nobody's to change.
        before = history[: open_turn(history)]
        if len(before) < self._wait_for:
            return
        try:
            shorter = await self._strategy.compact(before, self._transport)
        except Exception as exc:
            self._put_off(before, repr(exc))
            return
        if shorter is None:
            return
        if problems := check(shorter):
            self._put_off(before, f"the strategy would break it: {problems[0].text}")
            return
        # The strategy may have taken seconds; what was stored meanwhile follows what it saw.
        after = [*shorter, *(await self._store.get_history())[len(before) :]]
        try:
            await self._store.replace(after)
        except NotImplementedError:
            self._put_off(before, f"{type(self._store).__name__} cannot replace its history")
            return
        self._wait_for = len(after) + 1  # There is nothing new to compact before.

    def _put_off(self, history: list[Message], why: str) -> None:
        logger.warning("a session could not be compacted: %s", why)
        self._wait_for = len(history) + self._keep_recent

    async def fork(self) -> AutoCompactStore:
        copy = AutoCompactStore(
            await self._store.fork(),
            self._transport,
            keep_recent=self._keep_recent,
            max_tokens=self._max_tokens,
            threshold=self._threshold,
            strategy=self._strategy,
        )
        copy._wait_for = self._wait_for
        return copy

    @property
    def session_id(self) -> str:
        return self._store.session_id

    def own(self) -> AbstractAsyncContextManager[Any]:
        return self._store.own()

    async def append(self, message: Message) -> None:
        await self._store.append(message)

    async def extend(self, messages: Iterable[Message]) -> None:
        await self._store.extend(messages)

    async def replace(self, messages: Iterable[Message]) -> None:
        self._wait_for = 0
        await self._store.replace(messages)

    async def get_history(self) -> list[Message]:
        return await self._store.get_history()

    async def clear(self) -> None:
        self._wait_for = 0
        await self._store.clear()

    async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self._store.set_context_tokens(input_tokens, output_tokens)

    async def get_context_tokens(self) -> tuple[int, int]:
        return await self._store.get_context_tokens()

    async def list_sessions(self) -> list[SessionInfo]:
        return await self._store.list_sessions()

    async def close(self) -> None:
        await self._store.close()
