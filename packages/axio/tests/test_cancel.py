"""However a run is stopped: a valid history, finished results kept, nothing left running."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ReasoningBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore, MemoryContextStore
from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.history import INTERRUPTED, UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio.stream import AgentStream
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.scene import PausingTransport, Scene, SlowStore, results_of
from support.watching import Watching


async def steps_of_a_whole_run(make: Callable[[], MemoryContextStore]) -> int:
    scene = Scene(make())
    task = asyncio.create_task(scene.consume())
    steps = 0
    while not task.done():
        await asyncio.sleep(0)
        steps += 1
    await scene.judge()
    assert len(scene.work.finished) == len(scene.work.names)
    return steps


async def stop_by_cancelling_the_task(scene: Scene, task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def stop_by_cancelling_the_stream(scene: Scene, task: asyncio.Task[None]) -> None:
    scene.stream.cancel()
    await task
    end = scene.events[-1]
    assert isinstance(end, SessionEndEvent)
    assert (end.stop_reason, end.reason) == (StopReason.error, "cancelled")
    started = [e.tool_use_id for e in scene.events if isinstance(e, ToolUseStart)]
    ended = [e.tool_use_id for e in scene.events if isinstance(e, ToolResult)]
    if results_of(await scene.store.get_history()):
        assert sorted(ended) == sorted(started), "a call was begun and never ended"


async def stop_twice(scene: Scene, task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def stop_again_and_again(scene: Scene, task: asyncio.Task[None]) -> None:
    scene.stream.cancel()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()


STOPS = [
    *(stop_by_cancelling_the_task, stop_by_cancelling_the_stream),
    *(stop_twice, stop_again_and_again),
]
STORES: dict[str, Callable[[], MemoryContextStore]] = {
    "at once": MemoryContextStore,
    "slow before a write": lambda: SlowStore(before=3, after=0),
    "slow after a write": lambda: SlowStore(before=0, after=3),
    "slow to read": lambda: SlowStore(reading=3),
}


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("kind", STORES)
async def test_a_run_may_be_stopped_at_every_step(
    kind: str, stop: Callable[[Scene, asyncio.Task[None]], Awaitable[None]]
) -> None:
    total = await steps_of_a_whole_run(STORES[kind])
    assert total > 30
    for steps in range(total):
        scene = Scene(STORES[kind]())
        task = asyncio.create_task(scene.consume())
        for _ in range(steps):
            await asyncio.sleep(0)
        await stop(scene, task)
        await scene.judge()


async def test_a_run_may_be_left_after_every_event() -> None:
    scene = Scene()
    await scene.consume()
    for count in range(1, len(scene.events)):
        scene = Scene()
        async for event in scene.stream:
            scene.events.append(event)
            if len(scene.events) == count:
                break
        await scene.stream.aclose()
        await scene.judge()


async def test_leaving_without_closing_logs_no_error_and_ends_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    await scene.read_until(ToolOutputDelta)
    scene.stream = None  # type: ignore[assignment]
    gc.collect()
    for _ in range(40):
        await asyncio.sleep(0)
    await scene.judge()
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_a_new_run_takes_over_from_a_stream_that_was_left_open() -> None:
    scene = Scene()
    await scene.read_until(ToolResult)
    other = Agent("", PausingTransport([make_text_response("Yes.")]))
    assert await other.run("still there?", scene.store) == "Yes."
    await scene.consume()
    results = [event for event in scene.events if isinstance(event, ToolResult)]
    assert len(results) == len(scene.work.names), "those that came too late are still told"
    end = scene.events[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "cancelled"
    assert [event async for event in scene.stream] == []
    assert await scene.store.get_history() == [
        *scene.right_history(stored=3),
        Message("user", [TextBlock("still there?")]),
        Message("assistant", [TextBlock("Yes.")]),
    ]


async def test_text_that_had_arrived_is_kept_and_half_a_call_is_not() -> None:
    scene = Scene()
    await scene.read_until(ToolInputDelta)
    await scene.stream.aclose()
    history = await scene.store.get_history()
    assert [m.content for m in history] == [[TextBlock("go")], [TextBlock("I will do it.")]]


async def test_half_a_thought_is_not_kept() -> None:
    block = ReasoningBlock("whole", "p", {"signature": "s"})
    events: list[StreamEvent] = [
        ReasoningDelta(0, "whole"),
        ReasoningEnd(0, block),
        TextDelta(1, "So: "),
        ReasoningDelta(2, "unfin"),
    ]
    store = MemoryContextStore()
    stream = Agent("", StubTransport([events])).run_stream("?", store)
    async for event in stream:
        if event is events[-1]:
            break
    await stream.aclose()
    assert (await store.get_history())[1:] == [Message("assistant", [TextBlock("So: ")])]


async def test_finished_results_are_kept_and_the_output_of_unfinished_ones_too() -> None:
    scene = Scene()
    lines = 0
    async for event in scene.stream:
        lines += isinstance(event, ToolOutputDelta)
        if lines == 2:
            break
    await scene.stream.aclose()
    results = results_of(await scene.store.get_history())
    assert results["id_quick"] == ToolResultBlock("id_quick", "quick is done")
    assert results["id_slow"] == ToolResultBlock("id_slow", INTERRUPTED, True)
    flow = results["id_flow"]
    assert flow.is_error
    assert isinstance(flow.content, str)
    assert flow.content.startswith("line 0\nline 1\n")
    assert flow.content.endswith("\n" + INTERRUPTED)


async def test_a_timeout_around_the_consumer_is_not_swallowed() -> None:
    async def forever() -> str:
        await asyncio.sleep(3600)
        return ""

    agent = Agent("", StubTransport([make_tool_use_response("forever", tool_input={"x": 1})]))
    agent.tools = [Tool(name="forever", handler=forever)]
    store = MemoryContextStore()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            async for _ in agent.run_stream("go", store):
                pass
    assert check(await store.get_history()) == []


async def test_a_tool_that_cancels_itself_fails_and_the_run_goes_on() -> None:
    async def confused() -> str:
        raise asyncio.CancelledError

    transport = StubTransport([make_tool_use_response("confused"), make_text_response("I see.")])
    store = MemoryContextStore()
    agent = Agent("", transport, [Tool(name="confused", handler=confused)])
    assert await agent.run("go", store) == "I see."
    block = results_of(await store.get_history())["call_1"]
    assert (block.content, block.is_error) == ("the tool was cancelled from within", True)


async def test_a_cancellation_that_a_transport_raises_itself_goes_through() -> None:
    """Only the stop of the run itself ends in a last event."""

    class Cancelling(StubTransport):
        async def stream(self, *request: Any) -> AsyncIterator[StreamEvent]:
            yield TextDelta(0, "Hel")
            raise asyncio.CancelledError

    store = MemoryContextStore()
    stream = Agent("", Cancelling()).run_stream("go", store)
    with pytest.raises(asyncio.CancelledError):
        async for event in stream:
            assert not isinstance(event, SessionEndEvent)
    assert check(await store.get_history()) == []


async def test_cancelling_the_stream_while_tools_wait_tells_how_each_call_ended() -> None:
    scene = Scene()
    task = asyncio.create_task(scene.consume())
    await scene.output.wait()
    scene.stream.cancel()
    scene.stream.cancel()
    await task
    ended = {e.tool_use_id: e for e in scene.events if isinstance(e, ToolResult)}
    assert set(ended) == {f"id_{name}" for name in scene.work.names}
    assert not ended["id_quick"].is_error
    assert ended["id_flow"].is_error


async def test_a_stream_cancelled_before_it_began_stores_nothing() -> None:
    scene = Scene()
    scene.stream.cancel()
    await scene.consume()
    assert [type(event) for event in scene.events] == [SessionEndEvent]
    assert await MemoryContextStore.get_history(scene.store) == []


async def test_a_stream_can_be_cancelled_between_two_events() -> None:
    scene = Scene()
    async for event in scene.stream:
        scene.events.append(event)
        if isinstance(event, TextDelta):
            scene.stream.cancel()
    end = scene.events[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "cancelled"
    await scene.judge()


async def test_a_cancel_from_outside_wins_over_one_of_the_stream() -> None:
    scene = Scene()
    task = asyncio.create_task(scene.consume())
    for _ in range(6):
        await asyncio.sleep(0)
    scene.stream.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await scene.judge()


async def test_closing_an_unread_stream_leaves_the_store_untouched() -> None:
    scene = Scene()
    await scene.stream.aclose()
    await scene.stream.aclose()
    assert await MemoryContextStore.get_history(scene.store) == []
    assert [event async for event in scene.stream] == []


async def test_each_event_may_be_awaited_by_another_task() -> None:
    """As `asyncio.wait_for` does it on Python 3.11."""
    scene = Scene()
    while True:
        try:
            scene.events.append(await asyncio.wait_for(anext(scene.stream), 60))
        except StopAsyncIteration:
            break
    assert isinstance(scene.events[-1], SessionEndEvent)
    await scene.judge()


async def test_what_a_crash_left_open_is_answered_before_the_model_is_asked() -> None:
    open_call = ToolUseBlock("lost", "pay", {"amount": 5})
    crashed = [Message("user", [TextBlock("pay")]), Message("assistant", [open_call])]
    paid = 0

    async def pay(amount: int) -> str:
        nonlocal paid
        paid += 1
        return "paid"

    store = MemoryContextStore(crashed)
    transport = PausingTransport([make_text_response("I do not know whether it was paid.")])
    agent = Agent("", transport, [Tool(name="pay", handler=pay)])
    stream = agent.resume(store)
    assert await stream.get_final_text() == "I do not know whether it was paid."
    assert paid == 0
    assert results_of(await store.get_history())["lost"].content == UNKNOWN_OUTCOME


@pytest.mark.parametrize(
    ("history", "asks"),
    [
        ([], False),
        ([Message("user", [TextBlock("hi")])], True),
        ([Message("user", [TextBlock("hi")]), Message("assistant", [TextBlock("ho")])], False),
        (
            [
                Message("user", [TextBlock("hi")]),
                Message("assistant", [ToolUseBlock("a", "t", {})]),
                Message("user", [ToolResultBlock("a", "ok")]),
            ],
            True,
        ),
    ],
)
async def test_resume_asks_the_model_only_where_it_has_something_to_answer(
    history: list[Message], asks: bool
) -> None:
    store: ContextStore = MemoryContextStore(history)
    transport = Watching([make_text_response("Go on.")])
    stream = Agent("", transport).resume(store)
    end = [event async for event in stream][-1]
    assert isinstance(end, SessionEndEvent)
    assert end.stop_reason is StopReason.end_turn
    assert len(transport.requests) == asks


async def test_a_store_that_fails_while_unwinding_does_not_hide_the_cancellation() -> None:
    class Failing(SlowStore):
        broken = False

        async def get_history(self) -> list[Message]:
            if self.broken:
                raise OSError("disk gone")
            return await super().get_history()

    scene = Scene()
    scene.store = store = Failing()
    scene.stream = scene.agent.run_stream("go", store)
    task = asyncio.create_task(scene.consume())
    await scene.output.wait()
    store.broken = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.work.running == 0


async def test_another_run_on_the_same_store_waits_for_its_turn() -> None:
    scene = Scene()
    second = Agent("", PausingTransport([make_text_response("Second.")]))
    first = asyncio.create_task(scene.consume())
    for _ in range(5):
        await asyncio.sleep(0)
    assert await second.run("me too", scene.store) == "Second."
    await first
    assert await scene.store.get_history() == [
        *scene.right_history(stored=4),
        Message("user", [TextBlock("me too")]),
        Message("assistant", [TextBlock("Second.")]),
    ]


class LockedAnew(MemoryContextStore):
    """Gives a new hold to each run that asks for one."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = asyncio.Lock()

    @asynccontextmanager
    async def own(self) -> AsyncIterator[None]:
        async with self.lock:
            yield


