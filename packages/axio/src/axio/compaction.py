"""Keeping a conversation inside the model's window.

A strategy makes a shorter history of a long one; `AutoCompactStore` applies one by itself. None of
them ever parts a call from its result, changes a system message, or touches a turn whose tools are
still running.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from axio.agent import Agent
from axio.approval import first_pending
from axio.blocks import ContentBlock, TextBlock, ToolResultBlock
from axio.context import ContextStore, MemoryContextStore
from axio.events import Error, SessionEndEvent, TextDelta, ToolUseStart
from axio.exceptions import AxioError, LimitReached
from axio.history import check, open_turn, safe_cut
from axio.messages import Message
from axio.ownership import Ownership
from axio.run import RUN
from axio.run.budget import CHARACTERS_PER_TOKEN, Budget, length_of
from axio.run.stream import failure_of
from axio.store_wrapper import StoreWrapper
from axio.transport import CompletionTransport, model_of, require_transport
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
tools. A reader of your summary alone must be able to carry on without asking again.

Keep: what the user wants and every condition they set; what was decided and why; facts that were \
found, with names, paths, numbers and identifiers exactly as they stand; what was changed and how \
far the work is; errors met and what helped; what is still to be done.
Leave out greetings, repetitions, and tool output whose essence you have stated.
Answer with the summary alone."""

_REQUEST = "Summarise the conversation so far, in at most {words} words."
_ACKNOWLEDGEMENT = "Understood. I go on from this summary."
_REPLACEMENT = 2  # messages in the place of the old ones
_CLEARED = "[output removed to save space]"

_DEFAULT_WINDOW = 128_000  # tokens, where a transport does not tell
_READ = 0.6  # of the window for what one summary reads; the rest is for instructions and answer
_WRITTEN = 0.2  # of the window for the summary, which the next one reads as well
_WORDS_PER_TOKEN = 0.7


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


def _by_role(messages: Iterable[Message]) -> tuple[list[Message], list[Message]]:
    """The system messages, and the others. The former are the application's own words, which no
    strategy changes or drops: they go before what is made of the others."""
    system: list[Message] = []
    others: list[Message] = []
    for message in messages:
        (system if message.role == "system" else others).append(message)
    return system, others


def _holds_results(message: Message) -> bool:
    return any(isinstance(block, ToolResultBlock) for block in message.content)


@dataclass(frozen=True, slots=True)
class Summarize:
    """All but the recent messages become one summary that the model writes.

    `CompactionError` if it is not finished after `seconds`, or longer than `max_tokens`. In a run
    that has a limit of time it takes at most half of the time that is left.
    """

    keep_recent: int = 6
    system_prompt: str = DEFAULT_COMPACTION_PROMPT
    seconds: float = 60.0
    max_tokens: int = 4_000

    def __post_init__(self) -> None:
        _check_kept(self.keep_recent)

    async def compact(
        self, history: Sequence[Message], transport: CompletionTransport
    ) -> list[Message] | None:
        cut = _cut(history, self.keep_recent)
        system, old = _by_role(history[:cut])
        # In front of a call that waits there may be nothing to shorten but the last summary.
        held_back = first_pending(history) < len(history) - self.keep_recent
        if not old or (held_back and len(old) <= _REPLACEMENT):
            return None
        return [
            *system,
            Message("user", [TextBlock(await self._summarize(old, transport))]),
            Message("assistant", [TextBlock(_ACKNOWLEDGEMENT)]),
            *history[cut:],
        ]

    async def _summarize(self, old: Sequence[Message], transport: CompletionTransport) -> str:
        agent = Agent(self.system_prompt, transport, max_iterations=1)
        window = _window(transport)
        limit = min(self.max_tokens, int(window * _WRITTEN))
        budget = Budget(seconds=min([self.seconds, *(left / 2 for left in _seconds_left())]))
        summary = ""
        for chunk in _chunks(old, int(window * _READ) * CHARACTERS_PER_TOKEN):
            before = [Message("user", [TextBlock(summary)])] if summary else []
            store = MemoryContextStore([*before, *chunk])
            summary = await _answer(agent, store, limit, budget)
        return summary


