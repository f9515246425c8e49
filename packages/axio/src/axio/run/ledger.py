"""The use of runs in any number of processes, booked where all of them can see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from json import dumps
from typing import Protocol

from axio.blocks import (
    ContentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    to_dict,
)
from axio.events import IterationEnd, StreamEvent
from axio.exceptions import LimitReached
from axio.messages import Message
from axio.models import ModelSpec
from axio.run.budget import Budget, cost_of
from axio.tool import AnyTool
from axio.transport import closing
from axio.types import Usage

__all__ = ("SUMS", "Ledger", "book", "limit_in_the_way", "upper_bound")

SUMS = ("requests", "input_tokens", "output_tokens", "tokens", "cost")
"""The names of what is limited; \"tokens\" are those of input and output."""

_IMAGE = 4096  # tokens; the largest picture that providers take has fewer


class Ledger(Protocol):
    """Keeps sums under keys.

    The amounts are "requests", "input_tokens", "output_tokens" and "cost"; limits may also be of
    "tokens", which are input and output.
    """

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        """Add `amounts` in one step, unless a sum would then be above its limit.

        Sums are those of the current `window` of so many seconds, or of all time. Returns a ticket
        for `settle`. `LimitReached`, and nothing is added, when a limit is in the way.
        """

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        """Put right what was reserved, once it is known what was used."""


def limit_in_the_way(
    key: str,
    sums: Mapping[str, float],
    amounts: Mapping[str, float],
    limits: Mapping[str, float],
) -> LimitReached:
    """The error for `amounts` that were not reserved, where the ledger holds `sums`."""
    wanted = {**amounts, "tokens": amounts["input_tokens"] + amounts["output_tokens"]}
    over = [name for name in limits if sums[name] + wanted[name] > limits[name]]
    name = over[0] if over else next(iter(limits))  # Another has just been settled.
    words = name.replace("_", " ")
    return LimitReached(
        f"the limit of {limits[name]:g} {words} of {key!r} leaves no room for a model call",
        reason="tokens" if name.endswith("tokens") else name,
    )


def book(
    source: AsyncIterator[StreamEvent],
    budgets: Sequence[Budget],
    history: Sequence[Message],
    tools: Sequence[AnyTool],
    system: str,
    model: object,
) -> AsyncIterator[StreamEvent]:
    """The events of one model call, booked for each of the budgets that has a ledger."""
    bound = upper_bound(history, tools, system, model)
    for budget in budgets:
        if budget.ledger is not None:
            source = _booked(source, budget, budget.ledger, bound, model)
    return source


async def _booked(
    source: AsyncIterator[StreamEvent], budget: Budget, ledger: Ledger, bound: Usage, model: object
) -> AsyncGenerator[StreamEvent, None]:
    """The events of a call for which `bound` is reserved before it is made.

    Of a call that breaks off after it has begun it is not known what it used: all stays reserved.
    """
    reserved = _amounts(bound, _highest_cost(bound, model))
    begun, usage = False, None
    async with closing(source):
        ticket = await ledger.reserve(budget.key, reserved, budget.shared_limits(), budget.window)
        try:
            async for event in source:
                begun = True
                if isinstance(event, IterationEnd):
                    usage = event.usage if usage is None else usage + event.usage
                yield event
        finally:
            used = usage if begun else Usage(0, 0)
            if used is not None:
                amounts = _amounts(used, _cost(used, model))
                differences = {name: amounts[name] - reserved[name] for name in reserved}
                await _to_the_end(ledger, ticket, differences)


async def _to_the_end(ledger: Ledger, ticket: object, differences: Mapping[str, float]) -> None:
    """Settle also when the run is being cancelled."""
    task = asyncio.get_running_loop().create_task(ledger.settle(ticket, differences))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=10)
        raise


def _amounts(usage: Usage, cost: float) -> dict[str, float]:
    tokens = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    return {"requests": 1, **tokens, "cost": cost}


def _cost(usage: Usage, model: object) -> float:
    return cost_of(usage, model) if isinstance(model, ModelSpec) else 0.0


def _highest_cost(usage: Usage, model: object) -> float:
    """The cost if all of the input is written to the provider's cache."""
    written = replace(usage, cache_write_tokens=usage.input_tokens)
    return max(_cost(usage, model), _cost(written, model))


def upper_bound(
    messages: Sequence[Message], tools: Sequence[AnyTool], system: str, model: object
) -> Usage:
    """More tokens than a model call can take: a token of text has at least one byte."""
    size = len(system.encode("utf-8", "replace"))
    size += sum(len(dumps(tool.input_schema)) + len(tool.description) for tool in tools)
    size += sum(_size(block) for message in messages for block in message.content)
    output = model.max_output_tokens if isinstance(model, ModelSpec) else 8192
    return Usage(size, output)


def _size(block: ContentBlock) -> int:
    if isinstance(block, TextBlock):
        return len(block.text.encode("utf-8", "replace"))
    if isinstance(block, ToolUseBlock):
        return len(block.name) + len(dumps(block.input))
    if isinstance(block, ToolResultBlock):
        if isinstance(block.content, str):
            return len(block.content.encode("utf-8", "replace"))
        return sum(_size(part) for part in block.content)
    return _IMAGE if isinstance(block, ImageBlock) else len(dumps(to_dict(block)))
