"""Who is told to stop, by whom, and when: the run, and no other."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget
from axio.context import MemoryContextStore
from axio.events import (
    Error,
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import HandlerError, LimitReached, ProviderError
from axio.history import INTERRUPTED, check
from axio.messages import Message
from axio.run import RUN
from axio.stream import AgentStream
from axio.testing import StubTransport, make_echo_tool, make_tool_use_response
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.clock import in_no_time
from support.scene import SlowStore


class Slow(StubTransport):
    """A model that takes a while for every event."""

    async def _slowly(self, source: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        async for event in source:
            yield event
            await asyncio.sleep(0.02)

    def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        return self._slowly(super().stream(messages, tools, system))


def text(*words: str) -> list[StreamEvent]:
    end = IterationEnd(1, StopReason.end_turn, Usage(1, 1))
    return [*(TextDelta(0, word) for word in words), end]


def endless() -> Agent:
    return Agent("", Slow([text(*["word "] * 500)]))


async def drain(stream: AgentStream) -> list[StreamEvent]:
    return [event async for event in stream]


async def by_wait_for(stream: AgentStream) -> StreamEvent:
    return await asyncio.wait_for(anext(stream), 60)


async def by_shield(stream: AgentStream) -> StreamEvent:
    return await asyncio.shield(asyncio.ensure_future(anext(stream)))


async def by_wait(stream: AgentStream) -> StreamEvent:
    done, _ = await asyncio.wait([asyncio.ensure_future(anext(stream))])
    return done.pop().result()


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("ask", [by_wait_for, by_shield, by_wait])
async def test_a_consumer_may_ask_for_each_event_in_a_task_of_its_own(
    ask: Callable[[AgentStream], Awaitable[StreamEvent]], limited: bool
) -> None:
    budget = Budget(seconds=0.1) if limited else None
    stream = endless().run_stream("go", MemoryContextStore(), budget=budget)
    if not limited:
        asyncio.get_running_loop().call_later(0.1, stream.cancel)
    while not isinstance(event := await ask(stream), SessionEndEvent):
        pass
    assert event.reason == ("time" if limited else "cancelled")


async def test_a_limit_from_outside_is_told_as_the_reason() -> None:
    stream = endless().run_stream("go", MemoryContextStore())
    await anext(stream)
    limit = LimitReached("enough is enough", reason="patience")
    stream.interrupt(limit)
    error, end = (await drain(stream))[-2:]
    assert error == Error(limit)
    assert isinstance(end, SessionEndEvent)
    assert (end.stop_reason, end.reason) == (StopReason.error, "patience")


@in_no_time
async def test_a_stop_reaches_the_task_that_waits_for_tools_now() -> None:
    """Not the one that waited for the event before."""

    async def quick() -> str:
        return "done"

    async def deaf() -> str:
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        return "at last"

    calls = [*make_tool_use_response("quick", "a")[:-1], *make_tool_use_response("deaf", "b")]
    agent = Agent("", StubTransport([calls]), [Tool("quick", quick), Tool("deaf", deaf)])
    stream = agent.run_stream("go", MemoryContextStore())
    before = now()
    asyncio.get_running_loop().call_later(1, stream.cancel)
    while not isinstance(event := await by_wait(stream), SessionEndEvent):
        pass
    assert event.reason == "cancelled"
    assert now() - before < 30, "the grace of tools that ignore a cancel is some seconds"


async def test_a_consumer_cancelled_before_can_still_be_told_of_a_limit() -> None:
    async def say_last_words() -> list[StreamEvent]:
        try:
            await asyncio.sleep(60)
        finally:
            stream = endless().run_stream(
                "summarise", MemoryContextStore(), budget=Budget(seconds=0.1)
            )
            events.extend(await drain(stream))
        return events

    events: list[StreamEvent] = []
    task = asyncio.create_task(say_last_words())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled(), "its own cancellation goes on"
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].reason == "time"


async def test_a_cancellation_that_comes_while_a_cancelled_stream_settles_is_not_lost() -> None:
    class SlowStore(MemoryContextStore):
        writes = 0

        async def append(self, message: Message) -> None:
            self.writes += 1
            if self.writes == 2:
                settling.set()
                await answering.wait()
            await super().append(message)

    store = SlowStore()
    stream = endless().run_stream("go", store)

    async def consume() -> None:
        await anext(stream)
        stream.cancel()
        await drain(stream)

    settling, answering = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(consume())
    await settling.wait()
    task.cancel()
    await asyncio.sleep(0)
    answering.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert check(await store.get_history()) == []


@pytest.mark.parametrize("limit", [None, LimitReached("too long", reason="time")])
@pytest.mark.parametrize("late", [False, True])
async def test_a_stream_told_to_stop_can_be_closed(late: bool, limit: LimitReached | None) -> None:
    async def clean_up() -> str:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            if late:
                stream.interrupt(limit)
            cleaned_up.set()
        return ""

    working, cleaned_up = asyncio.Event(), asyncio.Event()
    transport = StubTransport([make_tool_use_response("clean_up")])
    store = MemoryContextStore()
    stream = Agent("", transport, [Tool("clean_up", clean_up)]).run_stream("go", store)
    while not isinstance(await anext(stream), IterationEnd):
        pass
    waiting = asyncio.ensure_future(anext(stream))
    await working.wait()
    waiting.cancel()
    if not late:
        stream.interrupt(limit)
    await asyncio.wait([waiting])
    await stream.aclose()
    assert cleaned_up.is_set()
    assert await drain(stream) == [], "no event comes after it was closed"
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [message.role for message in await store.get_history()] == ["user", "assistant", "user"]
    assert check(await store.get_history()) == []


async def test_leaving_right_after_a_cancel_is_leaving() -> None:
    store = MemoryContextStore()
    stream = endless().run_stream("go", store)
    async for _ in stream:
        stream.cancel()
        break
    await stream.aclose()
    assert [message.role for message in await store.get_history()] == ["user", "assistant"]


@pytest.mark.parametrize("closed", [False, True])
async def test_a_cancel_after_the_end_adds_no_event(closed: bool) -> None:
    stream = Agent("", StubTransport([text("a")])).run_stream("go", MemoryContextStore())
    if closed:
        await anext(stream)
        await stream.aclose()
    else:
        await drain(stream)
    stream.cancel()
    assert await drain(stream) == []


async def test_tools_stop_at_once_also_while_the_consumer_is_busy() -> None:
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    async def quick() -> str:
        return ""

    calls = [ToolUseStart(0, "a", "work"), ToolUseStart(1, "b", "quick")]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    tools = [Tool("work", work), Tool("quick", quick)]
    store = MemoryContextStore()
    stream = Agent("", StubTransport([[*calls, end]]), tools).run_stream("go", store)
    stopped = asyncio.Event()
    events = []
    async for event in stream:
        events.append(event)
        if isinstance(event, ToolResult) and event.name == "quick":
            stream.cancel()
            await asyncio.wait_for(stopped.wait(), 60)  # and asks for no event meanwhile
    told = {event.tool_use_id: event.content for event in events if isinstance(event, ToolResult)}
    assert told == {"a": INTERRUPTED, "b": ""}
    assert isinstance(events[-1], SessionEndEvent)
    assert check(await store.get_history()) == []


async def test_time_runs_while_a_run_waits_for_its_session() -> None:
    store = MemoryContextStore()
    async with store.own():
        stream = Agent("", StubTransport([text("a")])).run_stream(
            "go", store, budget=Budget(seconds=0.05)
        )
        *_, error, end = await drain(stream)
    assert isinstance(error, Error)
    assert isinstance(error.exception, LimitReached)
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "time"
    assert await store.get_history() == []


class Answering(MemoryContextStore):
    """Writes the results of tools, and what mends a history, after so many seconds."""

    def __init__(self, seconds: float, history: list[Message] | None = None) -> None:
        super().__init__(history)
        self.seconds = seconds
        self.asked = asyncio.Event()

    async def append(self, message: Message) -> None:
        if any(isinstance(block, ToolResultBlock) for block in message.content):
            self.asked.set()
            await asyncio.sleep(self.seconds)
        await super().append(message)

    async def extend(self, messages: Iterable[Message]) -> None:
        for message in messages:
            await self.append(message)


def now() -> float:
    return asyncio.get_running_loop().time()


LOST = [Message("user", [TextBlock("go")]), Message("assistant", [ToolUseBlock("a", "work", {})])]


@pytest.mark.parametrize("seconds", [8, 3600])
@pytest.mark.parametrize("left_open", [False, True])
@in_no_time
async def test_a_store_has_some_seconds_to_write_down_the_end(
    seconds: float, left_open: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a turn that is interrupted, or of one that a crash left open; then it is given up."""

    async def work() -> str:
        working.set()
        await asyncio.Event().wait()
        return ""

    working = asyncio.Event()
    store = Answering(seconds, LOST if left_open else None)
    agent = Agent("", StubTransport([make_tool_use_response("work")]), [Tool("work", work)])
    task = asyncio.create_task(drain(agent.run_stream("go", store)))
    await (store.asked if left_open else working).wait()
    task.cancel()
    before = now()
    await asyncio.wait([task])
    assert task.cancelled()
    assert store.asked.is_set()
    in_time = seconds < 10
    assert now() - before == pytest.approx(8 if in_time else 10, abs=1)
    assert bool([r for r in caplog.records if r.levelname == "ERROR"]) is not in_time
    history = await store.get_history()
    assert len(history) == (3 if in_time else 2)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_no_time