def _seconds_left() -> Iterator[float]:
    """The time that is left to the runs around."""
    run = RUN.get(None)
    for budget in () if run is None else run.budgets():
        left = budget.seconds_left()
        if left is not None:
            yield max(0.0, left)


async def _answer(agent: Agent, store: ContextStore, limit: int, budget: Budget) -> str:
    """The text that the model writes, if that is finished, at most `limit` tokens long, and
    nothing else."""
    parts: list[str] = []
    left = limit * CHARACTERS_PER_TOKEN
    request = _REQUEST.format(words=int(limit * _WORDS_PER_TOKEN))
    stream = agent.run_stream(request, store, budget=budget)
    try:
        async for event in stream:
            if isinstance(event, TextDelta):
                parts.append(event.delta)
                left -= len(event.delta)
                if left < 0:
                    raise CompactionError(f"the summary is longer than {limit} tokens")
            elif isinstance(event, ToolUseStart):
                raise CompactionError("the model made a tool call, although it has no tools")
            elif isinstance(event, Error):
                if isinstance(event.exception, LimitReached):
                    raise CompactionError(f"the summary is not finished ({event.exception})")
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
    """Only the recent messages and the system's stay; before an assistant's also the words of the
    user that it works on, because providers want a conversation to begin with those."""

    keep_recent: int = 20

    def __post_init__(self) -> None:
        _check_kept(self.keep_recent)

    async def compact(
        self, history: Sequence[Message], transport: CompletionTransport
    ) -> list[Message] | None:
        cut = _cut(history, self.keep_recent)
        system, old = _by_role(history[:cut])
        _, recent = _by_role(history[cut:])
        prompts: list[Message] = []
        if recent and recent[0].role == "assistant":
            prompts = [m for m in old if m.role == "user" and not _holds_results(m)]
        kept = [*system, *prompts[-1:], *history[cut:]]
        return kept if len(kept) < len(history) else None


async def compact_context(
    context: ContextStore,
    transport: CompletionTransport,
    *,
    keep_recent: int = 6,
    system_prompt: str = DEFAULT_COMPACTION_PROMPT,
) -> list[Message] | None:
    """A summary, its acknowledgement and at least the last `keep_recent` messages of `context`;
    before them the system messages of the part that was summarised, as they are.

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


class AutoCompactStore(StoreWrapper):
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
        super().__init__(store)
        require_transport(transport)
        self._transport = transport
        self._keep_recent = keep_recent
        self._max_tokens = int(_window(transport) * threshold) if max_tokens is None else max_tokens
        self._strategy = strategy or Summarize(keep_recent)
        self._lock = Ownership()
        self._wait_for = 0

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self.inner.add_context_tokens(input_tokens, output_tokens)
        if input_tokens > self._max_tokens:
            async with self._lock:
                await self._compact()

    async def _compact(self) -> None:
        history = await self.inner.get_history()
        # A turn whose tools are running must not change.
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
        after = [*shorter, *(await self.inner.get_history())[len(before) :]]
        try:
            await self.inner.replace(after)
        except NotImplementedError:
            self._put_off(before, f"{type(self.inner).__name__} cannot replace its history")
            return
        self._wait_for = len(after) + 1  # There is nothing new to compact before.

    def _put_off(self, history: list[Message], why: str) -> None:
        logger.warning("a session could not be compacted: %s", why)
        self._wait_for = len(history) + self._keep_recent

    async def fork(self) -> AutoCompactStore:
        twin = await super().fork()
        twin._lock = Ownership()
        return twin

    async def replace(self, messages: Iterable[Message]) -> None:
        self._wait_for = 0
        await self.inner.replace(messages)

    async def clear(self) -> None:
        self._wait_for = 0
        await self.inner.clear()