@pytest.mark.parametrize("kind", [MemoryContextStore, LockedAnew])
async def test_a_run_inside_a_run_cannot_use_the_same_session(
    kind: Callable[[], MemoryContextStore],
) -> None:
    inner = Agent("", StubTransport([make_text_response("inner")]))
    store = kind()

    async def nested() -> str:
        return await inner.run("?", store)

    transport = StubTransport([make_tool_use_response("nested"), make_text_response("outer")])
    agent = Agent("", transport, [Tool(name="nested", handler=nested)])
    assert await agent.run("go", store) == "outer"
    result = results_of(await store.get_history())["call_1"]
    assert result.is_error
    assert "fork" in str(result.content)


def test_a_stream_left_behind_by_a_closed_loop_does_not_block_the_next() -> None:
    store = MemoryContextStore()
    kept: list[AgentStream] = []

    async def leave() -> None:
        stream = Agent("", StubTransport([make_text_response("a")])).run_stream("1", store)
        kept.append(stream)
        async for _ in stream:
            break

    asyncio.run(leave())
    agent = Agent("", StubTransport([make_text_response("b")]))
    assert asyncio.run(agent.run("2", store)) == "b"
    assert check(asyncio.run(store.get_history())) == []


@pytest.mark.parametrize("count", [1, 2])
async def test_a_tool_may_stop_the_run_and_the_consumer_goes_on(count: int) -> None:
    async def stop() -> str:
        stream.cancel()
        return "stopped"

    calls: list[StreamEvent] = [ToolUseStart(n, f"c{n}", "stop") for n in range(count)]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    transport = StubTransport([[*calls, end], make_text_response()])
    store = MemoryContextStore()
    stream = Agent("", transport, [Tool(name="stop", handler=stop)]).run_stream("go", store)
    events: list[StreamEvent] = []
    async for event in stream:
        await asyncio.sleep(0)  # as a consumer does that sends each event over a network
        events.append(event)
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].reason == "cancelled"
    assert check(await store.get_history()) == []


async def test_a_cancel_that_comes_after_the_end_is_without_effect() -> None:
    stream = Agent("", StubTransport([])).run_stream("go", MemoryContextStore())
    events: list[StreamEvent] = []
    async for event in stream:
        events.append(event)
        if isinstance(event, Error):
            stream.cancel()
    assert [type(event) for event in events] == [Error, SessionEndEvent]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_tool_that_cancels_its_own_task_still_cleans_up(count: int) -> None:
    cleaned: list[bool] = []

    async def give_up() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    calls: list[StreamEvent] = [ToolUseStart(n, f"c{n}", "give_up") for n in range(count)]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    transport = StubTransport([[*calls, end], make_text_response("On.")])
    agent = Agent("", transport, [Tool(name="give_up", handler=give_up)])
    assert await agent.run("go", MemoryContextStore()) == "On."
    assert len(cleaned) == count