async def test_a_store_that_fails_while_a_history_is_mended_does_not_hide_a_cancellation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Answering):
        async def extend(self, messages: Iterable[Message]) -> None:
            await super().extend(messages)
            raise OSError("no space left")

    store = Failing(1, LOST)
    task = asyncio.create_task(Agent("", StubTransport([text("a")])).run("on", store))
    await store.asked.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert "no space left" in caplog.text


async def test_a_run_left_inside_its_own_loop_still_ends_with_its_last_event() -> None:
    store = MemoryContextStore()
    agent = Agent("", StubTransport([text("a", "b"), text("second")]))
    events = []
    async for event in agent.run_stream("first", store):
        events.append(event)
        if event == TextDelta(0, "a"):
            assert await agent.run("another", store) == "second"
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].reason == "cancelled"
    assert [m.role for m in await store.get_history()] == ["user", "assistant"] * 2


async def test_a_stream_is_abandoned_where_nothing_will_ask_for_its_next_event() -> None:
    async def asks() -> bool:
        return stream.is_abandoned()

    stream = Agent("", StubTransport([text("a", "b")])).run_stream("go", MemoryContextStore())
    assert stream.is_abandoned() is False  # It has not begun.
    await anext(stream)
    assert stream.is_abandoned() is True  # This task does something else.
    assert await asyncio.create_task(asks()) is False  # Another one cannot know.
    await stream.aclose()


