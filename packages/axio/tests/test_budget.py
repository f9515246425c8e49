"""Every limit ends the run by its name, with a valid history, in sub-runs too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ContentBlock, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget, cost_of
from axio.context import MemoryContextStore
from axio.events import (
    Error,
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import LimitReached
from axio.history import check
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.permission import PermissionGuard
from axio.run.budget import length_of
from axio.testing import (
    FaultTransport,
    Raises,
    StubTransport,
    make_echo_tool,
    make_stub_transport,
    make_text_response,
    make_tool_use_response,
)
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.clock import in_no_time, live_timers
from support.watching import Watching

TOOL_USE = frozenset({Capability.text, Capability.tool_use})


class Priced(Watching):
    model = ModelSpec("m", TOOL_USE, input_cost=1_000_000, output_cost=2_000_000)


async def ends(agent: Agent, budget: Budget) -> tuple[list[StreamEvent], MemoryContextStore]:
    store = MemoryContextStore()
    events = [event async for event in agent.run_stream("go", store, budget=budget)]
    assert check(await store.get_history()) == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return events, store


def reason(events: list[StreamEvent]) -> str:
    error, end = events[-2:]
    assert isinstance(error, Error)
    assert isinstance(error.exception, LimitReached)
    assert isinstance(end, SessionEndEvent)
    assert end.stop_reason is StopReason.error
    assert error.exception.reason == end.reason
    return end.reason


@pytest.mark.parametrize(
    ("limits", "name", "calls"),
    [
        ({"requests": 2}, "requests", 2),
        ({"input_tokens": 25}, "tokens", 3),
        ({"output_tokens": 10}, "tokens", 2),
        ({"tokens": 30}, "tokens", 2),
        ({"tokens": 31}, "tokens", 3),
        ({"cost": 45.0}, "cost", 3),
        ({"tool_calls": 1}, "tool_calls", 2),
    ],
)
async def test_a_limit_ends_the_run_by_its_name(
    limits: dict[str, Any], name: str, calls: int
) -> None:
    transport = Priced([make_tool_use_response(tool_id=f"c{n}") for n in range(20)])
    events, _ = await ends(Agent("", transport, [make_echo_tool()]), Budget(**limits))
    assert reason(events) == name
    assert len(transport.requests) == calls


async def test_a_run_within_its_limits_notices_nothing() -> None:
    budget = Budget(9, 900, 900, 900, 900.0, 9, 60, 60)
    transport = Priced([make_tool_use_response(), make_text_response()])
    events, _ = await ends(Agent("", transport, [make_echo_tool()]), budget)
    assert events[-1] == SessionEndEvent(StopReason.end_turn, Usage(20, 10))
    assert (budget.used_requests, budget.used, budget.used_cost, budget.used_tool_calls) == (
        2,
        Usage(20, 10),
        40.0,
        1,
    )


async def test_calls_beyond_the_limit_are_answered_and_not_run() -> None:
    ran: list[str] = []

    async def act(name: str) -> str:
        ran.append(name)
        return name

    calls: list[StreamEvent] = []
    for n in range(3):
        calls += [ToolUseStart(n, f"c{n}", "act"), ToolInputDelta(n, f"c{n}", f'{{"name": "{n}"}}')]
    calls.append(IterationEnd(1, StopReason.tool_use, Usage(1, 1)))
    events, store = await ends(
        Agent("", StubTransport([calls]), [Tool("act", act)]), Budget(tool_calls=2)
    )
    assert reason(events) == "tool_calls"
    assert ran == []
    assert (await store.get_history())[-1].content == [
        ToolResultBlock(f"c{n}", "not run: the limit of 2 tool calls is reached", is_error=True)
        for n in range(3)
    ]


async def test_time_interrupts_a_tool() -> None:
    async def slow() -> str:
        await asyncio.sleep(60)
        return ""

    transport = StubTransport([make_tool_use_response("slow")])
    start = time.monotonic()
    events, _ = await ends(Agent("", transport, [Tool("slow", slow)]), Budget(seconds=0.05))
    assert reason(events) == "time"
    assert time.monotonic() - start < 30
    assert [e.is_error for e in events if isinstance(e, ToolResult)] == [True]


class Slow:
    """Waits before each of its deltas."""

    def __init__(self, *waits: float) -> None:
        self.waits = waits
        self.open = 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self.open += 1
        try:
            for wait in self.waits:
                await asyncio.sleep(wait)
                yield TextDelta(0, "x")
            yield IterationEnd(0, StopReason.end_turn, Usage(1, 1))
        finally:
            self.open -= 1


@pytest.mark.parametrize(
    ("waits", "limits", "name"),
    [
        ((0.0, 60.0), {"silence": 0.05}, "silence"),
        ((60.0,), {"silence": 0.05}, "silence"),
        ((0.0, 60.0), {"seconds": 0.05}, "time"),
        ((0.02,) * 100, {"seconds": 0.1, "silence": 30}, "time"),
    ],
)
async def test_time_and_silence_interrupt_the_model(
    waits: tuple[float, ...], limits: dict[str, Any], name: str
) -> None:
    transport = Slow(*waits)
    start = time.monotonic()
    events, store = await ends(Agent("", transport), Budget(**limits))
    assert reason(events) == name
    assert time.monotonic() - start < 30
    assert transport.open == 0
    written = len([e for e in events if isinstance(e, TextDelta)])
    if written:
        assert (await store.get_history())[-1].content == [TextBlock("x" * written)]


@in_no_time
async def test_events_in_time_are_no_silence() -> None:
    events, _ = await ends(Agent("", Slow(*(29.0,) * 8)), Budget(silence=30))
    assert events[-1] == SessionEndEvent(StopReason.end_turn, Usage(1, 1))


@in_no_time
async def test_a_silence_is_counted_from_the_last_event() -> None:
    events, _ = await ends(Agent("", Slow(0.9, 0.9, 1.1)), Budget(silence=1))
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta(0, "x")] * 2
    events, _ = await ends(Agent("", Slow(29, 29, 31)), Budget(silence=30))
    assert reason(events) == "silence"
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta(0, "x")] * 2


@in_no_time
async def test_a_slow_consumer_is_no_silence() -> None:
    stream = Agent("", Slow(0, 0)).run_stream("go", MemoryContextStore(), budget=Budget(silence=30))
    events: list[StreamEvent] = []
    async for event in stream:
        await asyncio.sleep(100)
        events.append(event)
    assert events[-1] == SessionEndEvent(StopReason.end_turn, Usage(1, 1))


@pytest.mark.parametrize("limits", [{"seconds": 3600}, {"silence": 3600}])
@pytest.mark.parametrize("how", ["ends", "fails", "is left", "is cancelled"])
@in_no_time
async def test_a_run_that_is_over_leaves_no_timer(how: str, limits: dict[str, Any]) -> None:
    transport = FaultTransport(
        make_stub_transport(), Raises(1 if how == "fails" else 99, OSError())
    )
    stream = Agent("", transport).run_stream("go", MemoryContextStore(), budget=Budget(**limits))
    async for event in stream:
        assert live_timers() or isinstance(event, SessionEndEvent | Error)
        if how == "is left":
            await stream.aclose()
        elif how == "is cancelled":
            stream.cancel()
    assert live_timers() == []


def test_a_clock_that_does_not_run_yet_leaves_any_time() -> None:
    budget = Budget(seconds=5)
    assert budget.seconds_left() is None
    budget.start()
    left = budget.seconds_left()
    assert left is not None
    assert 0 < left <= 5


async def test_what_a_response_took_counts_also_where_its_transport_fails_after_it() -> None:
    class Failing(StubTransport):
        async def _failing(self) -> AsyncGenerator[StreamEvent, None]:
            yield TextDelta(0, "a")
            yield IterationEnd(1, StopReason.end_turn, Usage(7, 3))
            raise ConnectionError("reset by peer")

        def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            return self._failing()

    budget = Budget(tokens=1000)
    events, store = await ends(Agent("", Failing()), budget)
    assert budget.used == Usage(7, 3)
    assert events[-1] == SessionEndEvent(StopReason.error, Usage(7, 3), "error")
    assert len(await store.get_history()) == 1


@pytest.mark.parametrize(("length", "stopped"), [(40, False), (41, True)])
async def test_a_response_is_stopped_only_where_it_surely_says_more(
    length: int, stopped: bool
) -> None:
    """Ten tokens have 40 characters at least."""
    end = IterationEnd(1, StopReason.end_turn, Usage(1, 10))
    model = StubTransport([[TextDelta(0, "x" * (length - 1)), TextDelta(0, "x"), end]])
    stream = Agent("", model).run_stream(
        "go", MemoryContextStore(), budget=Budget(output_tokens=10)
    )
    assert any([isinstance(event, Error) async for event in stream]) == stopped


async def test_a_runaway_response_is_stopped_in_the_middle() -> None:
    class Endless:
        said = 0

        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            while True:
                self.said += 1
                yield TextDelta(0, "word ")

    transport = Endless()
    events, _ = await ends(Agent("", transport), Budget(output_tokens=100))
    assert reason(events) == "tokens"
    assert 80 <= transport.said <= 100


async def test_a_sub_agent_uses_up_the_budget_of_its_parent() -> None:
    inner = Agent("", StubTransport([make_tool_use_response()]), [make_echo_tool()])

    async def delegate() -> str:
        return await inner.run("sub", MemoryContextStore())

    transport = StubTransport([make_tool_use_response("delegate"), make_text_response()])
    outer = Agent("", transport, [Tool("delegate", delegate)])
    budget = Budget(requests=5)
    events, _ = await ends(outer, budget)
    assert reason(events) == "requests"
    assert budget.used_requests == 5
    result = next(e for e in events if isinstance(e, ToolResult))
    assert result.is_error
    assert "limit of 5 requests" in result.content


async def test_a_sub_agent_may_have_a_smaller_budget_of_its_own() -> None:
    inner = Agent("", StubTransport([make_tool_use_response()]), [make_echo_tool()])
    own = Budget(requests=2)

    async def delegate() -> str:
        return await inner.run("sub", MemoryContextStore(), budget=own)

    transport = StubTransport([make_tool_use_response("delegate"), make_text_response("ok")])
    budget = Budget(requests=50)
    events, _ = await ends(Agent("", transport, [Tool("delegate", delegate)]), budget)
    assert events[-1] == SessionEndEvent(StopReason.end_turn, Usage(20, 10))
    assert own.used_requests == 2
    assert budget.used_requests == 4


async def test_a_guard_that_asks_a_model_pays_from_the_run() -> None:
    reviewer = Agent("", StubTransport([make_text_response("fine")]))

    class Review(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            await reviewer.run("may it?", MemoryContextStore())
            return kwargs

    tool = Tool("echo", make_echo_tool().handler, guards=(Review(),))
    budget = Budget()
    transport = StubTransport([make_tool_use_response(), make_text_response()])
    await ends(Agent("", transport, [tool]), budget)
    assert budget.used_requests == 3


async def test_one_budget_may_serve_several_runs() -> None:
    budget = Budget(requests=3)
    agent = Agent("", StubTransport([make_text_response()]))
    for _ in range(3):
        await agent.run("go", MemoryContextStore(), budget=budget)
    events, store = await ends(agent, budget)
    assert reason(events) == "requests"
    assert len(await store.get_history()) == 1


@pytest.mark.parametrize(
    ("block", "length"),
    [
        (TextBlock("four"), 4),
        (ToolUseBlock("id", "name", {"a": 1}), 8),
        (ToolResultBlock("id", "three"), 5),
        (ToolResultBlock("id", [TextBlock("three")]), 0),
        (ImageBlock("image/png", b"png"), 0),
    ],
)
def test_the_length_of_a_message_is_its_text(block: ContentBlock, length: int) -> None:
    assert length_of(Message("user", [block])) == length
    assert length_of(Message("user", [block, block])) == 2 * length


def test_cached_tokens_cost_what_they_cost() -> None:
    usage = Usage(1000, 100, cache_read_tokens=600, cache_write_tokens=300)
    plain = ModelSpec("m", input_cost=10, output_cost=50)
    assert cost_of(usage, plain) == pytest.approx((1000 * 10 + 100 * 50) / 1e6)
    cached = ModelSpec("m", input_cost=10, output_cost=50, cache_read_cost=1, cache_write_cost=12.5)
    expected = (100 * 10 + 600 * 1 + 300 * 12.5 + 100 * 50) / 1e6
    assert cost_of(usage, cached) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("budget", "name"), [(Budget(seconds=0), "time"), (Budget(silence=0), "silence")]
)
async def test_a_limit_of_nothing_is_not_taken_for_none(budget: Budget, name: str) -> None:
    events, _ = await ends(Agent("", StubTransport([make_text_response()])), budget)
    assert reason(events) == name


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("5", TypeError),
        (True, TypeError),
        (float("nan"), ValueError),
        (-1, ValueError),
        (-0.5, ValueError),
    ],
)
@pytest.mark.parametrize("name", ["requests", "tokens", "cost", "tool_calls", "seconds", "silence"])
def test_a_limit_that_would_limit_nothing_is_refused(
    name: str, wrong: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=name):
        Budget(**{name: wrong})
