"""Budgets that book in a ledger: the most is reserved, and put right when it is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, Tool
from axio.blocks import AudioBlock, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget
from axio.events import IterationEnd, StreamEvent, TextDelta
from axio.exceptions import ConnectionFailed, LimitReached, StreamError
from axio.messages import Message
from axio.models import ModelSpec
from axio.run.ledger import upper_bound
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.types import StopReason, Usage

MODEL = ModelSpec("m", max_output_tokens=100, input_cost=1_000_000, output_cost=2_000_000)


class Book:
    """A ledger in memory, that keeps all it was told."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.reserved: list[Mapping[str, float]] = []
        self.limits: Mapping[str, float] = {}
        self.window: float | None = None

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        assert key == "key"
        self.limits, self.window = limits, window
        wanted = {**amounts, "tokens": amounts["input_tokens"] + amounts["output_tokens"]}
        for name, limit in limits.items():
            if self.sums.get(name, 0) + wanted[name] > limit:
                raise LimitReached(f"no room for {name}", reason=name)
        self.reserved.append(amounts)
        self._add(amounts)
        return "ticket"

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        assert ticket == "ticket"
        await asyncio.sleep(0)
        self._add(differences)

    def _add(self, amounts: Mapping[str, float]) -> None:
        for name, amount in amounts.items():
            self.sums[name] = self.sums.get(name, 0) + amount


class Speaking(StubTransport):
    model = MODEL

    def __init__(self, *turns: list[StreamEvent]) -> None:
        super().__init__([*turns])


def done(usage: Usage) -> list[StreamEvent]:
    return [TextDelta(0, "ok"), IterationEnd(0, StopReason.end_turn, usage)]


async def test_the_most_is_reserved_and_what_was_used_remains() -> None:
    book = Book()
    agent = Agent("Be brief.", Speaking(done(Usage(7, 3))))
    budget = Budget(cost=500, tokens=1000, ledger=book, key="key", window=60)
    assert await agent.run("hällo", MemoryContextStore(), budget=budget) == "ok"
    size = len("Be brief.") + len("hällo".encode())
    assert book.reserved == [
        {"requests": 1, "input_tokens": size, "output_tokens": 100, "cost": size + 200.0}
    ]
    assert book.sums == {"requests": 1, "input_tokens": 7, "output_tokens": 3, "cost": 13.0}
    assert (book.limits, book.window) == ({"tokens": 1000, "cost": 500}, 60)
    assert budget.used == Usage(7, 3)


async def test_where_there_is_no_room_no_call_is_made() -> None:
    book = Book()
    budget = Budget(output_tokens=99, ledger=book, key="key")
    transport = Speaking(done(Usage(1, 1)))
    store = MemoryContextStore()
    with pytest.raises(LimitReached, match="no room for output_tokens"):
        await Agent("", transport).run("go", store, budget=budget)
    assert book.sums == {}
    assert await store.get_history() == [Message("user", [TextBlock("go")])]


async def test_each_call_of_a_run_is_booked_and_sub_runs_book_too() -> None:
    book = Book()

    async def inner() -> str:
        return await Agent("", Speaking(done(Usage(2, 2)))).run("sub", MemoryContextStore())

    turns: list[Any] = [make_tool_use_response("inner", "a", {}), make_text_response("ok")]
    agent = Agent("", Speaking(*turns), [Tool("inner", inner)])
    budget = Budget(requests=3, ledger=book, key="key")
    await agent.run("go", MemoryContextStore(), budget=budget)
    assert book.sums["requests"] == 3
    with pytest.raises(LimitReached):
        await Agent("", Speaking(done(Usage(1, 1)))).run(
            "go", MemoryContextStore(), budget=Budget(requests=3, ledger=book, key="key")
        )


class Breaks(StubTransport):
    """Fails, after some events."""

    model = MODEL

    def __init__(self, events: list[StreamEvent]) -> None:
        super().__init__([])
        self.events = events

    async def stream(self, *_: Any) -> AsyncGenerator[StreamEvent, None]:
        for event in self.events:
            yield event
        raise ConnectionFailed("gone")


@pytest.mark.parametrize(("events", "output"), [([], 0), ([TextDelta(0, "so far")], 100)])
async def test_a_call_that_broke_off_keeps_its_reserve_only_if_it_had_begun(
    events: list[StreamEvent], output: int
) -> None:
    book = Book()
    with pytest.raises(StreamError, match="gone"):
        await Agent("", Breaks(events)).run(
            "go", MemoryContextStore(), budget=Budget(requests=9, ledger=book, key="key")
        )
    assert (book.sums["requests"], book.sums["output_tokens"]) == (1, output)


async def test_a_cancelled_run_settles_what_is_known() -> None:
    class Waits(StubTransport):
        model = MODEL

        async def stream(self, *_: Any) -> AsyncGenerator[StreamEvent, None]:
            yield IterationEnd(0, StopReason.end_turn, Usage(1, 1))
            waiting.set()
            await asyncio.sleep(60)

    book, waiting = Book(), asyncio.Event()
    budget = Budget(requests=9, ledger=book, key="key")
    run = asyncio.create_task(Agent("", Waits([])).run("go", MemoryContextStore(), budget=budget))
    await waiting.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert book.sums["output_tokens"] == 1


def test_the_bound_counts_every_kind_of_content() -> None:
    async def handler(x: int) -> str:
        return ""

    history = [
        Message("user", [TextBlock("ü"), ImageBlock("image/png", b"")]),
        Message("assistant", [ToolUseBlock("a", "tool", {"x": 1})]),
        Message("user", [ToolResultBlock("a", [TextBlock("four"), ImageBlock("image/png", b"")])]),
        Message("user", [ToolResultBlock("b", "words")]),
        Message("user", [AudioBlock("audio/wav", b"12345678")]),
    ]
    bound = upper_bound(history, [Tool("tool", handler, "words")], "system", MODEL)
    assert bound.output_tokens == 100
    assert bound.input_tokens > 2 + 4096 + 11 + 4 + 4096 + 5 + 8 + 5 + 6
    assert upper_bound([], [], "", object()) == Usage(0, 8192)


def test_a_ledger_needs_a_key() -> None:
    with pytest.raises(ValueError, match="needs the key"):
        Budget(requests=1, ledger=Book())
    with pytest.raises(ValueError, match="window"):
        Budget(requests=1, ledger=Book(), key="key", window=-1)