async def test_another_task_waits_for_a_consumer_between_two_events() -> None:
    class Asked(MemoryContextStore):
        runs = 0

        def own(self) -> AbstractAsyncContextManager[Any]:
            self.runs += 1
            if self.runs == 2:
                asked.set()
            return super().own()

    asked = asyncio.Event()
    store = Asked()
    stream = Agent("", StubTransport([text("a", "b")])).run_stream("first", store)
    first = await asyncio.create_task(by_wait_for(stream))
    other = Agent("", StubTransport([text("second")]))
    task = asyncio.create_task(other.run("another", store))
    await asked.wait()
    rest = await drain(stream)
    assert [first, *rest][:2] == [TextDelta(0, "a"), TextDelta(0, "b")]
    assert isinstance(rest[-1], SessionEndEvent)
    assert await task == "second"


# ── what the consumer is told of a run that fails ─────────────────────────────────────────────


class Failing(MemoryContextStore):
    async def append(self, message: Message) -> None:
        if message.role == "assistant":
            raise OSError("no space left")
        await super().append(message)


async def test_every_call_is_told_ended_when_the_store_fails() -> None:
    async def work(msg: str) -> str:
        return msg

    agent = Agent("", StubTransport([make_tool_use_response("work")]), [Tool("work", work)])
    stream = agent.run_stream("go", Failing())
    events = [await anext(stream) for _ in range(5)]
    with pytest.raises(OSError, match="no space"):
        await anext(stream)
    assert [type(event).__name__ for event in events[-3:]] == [
        *("IterationEnd", "ToolResult", "SessionEndEvent")
    ]


