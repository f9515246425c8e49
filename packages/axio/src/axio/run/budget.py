"""The limits of a run and of every run inside it: counted here, and asked for by the run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field, fields
from math import isnan
from time import monotonic
from typing import TYPE_CHECKING

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.events import ReasoningDelta, StreamEvent, TextDelta, ToolInputDelta
from axio.exceptions import LimitReached
from axio.messages import Message
from axio.models import ModelSpec
from axio.transport import closing
from axio.types import Usage

if TYPE_CHECKING:
    from axio.run.ledger import Ledger

__all__ = ("CHARACTERS_PER_TOKEN", "Budget", "cost_of", "estimate", "length_of", "stop_runaway")

_SHARED = ("requests", "input_tokens", "output_tokens", "tokens", "cost")

CHARACTERS_PER_TOKEN = 4
"""A low estimate for most texts, where the provider does not count tokens."""


@dataclass(slots=True, eq=False)
class Budget:
    """Limits, and what has been used of them; None means no limit.

    One object may serve several runs, which then share it. A run inside another one (a sub-agent's,
    a guard's, a summary's) also uses up the outer run's. A limit ends the run with
    `Error(LimitReached)` and a `SessionEndEvent` whose `reason` names it: "requests", "tokens",
    "cost", "tool_calls", "time" or "silence".

    `tokens` counts input and output. `cost` is in USD by the prices in `transport.model`; a model
    without prices is free. `seconds` is the time since the first run began, `silence` how many of
    them the model may go without an event: these two interrupt at once, the others before the next
    model or tool call, and in the middle of a response only when it surely runs away.

    With a `ledger` the limits of requests, tokens and cost are those of all the runs, in any number
    of processes, that book under the same `key`; within each `window` of so many seconds, if there
    is one. Before a model call the most that it may take is reserved, so they are never exceeded,
    and tokens and cost must leave room for that: the input's bytes and `max_output_tokens`. The
    other limits, and what is `used`, count in this object alone.

    `watch` is told of each model call: its tokens, and the transport's `ModelSpec` or None.
    """

    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    tokens: int | None = None
    cost: float | None = None
    tool_calls: int | None = None
    seconds: float | None = None
    silence: float | None = None
    used_requests: int = field(default=0, init=False)
    used: Usage = field(default_factory=lambda: Usage(0, 0), init=False)
    used_cost: float = field(default=0.0, init=False)
    used_tool_calls: int = field(default=0, init=False)
    started: float | None = field(default=None, init=False, repr=False)
    ledger: Ledger | None = field(default=None, repr=False)
    window: float | None = None
    key: str = ""
    watch: Callable[[Usage, ModelSpec | None], object] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if limit.init and value is not None and limit.name not in ("ledger", "key", "watch"):
                _check(limit.name, value)
        if self.ledger is not None and not self.key:
            raise ValueError("Budget(ledger=...) needs the key under which its runs book")

    def start(self) -> None:
        """Let the clock run, if it does not yet."""
        if self.started is None:
            self.started = monotonic()

    def request(self) -> None:
        """Count a model call about to be made; `LimitReached` if nothing is left for it."""
        used = self.used
        if self.ledger is not None:
            self.used_requests += 1
            return
        _spare("requests", self.requests, self.used_requests)
        _spare("tokens", self.input_tokens, used.input_tokens, " of input")
        _spare("tokens", self.output_tokens, used.output_tokens, " of output")
        _spare("tokens", self.tokens, used.input_tokens + used.output_tokens)
        _spare("cost", self.cost, self.used_cost, " USD")
        self.used_requests += 1

    def spend(self, usage: Usage, model: object) -> None:
        """Count the tokens of a model call that was made."""
        self.used += usage
        known = model if isinstance(model, ModelSpec) else None
        if known is not None:
            self.used_cost += cost_of(usage, known)
        if self.watch is not None:
            self.watch(usage, known)

    def call_tools(self, count: int) -> None:
        """Count tool calls about to be run; `LimitReached` if they are more than what is left."""
        _spare("tool_calls", self.tool_calls, self.used_tool_calls + count - 1)
        self.used_tool_calls += count

    def shared_limits(self) -> dict[str, float]:
        """Those that the ledger holds."""
        limits = {name: getattr(self, name) for name in _SHARED}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def seconds_left(self) -> float | None:
        if self.seconds is None or self.started is None:
            return None
        return self.started + self.seconds - monotonic()

    def output_left(self) -> int | None:
        """How many tokens the model may still write."""
        left: list[int] = []
        if self.ledger is not None:
            return None
        if self.output_tokens is not None:
            left.append(self.output_tokens - self.used.output_tokens)
        if self.tokens is not None:
            left.append(self.tokens - self.used.input_tokens - self.used.output_tokens)
        return min(left, default=None)


def _check(name: str, value: object) -> None:
    """Refuse a limit that would limit nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"Budget({name}=...) must be a number, got {value!r}")
    if isnan(value) or value < 0:
        raise ValueError(f"Budget({name}=...) must not be below 0, got {value!r}")


def _spare(name: str, limit: float | None, used: float, what: str = "") -> None:
    """Refuse when nothing of `limit` is left."""
    if limit is not None and used >= limit:
        unit = name.replace("_", " ") + what
        raise LimitReached(f"the limit of {limit:g} {unit} is reached", reason=name)


def cost_of(usage: Usage, model: ModelSpec) -> float:
    """The cost of `usage` in USD. Cached input has its own prices where the model has them."""
    plain = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
    return (
        plain * model.input_cost
        + usage.cache_read_tokens * _price(model.cache_read_cost, model)
        + usage.cache_write_tokens * _price(model.cache_write_cost, model)
        + usage.output_tokens * model.output_cost
    ) / 1_000_000


def _price(cached: float | None, model: ModelSpec) -> float:
    return model.input_cost if cached is None else cached


def length_of(message: Message) -> int:
    """Characters of text in a message; media count as little as they do in a window."""
    total = 0
    for block in message.content:
        if isinstance(block, TextBlock):
            total += len(block.text)
        elif isinstance(block, ToolUseBlock):
            total += len(str(block.input))
        elif isinstance(block, ToolResultBlock):
            total += len(block.content) if isinstance(block.content, str) else 0
    return total


def estimate(read: int, written: int) -> Usage:
    """Estimate the tokens of a response from the characters read and written."""
    return Usage(read // CHARACTERS_PER_TOKEN, written // CHARACTERS_PER_TOKEN)


async def stop_runaway(
    source: AsyncIterator[StreamEvent], tokens: int
) -> AsyncGenerator[StreamEvent, None]:
    """The events of `source`; `LimitReached` once they are surely more than `tokens` of output."""
    left = tokens * CHARACTERS_PER_TOKEN
    async with closing(source):
        async for event in source:
            if isinstance(event, (TextDelta, ReasoningDelta)):
                left -= len(event.delta)
            elif isinstance(event, ToolInputDelta):
                left -= len(event.partial_json)
            yield event
            if left < 0:
                raise LimitReached("the limit of output tokens is reached", reason="tokens")
