"""A sub-agent is seen, guarded, paid and ended by the run it works for."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock
from axio.budget import Budget
from axio.context import MemoryContextStore
from axio.events import NestedEvent, SessionEndEvent, StreamEvent, TextDelta, ToolResult
from axio.exceptions import Deferred, GuardError
from axio.history import check
from axio.messages import Message
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.subagents import Agents, Background, BackgroundResult, make_agent_tools
from axio.testing import StubTransport, make_echo_tool, make_text_response, make_tool_use_response
from axio.tool import Tool


def helper(*tools: Tool[Any]) -> Agents:
    return {"helper": ("Helps.", Agent("You help.", StubTransport(), list(tools)))}


def outer_transport(*texts: str) -> StubTransport:
    call = make_tool_use_response("helper", "outer_call", {"task": "help me"})
    return StubTransport([call, *(make_text_response(text) for text in texts)])


class Slow:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.began, self.go, self.open = asyncio.Event(), asyncio.Event(), 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self.open += 1
        self.began.set()
        try:
            await self.go.wait()
            for event in make_text_response("here is help"):
                yield event
        finally:
            self.open -= 1


async def test_the_events_of_a_sub_agent_reach_the_consumer_wrapped() -> None:
    tools = make_agent_tools(helper(), StubTransport([make_text_response("inner")]))
    stream = Agent("", outer_transport("outer"), list(tools)).run_stream("x", MemoryContextStore())
    events = [event async for event in stream]
    nested = [event for event in events if isinstance(event, NestedEvent)]
    assert {(event.tool_use_id, event.name) for event in nested} == {("outer_call", "helper")}
    assert nested[0].event == TextDelta(0, "inner")
    assert isinstance(nested[-1].event, SessionEndEvent)
    assert [e.content for e in events if isinstance(e, ToolResult)] == ["inner"]
    assert [e.delta for e in events if isinstance(e, TextDelta)] == ["outer"]


async def test_a_sub_agent_in_a_sub_agent_is_seen_from_the_outermost_run() -> None:
    deepest = make_agent_tools(
        {"deepest": ("", Agent("", StubTransport()))}, StubTransport([make_text_response("deep")])
    )
    middle = StubTransport(
        [make_tool_use_response("deepest", "m", {"task": "t"}), make_text_response("middle")]
    )
    tools = make_agent_tools({"helper": ("", Agent("", middle, list(deepest)))}, middle)
    stream = Agent("", outer_transport("outer"), list(tools)).run_stream("x", MemoryContextStore())
    seen = [event async for event in stream if isinstance(event, NestedEvent)]
    inner = [e.event.event for e in seen if isinstance(e.event, NestedEvent)]
    assert TextDelta(0, "deep") in inner


async def test_guards_given_to_the_tools_hold_for_the_calls_of_the_sub_agents() -> None:
    asked: list[str] = []

    class Ask(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            asked.append(tool.name)
            raise GuardError("denied")

    inner = StubTransport([make_tool_use_response(), make_text_response("could not")])
    tools = make_agent_tools(helper(make_echo_tool()), inner, guards=[Ask()])
    stream = Agent("", outer_transport("outer"), list(tools)).run_stream("x", MemoryContextStore())
    results = [
        e.event
        async for e in stream
        if isinstance(e, NestedEvent) and isinstance(e.event, ToolResult)
    ]
    assert asked == ["echo"]
    assert results[0].is_error


async def result_of(tools: list[Tool[Any]], budget: Budget | None = None) -> ToolResult:
    stream = Agent("", outer_transport("outer"), tools).run_stream(
        "x", MemoryContextStore(), budget=budget
    )
    return next(e for e in [e async for e in stream] if isinstance(e, ToolResult))


async def test_a_sub_agent_that_used_up_its_iterations_has_not_finished() -> None:
    agents = helper(make_echo_tool())
    agents["helper"][1].max_iterations = 2
    busy = StubTransport([[TextDelta(0, "Looking. "), *make_tool_use_response()]])
    result = await result_of([*make_agent_tools(agents, busy)])
    assert result.is_error
    assert "max_iterations" in result.content
    assert "Looking. Looking. " in result.content


async def test_a_sub_agent_that_hit_a_limit_tells_what_it_had_found() -> None:
    busy = StubTransport([[TextDelta(0, "Looking. "), *make_tool_use_response()]])
    tools = make_agent_tools(helper(make_echo_tool()), busy)
    result = await result_of([*tools], Budget(tool_calls=2))
    assert result.is_error
    assert "limit of 2 tool calls" in result.content
    assert "Looking. " in result.content


async def test_a_call_of_a_sub_agent_that_waits_for_a_person_is_told() -> None:
    class Later(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("who may echo?")

    inner = StubTransport([make_tool_use_response()])
    tools = make_agent_tools(helper(make_echo_tool()), inner, guards=[Later()])
    result = await result_of([*tools])
    assert result.is_error
    assert "approval" in result.content
    assert "echo" in result.content


async def test_a_tool_of_a_sub_agent_may_end_its_run_well() -> None:
    async def finish(msg: str) -> str:
        RUN.get().stop("handed over")
        return "ok"

    inner = StubTransport([[TextDelta(0, "That is all."), *make_tool_use_response("finish")]])
    tool = Tool(name="finish", handler=finish)
    result = await result_of([*make_agent_tools(helper(tool), inner)])
    assert (result.is_error, result.content) == (False, "That is all.")


@pytest.mark.parametrize("fails", [False, True])
async def test_the_context_of_a_sub_agent_is_closed_after_its_run(fails: bool) -> None:
    class Closing(MemoryContextStore):
        async def close(self) -> None:
            closed.append(self)

    closed: list[Closing] = []
    made: list[Closing] = []

    def make() -> Closing:
        made.append(Closing())
        return made[-1]

    transport = StubTransport([] if fails else [make_text_response("inner")])
    tools = make_agent_tools(helper(), transport, make)
    agent = Agent("", outer_transport("outer"), list(tools))
    assert await agent.run("x", MemoryContextStore()) == "outer"
    assert len(closed) == 1
    assert closed == made


@pytest.mark.parametrize("entry", [None, Agent("", StubTransport()), ("Helps.",), ("Helps.", 3)])
def test_an_entry_that_is_no_description_and_agent_is_refused(entry: Any) -> None:
    with pytest.raises(TypeError, match=r"agents\['helper'\]"):
        make_agent_tools({"helper": entry}, StubTransport())


async def test_cancelling_the_outer_run_cancels_its_sub_agents() -> None:
    inner = Slow()
    tools = make_agent_tools(helper(), inner)
    store = MemoryContextStore()
    task = asyncio.ensure_future(Agent("", outer_transport("x"), list(tools)).run("go", store))
    await inner.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.open == 0
    assert check(await store.get_history()) == []


# ── in the background ─────────────────────────────────────────────────────────────────────────


async def test_a_background_result_reaches_the_run_that_started_it() -> None:
    inner, store = Slow(), MemoryContextStore()
    async with Background() as background:
        tools = make_agent_tools(helper(), inner, background=background)
        stream = Agent("", outer_transport("waiting", "thanks"), list(tools)).run_stream("x", store)
        texts: list[str] = []
        async for event in stream:
            if isinstance(event, ToolResult):
                assert "background task 1" in event.content
            if isinstance(event, TextDelta):
                texts.append(event.delta)
                inner.go.set()
                await background.join()
    assert texts == ["waiting", "thanks"]
    told = (await store.get_history())[4].content[0]
    assert isinstance(told, TextBlock)
    assert told.text == "[Background task 1, helper, has finished]\nhere is help"
    assert not background.results


async def test_a_result_that_comes_too_late_waits_for_the_program() -> None:
    inner = Slow()
    async with Background() as background:
        tools = make_agent_tools(helper(), inner, background=background)
        agent = Agent("", outer_transport("bye"), list(tools))
        assert await agent.run("x", MemoryContextStore()) == "bye"
        inner.go.set()
        await background.join()
        assert list(background.results) == [BackgroundResult(1, "helper", "here is help", False)]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
async def test_a_copy_has_none_of_the_tasks_and_is_for_a_block_of_its_own(copied: Any) -> None:
    inner = Slow()
    async with Background() as background:
        tools = make_agent_tools(helper(), inner, background=background)
        agent = Agent("", outer_transport("bye"), list(tools))
        assert await agent.run("x", MemoryContextStore()) == "bye"
        twin = copied(background)
        await twin.join()
        with pytest.raises(RuntimeError, match="async with Background"):
            twin.start(tools[0].context, "go")
        inner.go.set()
        await background.join()
        assert len(background.results) == 1 and not twin.results


async def test_a_failed_background_task_is_told_as_failed() -> None:
    async with Background() as background:
        tools = make_agent_tools(helper(), StubTransport(), background=background)
        await Agent("", outer_transport("bye"), list(tools)).run("x", MemoryContextStore())
        await background.join()
    assert background.results[0].failed
    assert "failed" in background.results[0].as_prompt()


async def test_a_background_task_that_has_not_finished_is_told_as_failed() -> None:
    agents = helper(make_echo_tool())
    agents["helper"][1].max_iterations = 1
    async with Background() as background:
        inner = StubTransport([make_tool_use_response()])
        tools = make_agent_tools(agents, inner, background=background)
        await Agent("", outer_transport("bye"), list(tools)).run("x", MemoryContextStore())
        await background.join()
    assert background.results[0].failed
    assert "max_iterations" in background.results[0].text


@pytest.mark.parametrize("how", ["cancel", "aclose", "leave the block"])
async def test_no_background_task_outlives_its_owners(how: str) -> None:
    inner = Slow()
    async with Background() as background:
        tools = make_agent_tools(helper(), inner, background=background)
        stream = Agent("", outer_transport("x"), list(tools)).run_stream("x", MemoryContextStore())
        async for event in stream:
            if isinstance(event, TextDelta):
                await inner.began.wait()
                break
        if how == "aclose":
            await stream.aclose()
            await background.join()
        elif how == "cancel":
            stream.cancel()
            async for _ in stream:
                pass
            await background.join()
    assert inner.open == 0
    await stream.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("left", [False, True])
async def test_background_tasks_need_an_owner(left: bool) -> None:
    inner = Slow()
    background = Background()
    if left:
        async with background:
            pass
    tools = make_agent_tools(helper(), inner, background=background)
    stream = Agent("", outer_transport("x"), list(tools)).run_stream("x", MemoryContextStore())
    results = [event async for event in stream if isinstance(event, ToolResult)]
    assert results[0].is_error
    assert "async with Background()" in results[0].content
    assert not inner.began.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_background_work_is_paid_from_the_budget_of_its_run() -> None:
    budget = Budget()
    async with Background() as background:
        inner = StubTransport([make_text_response("i")])
        tools = make_agent_tools(helper(), inner, background=background)
        agent = Agent("", outer_transport("x"), list(tools))
        await agent.run("x", MemoryContextStore(), budget=budget)
        await background.join()
    assert budget.used_requests == 3