async def test_a_cancel_does_not_hide_the_failure_that_came_before() -> None:
    class Failing(StubTransport):
        async def _failing(self) -> AsyncIterator[StreamEvent]:
            yield ToolUseStart(0, "a", "look")
            yield ToolInputDelta(0, "a", "{}")
            raise ProviderError("the provider is down")

        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            return self._failing()

    async def look() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stream.cancel()
            cleaned_up.set()
        return ""

    cleaned_up = asyncio.Event()
    tool = Tool("look", look, eager=True, read_only=True)
    stream = Agent("", Failing(), [tool]).run_stream("go", MemoryContextStore())
    events = await drain(stream)
    assert cleaned_up.is_set()
    assert [type(event).__name__ for event in events] == [
        *("ToolUseStart", "ToolInputDelta", "ToolResult", "Error", "SessionEndEvent")
    ]
    assert isinstance(events[-2], Error)
    assert "down" in str(events[-2].exception)


async def test_words_said_too_late_for_the_model_stay_in_the_history() -> None:
    async def work(msg: str) -> str:
        stream.steer("one more thing")
        return msg

    store = MemoryContextStore()
    agent = Agent(
        "", StubTransport([make_tool_use_response("work")]), [Tool("work", work)], max_iterations=1
    )
    stream = agent.run_stream("go", store)
    events = await drain(stream)
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].reason == "max_iterations"
    history = await store.get_history()
    assert check(history) == []
    assert history[-1].to_dict()["content"] == [{"type": "text", "text": "one more thing"}]


class NotForModels(BaseException):
    """As those that test runners raise."""


