"""A run can be spoken to while it works, and a tool can end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import MemoryContextStore
from axio.events import IterationEnd, SessionEndEvent, StreamEvent, TextDelta, ToolResult
from axio.history import check
from axio.messages import Message
from axio.run import RUN, AgentStream, Run
from axio.testing import StubTransport, make_echo_tool, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.scene import SlowStore
from support.watching import Watching


async def test_a_steering_message_stands_before_the_next_model_call() -> None:
    transport = StubTransport([make_tool_use_response(), make_text_response("ok")])
    store = MemoryContextStore()
    stream = Agent("", transport, [make_echo_tool()]).run_stream("go", store)
    async for event in stream:
        if isinstance(event, ToolResult):
            stream.steer("be quick")
            stream.steer([TextBlock("and quiet")])
    history = await store.get_history()
    assert check(history) == []
    assert isinstance(history[2].content[0], ToolResultBlock)
    assert history[3:5] == [
        Message("user", [TextBlock("be quick")]),
        Message("user", [TextBlock("and quiet")]),
    ]
    assert history[5].content == [TextBlock("ok")]


async def test_a_model_that_has_just_finished_is_asked_again() -> None:
    transport = StubTransport([make_text_response("first"), make_text_response("second")])
    store = MemoryContextStore()
    stream = Agent("", transport).run_stream("go", store)
    steered = False
    texts: list[str] = []
    async for event in stream:
        if isinstance(event, TextDelta):
            texts.append(event.delta)
        if isinstance(event, IterationEnd) and not steered:
            steered = True
            stream.steer("one more thing")
    assert texts == ["first", "second"]
    assert len(await store.get_history()) == 4


async def test_a_run_that_has_ended_cannot_be_steered() -> None:
    stream = Agent("", StubTransport([make_text_response()])).run_stream("go", MemoryContextStore())
    async for event in stream:
        last = event
    assert isinstance(last, SessionEndEvent)
    with pytest.raises(RuntimeError, match="has ended"):
        stream.steer("too late")


async def test_a_tool_and_a_model_find_the_same_run() -> None:
    found: list[Run] = []

    class Looking(Watching):
        def stream(self, *request: Any) -> AsyncIterator[StreamEvent]:
            found.append(RUN.get())
            return super().stream(*request)

    async def look() -> None:
        found.append(RUN.get())

    transport = Looking([make_tool_use_response("look", tool_input={}), make_text_response()])
    await Agent("", transport, [Tool("look", look)]).run("go", MemoryContextStore())
    first, in_call, last = found
    assert first is last is in_call.whole is first.whole
    assert in_call.call_id == "call_1"
    assert first.call_id is None


async def test_a_run_says_whether_it_takes_a_message_on() -> None:
    taken: list[bool] = []

    async def finish() -> str:
        run = RUN.get()
        taken.append(run.steer("in time"))
        run.stop()
        taken.append(run.steer("too late"))
        return "that is all"

    transport = StubTransport([make_tool_use_response("finish", tool_input={})])
    store = MemoryContextStore()
    await Agent("", transport, [Tool(name="finish", handler=finish)]).run("go", store)
    assert taken == [True, False]
    assert (await store.get_history())[-1] == Message("user", [TextBlock("in time")])


async def test_a_stream_without_a_run_and_calls_outside_of_one_cannot_be_steered() -> None:
    async def events() -> AsyncGenerator[StreamEvent, None]:
        yield TextDelta(0, "a")

    with pytest.raises(RuntimeError, match="has ended"):
        AgentStream(events()).steer("go on")

    async def ask() -> str:
        assert RUN.get().steer("go on") is False
        RUN.get().stop()
        return "asked"

    agent = Agent("", StubTransport(), [Tool(name="ask", handler=ask)])
    [result] = await agent.dispatch_tools([ToolUseBlock("a", "ask", {})], 1)
    assert (result.content, result.is_error) == ("asked", False)


async def test_progress_and_inner_calls_are_for_tools_that_are_at_work() -> None:
    runs: list[Run] = []

    class Curious(StubTransport):
        def stream(self, *request: Any) -> AsyncIterator[StreamEvent]:
            runs.append(RUN.get())
            return super().stream(*request)

    async def ask() -> str:
        runs.append(RUN.get())
        return "asked"

    model = Curious([make_tool_use_response("ask", tool_input={}), make_text_response()])
    await Agent("", model, [Tool(name="ask", handler=ask)]).run("go", MemoryContextStore())
    whole, inside, _ = runs
    with pytest.raises(RuntimeError, match="from inside a tool call"):
        whole.progress("half way")
    for run in (whole, inside):
        with pytest.raises(RuntimeError, match="from inside a tool call"):
            await run.call("ask", {})
    inside.progress("too late to be heard")


async def test_steering_with_what_would_spoil_the_history_is_refused() -> None:
    stream = Agent("", StubTransport()).run_stream("go", MemoryContextStore())
    with pytest.raises(ValueError, match="prompt"):
        stream.steer([ToolResultBlock("a", "b")])


async def test_a_tool_can_end_the_run_after_its_turn() -> None:
    async def finish() -> str:
        RUN.get().stop()
        return "that is all"

    transport = Watching([make_tool_use_response("finish")])
    store = MemoryContextStore()
    stream = Agent("", transport, [Tool("finish", finish)]).run_stream("go", store)
    events = [event async for event in stream]
    assert events[-1] == SessionEndEvent(StopReason.end_turn, Usage(10, 5))
    assert len(transport.requests) == 1
    assert (await store.get_history())[-1].content == [ToolResultBlock("call_1", "that is all")]


@pytest.mark.parametrize("moment", range(8))
async def test_a_message_that_was_taken_on_is_stored_once_if_the_run_is_cancelled(
    moment: int,
) -> None:
    taken: list[bool] = []

    async def ask() -> str:
        taken.append(RUN.get().steer("what about tea?"))
        asked.set()
        return "asked"

    asked = asyncio.Event()
    transport = StubTransport([make_tool_use_response("ask", tool_input={"x": 1})])
    store = SlowStore(before=2, after=2)
    agent = Agent("", transport, [Tool(name="ask", handler=ask)], max_iterations=2)
    task = asyncio.create_task(agent.run("go", store))
    await asked.wait()
    for _ in range(moment):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert taken == [True]
    history = await store.get_history()
    assert check(history) == []
    assert history[-1] == Message("user", [TextBlock("what about tea?")])
    assert history.count(history[-1]) == 1


async def test_a_message_that_cannot_be_stored_at_the_end_of_a_run_is_an_error() -> None:
    class Full(MemoryContextStore):
        async def append(self, message: Message) -> None:
            if message.content == [TextBlock("one more thing")]:
                raise OSError("the disk is full")
            await super().append(message)

    async def end() -> str:
        RUN.get().steer("one more thing")
        RUN.get().stop()
        return "ended"

    transport = StubTransport([make_tool_use_response("end", tool_input={"x": 1})])
    stream = Agent("", transport, [Tool(name="end", handler=end)]).run_stream("go", Full())
    with pytest.raises(OSError, match="the disk is full"):
        await stream.get_session_end()
