"""Calls whose results come later, from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, PermissionGuard, Tool
from axio.approval import (
    ApprovalError,
    PendingCall,
    answer,
    call_off,
    decide,
    first_pending,
    granted,
    pending,
    waiting,
)
from axio.blocks import TextBlock, ToolResultBlock
from axio.events import SessionEndEvent, ToolResult
from axio.exceptions import Deferred
from axio.history import check
from axio.messages import Message
from axio.subagents import make_agent_tools
from axio.testing import StubTransport, make_text_response, make_tool_use_response

ORDER = {"item": "book"}


class AskLater(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("A person decides.")


class Shop:
    def __init__(self) -> None:
        self.ordered: list[str] = []

    async def order(self, item: str) -> str:
        self.ordered.append(item)
        raise Deferred("The shop will call back.")

    async def watched(self, item: str) -> AsyncIterator[str]:
        yield "ordering"
        self.ordered.append(item)
        raise Deferred("The shop will call back.")

    def agent(self, *turns: Any, guards: tuple[PermissionGuard, ...] = ()) -> Agent:
        tools = [
            Tool("order", self.order, guards=guards),
            Tool("watched", self.watched),
            Tool("ask", self.order, guards=(AskLater(),)),
        ]
        return Agent("", StubTransport([*turns, make_text_response("ok")]), tools)


def calls(*names: str) -> list[Any]:
    """A turn that makes these calls."""
    turns = [make_tool_use_response(name, f"{name} {n}", ORDER) for n, name in enumerate(names)]
    return [event for turn in turns for event in turn[:-1]] + [turns[0][-1]]


async def start(agent: Agent, store: MemoryContextStore) -> str:
    return (await agent.run_stream("go", store).get_session_end()).reason


@pytest.mark.parametrize("tool", ["order", "watched"])
async def test_a_handler_may_leave_its_result_for_later(tool: str) -> None:
    shop, store = Shop(), MemoryContextStore()
    agent = shop.agent(calls(tool))
    events = [event async for event in agent.run_stream("go", store)]
    (told,) = [event for event in events if isinstance(event, ToolResult)]
    assert "result comes later. The shop will call back." in told.content
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].reason == "waiting"

    history = await store.get_history()
    assert check(history) == []
    assert pending(history) == []
    [call] = waiting(history)
    assert (call.name, call.input, call.reason) == (tool, ORDER, "The shop will call back.")
    assert first_pending(history) == 1
    assert (await agent.resume(store).get_session_end()).reason == "waiting"

    await answer(store, call, {"number": 7})
    assert waiting(await store.get_history()) == []
    assert await agent.resume(store).get_final_text() == "ok"
    assert (await store.get_history())[2].tool_results == [
        ToolResultBlock(f"{tool} 0", '{"number": 7}')
    ]
    assert shop.ordered == ["book"]


async def test_an_answer_may_be_given_twice_and_not_changed() -> None:
    store = MemoryContextStore()
    await start(Shop().agent(calls("order", "order")), store)
    one, two = waiting(await store.get_history())
    await answer(store, two, [TextBlock("second")], is_error=True)
    await answer(store, two, [TextBlock("second")], is_error=True)
    for content, is_error in (("first", False), ([TextBlock("second")], False)):
        with pytest.raises(ApprovalError, match="does not wait for a result"):
            await answer(store, two, content, is_error=is_error)
    assert waiting(await store.get_history()) == [one]
    await answer(store, one, "first")
    assert (await store.get_history())[2].tool_results == [
        ToolResultBlock("order 0", "first"),
        ToolResultBlock("order 1", [TextBlock("second")], True),
    ]


async def test_a_call_with_other_arguments_is_not_answered() -> None:
    store = MemoryContextStore()
    await start(Shop().agent(calls("order")), store)
    [call] = waiting(await store.get_history())
    other = PendingCall(call.tool_use_id, call.name, {"item": "car"}, "0" * 64)
    before = await store.get_history()
    for unknown in (other, PendingCall("never", "order", ORDER, "1" * 64)):
        with pytest.raises(ApprovalError):
            await answer(store, unknown, "x")
    assert await store.get_history() == before


async def test_a_call_that_waits_for_approval_may_be_answered_and_is_not_run_then() -> None:
    shop, store = Shop(), MemoryContextStore()
    agent = shop.agent(calls("ask"))
    assert await start(agent, store) == "approval"
    [call] = pending(await store.get_history())
    await answer(store, call, "I have done it myself.")
    assert await agent.resume(store).get_final_text() == "ok"
    assert shop.ordered == []


async def test_a_call_that_has_begun_is_not_a_matter_of_approval() -> None:
    store = MemoryContextStore()
    await start(Shop().agent(calls("order")), store)
    [call] = waiting(await store.get_history())
    for approve in (True, False):
        with pytest.raises(ApprovalError, match="does not wait for approval"):
            await decide(store, call, approve=approve)


@pytest.mark.parametrize("names", [("order", "ask"), ("ask", "order")])
async def test_who_can_do_something_is_told_first(names: tuple[str, ...]) -> None:
    store = MemoryContextStore()
    agent = Shop().agent(calls(*names))
    assert await start(agent, store) == "approval"
    assert (await agent.resume(store).get_session_end()).reason == "approval"
    [call] = pending(await store.get_history())
    await decide(store, call, approve=False)
    assert (await agent.resume(store).get_session_end()).reason == "waiting"


async def test_an_approved_call_may_leave_its_result_for_later() -> None:
    shop, store = Shop(), MemoryContextStore()
    agent = shop.agent(calls("ask"))
    await start(agent, store)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=True)
    assert (await agent.resume(store).get_session_end()).reason == "waiting"
    assert shop.ordered == ["book"]
    [later] = waiting(await store.get_history())
    await answer(store, later, "here it is")
    assert await agent.resume(store).get_final_text() == "ok"
    assert shop.ordered == ["book"]


async def test_a_new_prompt_is_answered_while_a_call_waits() -> None:
    store = MemoryContextStore()
    agent = Shop().agent(calls("order"))
    await start(agent, store)
    assert await agent.run("what about it?", store) == "ok"
    [call] = waiting(await store.get_history())
    await answer(store, call, "done")
    history = await store.get_history()
    assert check(history) == []
    assert history[2] == Message("user", [ToolResultBlock("order 0", "done")])


async def test_a_sub_agent_that_waits_is_told_as_unfinished() -> None:
    shop = Shop()
    inner = shop.agent(calls("order"))
    [tool] = make_agent_tools({"buyer": ("buys", inner)}, inner.transport)
    outer = Agent("", StubTransport([make_tool_use_response(tool.name, "a", {"task": "buy"}),
                                     make_text_response("told")]), [tool])  # fmt: skip
    store = MemoryContextStore()
    assert await outer.run("go", store) == "told"
    (result,) = (await store.get_history())[2].tool_results
    assert "calls of it wait for results that come later (order)" in str(result.content)


async def test_calls_that_are_called_off_wait_no_more_and_do_not_run() -> None:
    shop, store = Shop(), MemoryContextStore()
    agent = shop.agent(calls("order", "ask", "ask"))
    await start(agent, store)
    _, approved = pending(await store.get_history())
    await decide(store, approved, approve=True)
    for _ in range(2):
        await call_off(store, "The shop is closed.")
    history = await store.get_history()
    assert [*pending(history), *waiting(history), *granted(history)] == []
    assert [str(result.content) for result in history[2].tool_results] == [
        "[called off] This call has begun. The shop is closed.",
        *["[called off] This call has not been run. The shop is closed."] * 2,
    ]
    assert await agent.resume(store).get_final_text() == "ok"
    assert shop.ordered == ["book"]
