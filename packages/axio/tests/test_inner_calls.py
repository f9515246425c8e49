"""A call inside a call: a tool that runs other tools of its run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from axio import RUN, Agent, GuardError, MemoryContextStore, PermissionGuard, Tool
from axio.blocks import ToolResultBlock
from axio.budget import Budget
from axio.events import (
    Error,
    NestedEvent,
    SessionEndEvent,
    StreamEvent,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import Deferred, LimitReached
from axio.history import check
from axio.run.inner import inner_id
from axio.testing import StubTransport, make_text_response, make_tool_use_response


async def double(n: int) -> str:
    return str(2 * n)


def script(*calls: tuple[str, dict[str, Any]]) -> tuple[Tool[Any], list[ToolResultBlock]]:
    """A tool that makes `calls`, one after the other, and keeps their results."""
    results: list[ToolResultBlock] = []

    async def script(why: str) -> str:
        for name, arguments in calls:
            results.append(await RUN.get().call(name, arguments))
        return "done"

    return Tool("script", script), results


async def run(
    tools: list[Tool[Any]], budget: Budget | None = None
) -> tuple[list[StreamEvent], MemoryContextStore]:
    called = make_tool_use_response("script", "a", {"why": "test"})
    agent = Agent("", StubTransport([called, make_text_response("ok")]), tools)
    store = MemoryContextStore()
    return [event async for event in agent.run_stream("go", store, budget=budget)], store


async def test_inner_calls_are_told_with_ids_of_their_own_and_are_no_part_of_the_history() -> None:
    tool, results = script(("double", {"n": 1}), ("double", {"n": 2}))
    events, store = await run([tool, Tool("double", double)])
    one, two = (result.tool_use_id for result in results)
    assert one == inner_id("a", "double", {"n": 1})
    assert two == inner_id("a", "double", {"n": 2})
    assert [(r.content, r.is_error) for r in results] == [("2", False), ("4", False)]
    begun = [e.tool_use_id for e in events if isinstance(e, ToolUseStart)]
    ended = [e.tool_use_id for e in events if isinstance(e, ToolResult)]
    assert begun == ["a", one, two]
    sent = [(e.tool_use_id, e.partial_json) for e in events if isinstance(e, ToolInputDelta)]
    assert sent[1:] == [(one, '{"n": 1}'), (two, '{"n": 2}')]
    assert ended == [one, two, "a"]
    history = await store.get_history()
    assert check(history) == []
    assert one not in repr(history)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("nothing", {}, "Unknown tool: nothing"),
        ("double", {"n": "x"}, "requires int"),
        ("double", {}, "Missing required field"),
        ("double", [1], "not a JSON object"),
    ],
)
async def test_an_inner_call_that_fails_is_an_error_result(
    name: str, arguments: Any, words: str
) -> None:
    tool, results = script((name, arguments))
    events, _ = await run([tool, Tool("double", double)])
    assert results[0].is_error
    assert words in str(results[0].content)
    assert "shorter" not in str(results[0].content)  # Nothing was cut off.
    assert isinstance(events[-1], SessionEndEvent)


async def test_guards_are_asked_and_a_call_that_has_to_wait_says_so() -> None:
    class Never(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise GuardError("never")

    class Later(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("ask Ada")

    tool, results = script(("no", {"n": 1}), ("later", {"n": 1}))
    tools = [tool, Tool("no", double, guards=(Never(),)), Tool("later", double, guards=(Later(),))]
    events, _ = await run(tools)
    [refused] = results
    assert refused.is_error
    assert "never" in str(refused.content)
    told = [event for event in events if isinstance(event, ToolResult)]
    assert "ask Ada" in told[1].content
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "approval"


async def test_inner_calls_count_in_the_budget() -> None:
    tool, results = script(*[("double", {"n": n}) for n in range(3)])
    budget = Budget(tool_calls=2)
    events, store = await run([tool, Tool("double", double)], budget)
    assert [result.is_error for result in results] == [False, True, True]
    assert "limit" in str(results[1].content)
    error, end = events[-2:]
    assert isinstance(error, Error)
    assert isinstance(error.exception, LimitReached)
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "tool_calls"
    assert check(await store.get_history()) == []


async def test_inner_calls_side_by_side_are_cancelled_with_the_one_around_them() -> None:
    async def wait() -> str:
        waiting.append(1)
        if len(waiting) == 2:
            both.set()
        try:
            await asyncio.Event().wait()
        finally:
            waiting.pop()
        return ""

    async def script(why: str) -> str:
        await asyncio.gather(*(RUN.get().call("wait", {}) for _ in range(2)))
        return "never"

    waiting: list[int] = []
    both = asyncio.Event()
    called = make_tool_use_response("script", "a", {"why": "test"})
    agent = Agent("", StubTransport([called]), [Tool("script", script), Tool("wait", wait)])
    store = MemoryContextStore()
    stream = agent.run_stream("go", store)

    async def consume() -> list[StreamEvent]:
        return [event async for event in stream]

    task = asyncio.create_task(consume())
    await both.wait()
    stream.cancel()
    events = await task
    assert waiting == []
    same = inner_id("a", "wait", {})
    assert {e.tool_use_id for e in events if isinstance(e, ToolResult)} == {"a", same, f"{same}_2"}
    assert check(await store.get_history()) == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_tool_that_runs_one_at_a_time_cannot_call_itself() -> None:
    async def script(why: str) -> str:
        result = await RUN.get().call("script", {"why": "again"})
        assert isinstance(result.content, str)
        return result.content

    events, _ = await run([Tool("script", script, concurrency=1)])
    told = [event for event in events if isinstance(event, ToolResult)]
    assert [event.is_error for event in told] == [True, False]
    assert "wait for ever" in told[0].content


async def test_only_a_tool_call_of_a_run_can_call_another_tool() -> None:
    class Asks(MemoryContextStore):
        async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
            with pytest.raises(RuntimeError, match="from inside a tool call"):
                await RUN.get().call("double", {"n": 1})
            asked.append(True)

    asked: list[bool] = []
    agent = Agent("", StubTransport([make_text_response("ok")]), [Tool("double", double)])
    assert await agent.run("go", Asks()) == "ok"
    assert asked == [True]


async def test_arguments_that_json_has_not_are_refused_at_the_door() -> None:
    tool, results = script(("double", {"n": object()}))
    events, _ = await run([tool, Tool("double", double)])
    told = [event for event in events if isinstance(event, ToolResult)]
    assert [event.tool_use_id for event in told] == ["a"]
    assert "must be a JSON object" in told[0].content
    assert results == []
    assert not any(isinstance(event, NestedEvent) for event in events)