@pytest.mark.parametrize("waits", [False, True])
async def test_what_is_no_exception_goes_through_to_the_program(waits: bool) -> None:
    async def work(msg: str) -> str:
        if waits:
            await asyncio.sleep(0)
        raise NotForModels("must not be called")

    store = MemoryContextStore()
    agent = Agent("", StubTransport([make_tool_use_response("work")]), [Tool("work", work)])
    with pytest.raises(NotForModels):
        await drain(agent.run_stream("go", store))
    history = await store.get_history()
    assert check(history) == []
    assert history[-1].to_dict()["content"][0]["content"] == "NotForModels: must not be called"


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_program_ends_a_run_without_a_word(
    end: type[BaseException], waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(msg: str) -> str:
        if waits:
            await asyncio.sleep(0)
        raise end

    store = MemoryContextStore()
    agent = Agent("", StubTransport([make_tool_use_response("work")]), [Tool("work", work)])
    with pytest.raises(end):
        asyncio.run(agent.run("go", store))
    gc.collect()
    assert caplog.records == []
    history = asyncio.run(store.get_history())
    assert check(history) == []
    assert history[-1].content == [ToolResultBlock("call_1", end.__name__, True)]


async def test_a_turn_that_cannot_be_read_is_a_failure_of_the_transport() -> None:
    broken: Any = TextDelta(0, None)  # type: ignore[arg-type]
    store = MemoryContextStore()
    agent = Agent("", StubTransport([[ToolUseStart(0, "a", "x"), broken, *text()]]))
    events = await drain(agent.run_stream("go", store))
    assert [type(event).__name__ for event in events[-3:]] == [
        *("ToolResult", "Error", "SessionEndEvent")
    ]
    assert len(await store.get_history()) == 1


async def test_a_stopped_call_whose_output_cannot_be_shown_is_answered_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Odd(Tool[Any]):
        def format_stream_result(self, chunks: Any) -> Any:
            raise KeyError("no such colour")

    async def draw() -> AsyncIterator[str]:
        yield "red"
        await asyncio.Event().wait()

    store = MemoryContextStore()
    turn: list[StreamEvent] = [ToolUseStart(0, "a", "draw"), ToolInputDelta(0, "a", "{}")]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    agent = Agent("", StubTransport([[*turn, end]]), [Odd("draw", draw)])
    stream = agent.run_stream("go", store)
    async for event in stream:
        if isinstance(event, ToolOutputDelta):
            stream.cancel()
    assert isinstance(event, SessionEndEvent)
    assert event.reason == "cancelled"
    assert (await store.get_history())[-1].content == [ToolResultBlock("a", INTERRUPTED, True)]
    assert "no such colour" in caplog.text


async def test_a_response_that_cannot_be_closed_ends_no_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Sticky(StubTransport):
        async def _sticky(self) -> AsyncIterator[StreamEvent]:
            try:
                yield TextDelta(0, "a")
                await asyncio.Event().wait()
            finally:
                raise OSError("the socket is stuck")

        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            return self._sticky()

    store = MemoryContextStore()
    stream = Agent("", Sticky()).run_stream("go", store)
    async for _ in stream:
        break
    await stream.aclose()
    assert "the socket is stuck" in caplog.text
    assert (await store.get_history())[1:] == [Message("assistant", [TextBlock("a")])]


# ── at the edges of a run ─────────────────────────────────────────────────────────────────────


class Mute(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("error", [Mute, type("MuteRefusal", (Mute, HandlerError), {})])
async def test_an_error_without_words_is_told_by_its_name(
    error: type[Exception], waits: bool
) -> None:
    async def work(msg: str) -> str:
        if waits:
            await asyncio.sleep(0)
        raise error

    agent = Agent("", StubTransport([make_tool_use_response("work"), text("ok")]))
    agent.tools = [Tool("work", work)]
    async with asyncio.timeout(60):
        events = await drain(agent.run_stream("go", MemoryContextStore()))
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert result.is_error
    assert error.__name__ in result.content


class CompactingFor(MemoryContextStore):
    """Takes its time to count tokens, as a store does that compacts then."""

    def __init__(self) -> None:
        super().__init__()
        self.counting = asyncio.Event()

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        self.counting.set()
        await asyncio.sleep(60)


async def test_a_run_can_be_stopped_while_its_last_turn_is_counted() -> None:
    store = CompactingFor()
    stream = Agent("", StubTransport([text("all")])).run_stream("go", store)
    reading = asyncio.create_task(drain(stream))
    await store.counting.wait()
    stream.cancel()
    async with asyncio.timeout(60):
        end = (await reading)[-1]
    assert isinstance(end, SessionEndEvent)
    assert (end.reason, end.total_usage) == ("cancelled", Usage(1, 1))
    assert [message.role for message in await store.get_history()] == ["user", "assistant"]


async def test_a_stream_that_another_run_has_ended_can_be_closed_like_any_other() -> None:
    store = MemoryContextStore()
    agent = Agent("", StubTransport([text("a", "b"), text("second")]))
    first = agent.run_stream("1", store)
    await anext(first)
    assert await agent.run("2", store) == "second"
    await first.aclose()
    assert await drain(first) == []


def test_a_session_left_with_working_tools_in_a_closed_loop_is_taken_over() -> None:
    async def work(msg: str) -> str:
        await asyncio.Event().wait()
        return msg

    async def quick() -> str:
        return ""

    store = MemoryContextStore()
    turn = [*make_tool_use_response("work")[:-1], ToolUseStart(1, "q", "quick")]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    agent = Agent("", StubTransport([[*turn, end]]), [Tool("work", work), Tool("quick", quick)])
    stream = agent.run_stream("go", store)

    async def leave() -> None:
        while not isinstance(await anext(stream), ToolResult):
            pass

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()

    async def go_on() -> None:
        async with asyncio.timeout(60):
            assert await Agent("", StubTransport([text("b")])).run("on", store) == "b"

    asyncio.run(go_on())
    history = asyncio.run(store.get_history())
    assert check(history) == []
    assert INTERRUPTED in str(history)


def test_a_late_release_does_not_free_what_another_run_holds() -> None:
    store = MemoryContextStore()
    stream = Agent("", StubTransport([text("a", "b")])).run_stream("1", store)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(anext(stream))
    loop.close()

    async def later() -> None:
        async with store.own():
            await stream.aclose()
            waiting = asyncio.create_task(store.own().__aenter__())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(later())


async def test_a_fragment_of_an_unknown_call_belongs_to_none() -> None:
    ran: list[int] = []

    async def look(n: int) -> str:
        ran.append(n)
        return ""

    events: list[StreamEvent] = [
        ToolUseStart(0, "a", "look"),
        ToolInputDelta(0, "a", '{"n": 1'),
        ToolInputDelta(5, "zzz", "}"),
        ToolInputDelta(0, "a", "}"),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    tool = Tool("look", look, eager=True, read_only=True)
    agent = Agent("", StubTransport([events, text("ok")]), [tool])
    seen = await drain(agent.run_stream("go", MemoryContextStore()))
    assert ran == [1]
    assert seen[:5] == events  # It is shown all the same.


async def test_broken_calls_do_not_use_up_the_limit_and_keep_their_explanation() -> None:
    async def work(msg: str) -> str:
        return msg

    broken: list[StreamEvent] = [ToolUseStart(1, "b", "work"), ToolInputDelta(1, "b", "{oops")]
    turn = [*make_tool_use_response("work")[:-1], *broken]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    agent = Agent("", StubTransport([[*turn, end], text("ok")]), [Tool("work", work)])
    budget = Budget(tool_calls=1)
    events = await drain(agent.run_stream("go", MemoryContextStore(), budget=budget))
    told = {event.tool_use_id: event for event in events if isinstance(event, ToolResult)}
    assert not told["call_1"].is_error
    assert "not valid JSON" in told["b"].content
    assert budget.used_tool_calls == 1


async def test_what_a_response_took_counts_also_where_the_run_ends_right_after_it() -> None:
    budget = Budget(tokens=1000)
    stream = Agent("", StubTransport([text("a")])).run_stream(
        "go", MemoryContextStore(), budget=budget
    )
    async for event in stream:
        if isinstance(event, IterationEnd):
            stream.cancel()
    assert isinstance(event, SessionEndEvent)
    assert (event.reason, event.total_usage) == ("cancelled", Usage(1, 1))
    assert budget.used == Usage(1, 1)


async def test_blocks_dispatched_by_hand_let_through_what_is_no_exception() -> None:
    async def work(msg: str) -> str:
        raise NotForModels("for the program")

    agent = Agent("", StubTransport([]), [Tool("work", work)])
    with pytest.raises(NotForModels):
        await agent.dispatch_tools([ToolUseBlock("1", "work", {"msg": "x"})], 1)


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_cancellation_from_outside_is_not_lost_to_a_later_one_of_the_stream(
    at_once: bool,
) -> None:
    cleaned: list[bool] = []
    started = asyncio.Event()

    async def work(msg: str) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stream.cancel()
            await asyncio.sleep(0.01)
            cleaned.append(True)
        return msg

    agent = Agent("", StubTransport([make_tool_use_response("work")]), [Tool("work", work)])
    store = MemoryContextStore()
    stream = agent.run_stream("go", store)
    task = asyncio.create_task(drain(stream))
    await started.wait()
    task.cancel()
    if at_once:
        stream.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert cleaned == [True]
    assert check(await store.get_history()) == []


@pytest.mark.parametrize("waits", [False, True])
async def test_a_tool_that_is_stopped_may_clean_up_in_peace(waits: bool) -> None:
    cleaned: list[bool] = []
    started = asyncio.Event()

    async def work(msg: str) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(True)
        return msg

    async def quick() -> str:
        return ""

    turn = [*make_tool_use_response("work")[:-1], ToolUseStart(1, "q", "quick")]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    agent = Agent("", StubTransport([[*turn, end]]), [Tool("work", work), Tool("quick", quick)])
    stream = agent.run_stream("go", MemoryContextStore())
    if waits:
        reading = asyncio.create_task(drain(stream))
        await started.wait()
        stream.cancel()
        await reading
    else:
        async for event in stream:
            if isinstance(event, ToolResult):
                stream.cancel()
    assert cleaned == [True]


async def test_what_was_told_before_a_crash_is_still_told() -> None:
    class Failing(StubTransport):
        async def _failing(self) -> AsyncIterator[StreamEvent]:
            yield ToolUseStart(0, "a", "work")
            stream.steer("one more thing")
            raise ProviderError("the provider is down")

        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            return self._failing()

    class Full(MemoryContextStore):
        async def append(self, message: Message) -> None:
            if await self.get_history():
                raise OSError("no space left")
            await super().append(message)

    stream = Agent("", Failing()).run_stream("go", Full())
    events = [await anext(stream) for _ in range(4)]
    with pytest.raises(OSError, match="no space"):
        await anext(stream)
    assert [type(event).__name__ for event in events] == [
        *("ToolUseStart", "ToolResult", "Error", "SessionEndEvent")
    ]


@in_no_time
async def test_a_tool_that_stops_the_run_in_its_first_step_is_stopped_itself() -> None:
    async def stop() -> str:
        stream.cancel()
        await asyncio.sleep(3600)
        return ""

    agent = Agent("", StubTransport([make_tool_use_response("stop")]), [Tool("stop", stop)])
    store = MemoryContextStore()
    stream = agent.run_stream("go", store)
    before = now()
    end = (await drain(stream))[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "cancelled"
    assert now() - before < 1
    assert (await store.get_history())[-1].content == [
        ToolResultBlock("call_1", INTERRUPTED, is_error=True)
    ]


@in_no_time
async def test_a_transport_that_stops_the_run_is_stopped_itself() -> None:
    class Stopping(StubTransport):
        async def _stopping(self) -> AsyncIterator[StreamEvent]:
            yield TextDelta(0, "I give ")
            stream.cancel()
            await asyncio.sleep(3600)
            yield TextDelta(0, "up.")

        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            return self._stopping()

    store = MemoryContextStore()
    stream = Agent("", Stopping()).run_stream("go", store)
    before = now()
    end = (await drain(stream))[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "cancelled"
    assert now() - before < 1
    assert (await store.get_history())[-1] == Message("assistant", [TextBlock("I give ")])


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_a_cancellation_from_outside_is_not_lost_on_the_second_of_two_readers(
    before: int,
) -> None:
    """A stop that a task saw before it began to read says nothing about another task."""

    async def begin() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await anext(stream)

    stream = endless().run_stream("go", MemoryContextStore())
    first = asyncio.create_task(begin() if before else by_wait_for(stream))
    await asyncio.sleep(0)
    for _ in range(before):
        first.cancel()
    await asyncio.wait([first])
    task = asyncio.create_task(drain(stream))
    await asyncio.sleep(0)
    stream.cancel()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("closed", [False, True])
async def test_words_said_before_an_interruption_stay_in_the_history(closed: bool) -> None:
    async def work(msg: str) -> str:
        stream.steer("one more thing")
        working.set()
        await asyncio.Event().wait()
        return msg

    working = asyncio.Event()
    store = MemoryContextStore()
    agent = Agent("", StubTransport([make_tool_use_response("work")]), [Tool("work", work)])
    stream = agent.run_stream("go", store)
    reading = asyncio.create_task(drain(stream))
    await working.wait()
    if closed:
        reading.cancel()
        await asyncio.wait([reading])
    else:
        stream.cancel()
        await reading
    assert (await store.get_history())[2:] == [
        Message("user", [ToolResultBlock("call_1", INTERRUPTED, is_error=True)]),
        Message("user", [TextBlock("one more thing")]),
    ]


@pytest.mark.parametrize("times", [1, 2, 5])
@in_no_time
async def test_tools_called_by_hand_may_clean_up_in_peace(times: int) -> None:
    cleaned: list[bool] = []

    async def work(msg: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            cleaned.append(True)
        return msg

    agent = Agent("", StubTransport([]), [Tool("work", work)])
    blocks = [ToolUseBlock(str(n), "work", {"msg": "x"}) for n in range(2)]
    task = asyncio.create_task(agent.dispatch_tools(blocks, 1))
    await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.1)
    await asyncio.wait([task])
    assert task.cancelled()
    assert cleaned == [True, True]


@in_no_time
async def test_a_cancellation_is_not_lost_while_tools_called_by_hand_clean_up() -> None:
    async def fail() -> str:
        raise NotForModels("for the program")

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.sleep(1)
        return ""

    cleaning = asyncio.Event()
    agent = Agent("", StubTransport([]), [Tool("work", work), Tool("fail", fail)])
    blocks = [ToolUseBlock("1", "work", {}), ToolUseBlock("2", "fail", {})]
    task = asyncio.create_task(agent.dispatch_tools(blocks, 1))
    await cleaning.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@in_no_time
async def test_tools_called_by_hand_that_take_no_notice_are_left_behind_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def deaf() -> str:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()
        return "late"

    over = asyncio.Event()
    agent = Agent("", StubTransport([]), [Tool("deaf", deaf)])
    task = asyncio.create_task(agent.dispatch_tools([ToolUseBlock("1", "deaf", {})], 1))
    await asyncio.sleep(0)
    task.cancel()
    before = now()
    await asyncio.wait([task])
    assert task.cancelled()
    assert now() - before == pytest.approx(5, abs=1)
    assert "left behind" in caplog.text
    over.set()


class SwallowsOne(StubTransport):
    """Takes the first cancellation that reaches it for an error of the network, and goes on."""

    swallowed = 0

    async def _deaf(self, source: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.swallowed += 1
        async for event in source:
            yield event

    def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        return self._deaf(super().stream(messages, tools, system))


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("calls", [0, 1])
@in_no_time
async def test_a_stop_is_not_forgotten_by_a_transport_that_swallows_a_cancellation(
    calls: int, limited: bool
) -> None:
    """It happens at the next event at the latest."""

    async def work(msg: str) -> str:
        ran.append(msg)
        return msg

    ran: list[str] = []
    turns = [make_tool_use_response("work", f"c{n}") for n in range(3)] if calls else []
    transport = SwallowsOne([*turns, text("a", "b", "c")])
    budget = Budget(seconds=20) if limited else None
    store = MemoryContextStore()
    agent = Agent("", transport, [Tool("work", work)])
    stream = agent.run_stream("go", store, budget=budget)
    if not limited:
        asyncio.get_running_loop().call_later(20, stream.cancel)
    before = now()
    events = await drain(stream)
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    assert (end.stop_reason, end.reason) == (StopReason.error, "time" if limited else "cancelled")
    assert transport.swallowed == 1, "the run is stopped before the model is asked again"
    assert now() - before < 60
    assert ran == []
    assert len([event for event in events if isinstance(event, TextDelta)]) <= 1
    assert check(await store.get_history()) == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_no_time
async def test_a_second_cancel_stops_a_run_whose_transport_swallowed_the_first() -> None:
    class SwallowsTwo(SwallowsOne):
        async def _deaf(self, source: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
            for _ in range(2):
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    self.swallowed += 1
            await asyncio.Event().wait()
            async for event in source:
                yield event

    transport = SwallowsTwo([text("a")])
    stream = Agent("", transport).run_stream("go", MemoryContextStore())
    for seconds in (10, 20, 30):
        asyncio.get_running_loop().call_later(seconds, stream.cancel)
    end = (await drain(stream))[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "cancelled"
    assert transport.swallowed == 2


@in_no_time
async def test_a_stop_is_not_forgotten_by_a_store_that_swallows_a_cancellation() -> None:
    class Deaf(MemoryContextStore):
        async def append(self, message: Message) -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await super().append(message)

    store = Deaf()
    stream = Agent("", StubTransport([text("a", "b")])).run_stream("go", store)
    asyncio.get_running_loop().call_later(20, stream.cancel)
    events = await drain(stream)
    assert [event for event in events if isinstance(event, TextDelta)] == []
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "cancelled"


async def test_a_turn_that_the_model_breaks_off_tells_how_its_calls_ended() -> None:
    turn: list[StreamEvent] = [
        *(ToolUseStart(0, "a", "echo"), ToolInputDelta(0, "a", '{"msg": "x"}')),
        *(ToolUseStart(1, "b", "echo"), ToolInputDelta(1, "b", "{")),
        IterationEnd(1, StopReason.error, Usage(3, 1)),
    ]
    stream = Agent("", StubTransport([turn]), [make_echo_tool()]).run_stream(
        "go", MemoryContextStore()
    )
    events = [event async for event in stream]
    ended = [event for event in events if isinstance(event, ToolResult)]
    assert [(event.tool_use_id, event.is_error) for event in ended] == [("a", True), ("b", True)]
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.total_usage == Usage(3, 1)


@pytest.mark.parametrize("breaks", [True, False])
async def test_a_call_that_was_started_early_ends_once_if_its_turn_fails(breaks: bool) -> None:
    class Fails(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            yield ToolUseStart(0, "a", "look")
            yield ToolInputDelta(0, "a", "{}")
            if breaks:
                raise OSError("the line is dead")
            yield IterationEnd(1, StopReason.error, Usage(1, 1))

    async def look() -> str:
        await asyncio.sleep(0)
        RUN.get().progress("found it")
        return "seen"

    tool = Tool("look", look, eager=True, read_only=True)
    stream = Agent("", Fails(), [tool]).run_stream("go", SlowStore(after=3))
    events = [event async for event in stream]
    [ended] = [event for event in events if isinstance(event, (ToolOutputDelta, ToolResult))]
    assert isinstance(ended, ToolResult)
    assert ended.is_error


async def test_a_run_stopped_while_its_prompt_is_stored_asks_the_model_nothing() -> None:
    class Stopping(MemoryContextStore):
        async def append(self, message: Message) -> None:
            await super().append(message)
            stream.cancel()

    class Counting(StubTransport):
        asked = 0

        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            self.asked += 1
            return super().stream(messages, tools, system)

    transport, store = Counting([text("never")]), Stopping()
    stream = Agent("", transport).run_stream("hi", store)
    [end] = [event async for event in stream]
    assert isinstance(end, SessionEndEvent) and end.reason == "cancelled"
    assert transport.asked == 0
    assert [message.role for message in await store.get_history()] == ["user"]
