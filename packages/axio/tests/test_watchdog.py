"""The one timer under budgets, the wrapper for silent models, and HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, StreamEvent, TextDelta
from axio.budget import Budget
from axio.exceptions import StreamTimeout
from axio.messages import Message
from axio.resilience import Watchdog as Watched
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio.watchdog import Watchdog
from support.clock import in_no_time, live_timers, made_timers


@in_no_time
async def test_a_wait_that_lasts_too_long_ends() -> None:
    watch = Watchdog(20, None)
    with pytest.raises(StreamTimeout, match="said nothing for 20 s") as caught:
        await watch.wait(asyncio.sleep(5000))
    assert caught.value.retryable
    watch.stop()


@in_no_time
async def test_silence_lasts_until_there_is_progress() -> None:
    watch = Watchdog(50, None)
    with pytest.raises(StreamTimeout):
        for _ in range(100):
            await watch.wait(asyncio.sleep(10))
    for _ in range(10):
        watch.progress()
        await watch.wait(asyncio.sleep(10))
    watch.stop()


@in_no_time
async def test_all_of_the_time_counts_and_ends_the_next_wait() -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
    watch = Watchdog(None, 20)
    assert watch.allows(0)
    await asyncio.sleep(30)  # the consumer is not interrupted
    assert not watch.allows(0)
    assert failures == []
    with pytest.raises(StreamTimeout, match="not complete after 20 s"):
        await watch.wait(asyncio.sleep(5000))
    watch.stop()


@in_no_time
async def test_the_consumer_is_not_interrupted_after_a_wait_either() -> None:
    watch = Watchdog(10, 20)
    await watch.wait(asyncio.sleep(0))
    await asyncio.sleep(40)
    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0
    watch.stop()


@in_no_time
async def test_a_cancellation_from_outside_stays_one() -> None:
    watch = Watchdog(20, None)

    async def consume() -> None:
        try:
            await watch.wait(asyncio.sleep(5000))
        finally:
            watch.stop()

    task = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_no_time
async def test_an_end_of_both_kinds_is_a_cancellation() -> None:
    watch = Watchdog(20, None)
    me = asyncio.current_task()
    assert me is not None

    async def deaf_to_one() -> None:
        try:
            await asyncio.sleep(5000)
        finally:
            me.cancel()
            await asyncio.sleep(5000)

    with pytest.raises(asyncio.CancelledError):
        await watch.wait(deaf_to_one())
    assert me.cancelling() == 1
    me.uncancel()
    watch.stop()


@in_no_time
async def test_a_source_that_swallows_the_interruption_is_late_all_the_same() -> None:
    async def deaf() -> str:
        try:
            await asyncio.sleep(5000)
        except asyncio.CancelledError:
            return "late"
        return "never"

    watch = Watchdog(20, None)
    with pytest.raises(StreamTimeout):
        await watch.wait(deaf())
    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0
    watch.stop()


@pytest.mark.parametrize("limits", [(20, None), (None, 20), (60.0, 60.0)])
@in_no_time
async def test_nothing_is_left_once_it_is_stopped(
    limits: tuple[float | None, float | None],
) -> None:
    watch = Watchdog(*limits)
    await watch.wait(asyncio.sleep(0))
    watch.stop()
    assert live_timers() == []
    await watch.wait(asyncio.sleep(30))
    assert live_timers() == []


@in_no_time
async def test_one_timer_serves_many_events() -> None:
    async def at_once() -> int:
        return 1

    watch = Watchdog(60, 60)
    for _ in range(1000):
        await watch.wait(at_once())
        watch.progress()
    assert len(made_timers()) == 1
    watch.stop()


def test_the_name_stays_where_the_wire_had_it() -> None:
    names: dict[str, object] = {}
    exec("from axio.wire.watchdog import *", names)
    assert names["Watchdog"] is Watchdog


@in_no_time
async def test_the_time_that_tools_take_is_no_silence() -> None:
    async def slow() -> str:
        await asyncio.sleep(60)
        return ""

    transport = StubTransport([make_tool_use_response("slow"), make_text_response("ok")])
    agent = Agent("", transport, [Tool("slow", slow)])
    assert await agent.run("go", MemoryContextStore(), budget=Budget(silence=5)) == "ok"


class Ticking:
    """Says something every `pause` seconds, `count` times."""

    def __init__(self, pause: float, count: int) -> None:
        self.pause, self.count = pause, count

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        for _ in range(self.count):
            await asyncio.sleep(self.pause)
            yield TextDelta(0, "tick ")


@in_no_time
async def test_a_watched_model_may_take_its_time_as_long_as_it_speaks() -> None:
    texts = [e async for e in Watched(Ticking(40, 9)).stream([], [], "")]
    assert len(texts) == 9
    assert live_timers() == []
    with pytest.raises(StreamTimeout, match="nothing for 60 s"):
        _ = [e async for e in Watched(Ticking(61, 1)).stream([], [], "")]
    assert live_timers() == []


@in_no_time
async def test_an_agent_behind_a_watchdog_says_which_limit_it_was() -> None:
    class Mute:
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            await asyncio.sleep(5000)
            yield TextDelta(0, "never")

    with pytest.raises(Exception, match="said nothing for 10 s"):
        await Agent("", Watched(Mute(), 10)).run("hi", MemoryContextStore())
