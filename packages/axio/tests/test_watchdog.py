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
from support.clock import in_no_time, live_timers


async def test_a_wait_that_lasts_too_long_ends() -> None:
    watch = Watchdog(0.02, None)
    with pytest.raises(StreamTimeout, match=r"said nothing for 0\.02 s") as caught:
        await watch.wait(asyncio.sleep(5))
    assert caught.value.retryable
    watch.stop()


async def test_silence_lasts_until_there_is_progress() -> None:
    watch = Watchdog(0.05, None)
    with pytest.raises(StreamTimeout):
        for _ in range(100):
            await watch.wait(asyncio.sleep(0.01))
    for _ in range(10):
        watch.progress()
        await watch.wait(asyncio.sleep(0.01))
    watch.stop()


async def test_all_of_the_time_counts_and_ends_the_next_wait() -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
    watch = Watchdog(None, 0.02)
    assert watch.allows(0)
    await asyncio.sleep(0.03)  # the consumer is not interrupted
    assert not watch.allows(0)
    assert failures == []
    with pytest.raises(StreamTimeout, match=r"not complete after 0\.02 s"):
        await watch.wait(asyncio.sleep(5))
    watch.stop()


async def test_the_consumer_is_not_interrupted_after_a_wait_either() -> None:
    watch = Watchdog(0.01, 0.02)
    await watch.wait(asyncio.sleep(0))
    await asyncio.sleep(0.04)
    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0
    watch.stop()


async def test_a_cancellation_from_outside_stays_one() -> None:
    watch = Watchdog(0.02, None)

    async def consume() -> None:
        try:
            await watch.wait(asyncio.sleep(5))
        finally:
            watch.stop()

    task = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_end_of_both_kinds_is_a_cancellation() -> None:
    watch = Watchdog(0.02, None)
    me = asyncio.current_task()
    assert me is not None

    async def deaf_to_one() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            me.cancel()
            await asyncio.sleep(5)

    with pytest.raises(asyncio.CancelledError):
        await watch.wait(deaf_to_one())
    assert me.cancelling() == 1
    me.uncancel()
    watch.stop()


async def test_a_source_that_swallows_the_interruption_is_late_all_the_same() -> None:
    async def deaf() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return "late"
        return "never"

    watch = Watchdog(0.02, None)
    with pytest.raises(StreamTimeout):
        await watch.wait(deaf())
    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0
    watch.stop()


@pytest.mark.parametrize("limits", [(0.02, None), (None, 0.02), (60.0, 60.0)])
async def test_nothing_is_left_once_it_is_stopped(
    limits: tuple[float | None, float | None],
) -> None:
    loop: Any = asyncio.get_running_loop()
    before = len([handle for handle in loop._scheduled if not handle.cancelled()])
    watch = Watchdog(*limits)
    await watch.wait(asyncio.sleep(0))
    watch.stop()
    await watch.wait(asyncio.sleep(0.03))
    assert len([handle for handle in loop._scheduled if not handle.cancelled()]) == before


async def test_one_timer_serves_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    made = 0
    call_at = loop.call_at

    def counted(*args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        nonlocal made
        made += 1
        return call_at(*args, **kwargs)

    monkeypatch.setattr(loop, "call_at", counted)
    watch = Watchdog(60, 60)

    async def at_once() -> int:
        return 1

    for _ in range(1000):
        await watch.wait(at_once())
        watch.progress()
    watch.stop()
    assert made == 1


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


async def test_an_agent_behind_a_watchdog_says_which_limit_it_was() -> None:
    class Mute:
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            await asyncio.sleep(5)
            yield TextDelta(0, "never")

    with pytest.raises(Exception, match=r"said nothing for 0\.01 s"):
        await Agent("", Watched(Mute(), 0.01)).run("hi", MemoryContextStore())
