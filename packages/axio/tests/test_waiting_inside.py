"""A call that waits inside another one: both wait, and go on without doing anything twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from axio import RUN, Agent, GuardError, MemoryContextStore, PermissionGuard, Tool
from axio.approval import (
    ApprovalError,
    PendingCall,
    answer,
    decide,
    first_pending,
    pending,
    waiting,
)
from axio.blocks import ImageBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget
from axio.events import SessionEndEvent, StreamEvent, ToolResult
from axio.exceptions import Deferred
from axio.history import check
from axio.messages import Message
from axio.run.inner import inner_id
from axio.testing import StubTransport, make_text_response, make_tool_use_response


class AskLater(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("A person decides.")


class World:
    """The effects of tools, each by its tool and key."""

    def __init__(self) -> None:
        self.effects: list[str] = []

    def effect(self, key: str) -> None:
        self.effects.append(f"{RUN.get().tool_name} {key}")

    async def change(self, key: str) -> str:
        await asyncio.sleep(0)
        self.effect(key)
        return f"did {key}"

    async def read(self, key: str) -> str:
        return f"did {key}"

    async def order(self, key: str) -> str:
        self.effect(key)
        raise Deferred("The shop calls back.")

    def tools(self) -> list[Tool[Any]]:
        return [
            Tool("change", self.change),
            Tool("put", self.change, idempotent=True),
            Tool("read", self.read, read_only=True),
            Tool("ask", self.change, guards=(AskLater(),)),
            Tool("order", self.order),
        ]


def agent_of(script: Any, world: World, **options: Any) -> Agent:
    called = make_tool_use_response("script", "a", {})
    model = StubTransport([called, make_text_response("ok")])
    return Agent("", model, [Tool("script", script, **options), *world.tools()])


async def start(agent: Agent, store: MemoryContextStore) -> tuple[list[StreamEvent], str]:
    events = [event async for event in agent.run_stream("go", store)]
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    return events, end.reason


async def reason_of(agent: Agent, store: MemoryContextStore) -> str:
    return (await agent.resume(store).get_session_end()).reason


async def call(name: str, key: str = "k") -> str:
    return str((await RUN.get().call(name, {"key": key})).content)


async def result_in(store: MemoryContextStore) -> str:
    (result,) = (await store.get_history())[2].tool_results
    return str(result.content)


async def test_an_inner_call_that_waits_puts_off_the_outer_one() -> None:
    async def script() -> str:
        ran.append("script")
        return "; ".join([await call("change"), await call("ask", "x"), await call("change", "y")])

    ran: list[str] = []
    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    events, reason = await start(agent, store)
    assert reason == "approval"
    told = {event.tool_use_id: event.content for event in events if isinstance(event, ToolResult)}
    change, ask = inner_id("a", "change", {"key": "k"}), inner_id("a", "ask", {"key": "x"})
    assert list(told) == [change, ask, "a"]
    assert "A person decides." in told[ask]
    history = await store.get_history()
    assert check(history) == []
    assert first_pending(history) == 1
    [asked] = pending(history)
    assert (asked.tool_use_id, asked.name, asked.input) == (ask, "ask", {"key": "x"})
    assert asked.reason == "A person decides."
    assert await reason_of(agent, store) == "approval"
    assert ran == ["script"], "nothing runs while it waits"

    await decide(store, asked, approve=True)
    assert pending(await store.get_history()) == []
    assert await agent.resume(store).get_final_text() == "ok"
    assert await result_in(store) == "did k; did x; did y"
    assert world.effects == ["change k", "ask x", "change y"]
    assert ran == ["script", "script"]


async def test_an_inner_call_is_answered_by_its_own_id() -> None:
    async def script() -> str:
        return await call("order")

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    assert (await start(agent, store))[1] == "waiting"
    [ordered] = waiting(await store.get_history())
    assert ordered.tool_use_id == inner_id("a", "order", {"key": "k"})
    assert ordered.reason == "The shop calls back."
    with pytest.raises(ApprovalError):
        await decide(store, ordered, approve=True)
    with pytest.raises(ApprovalError):
        await answer(store, PendingCall("a/2", "order", {"key": "k"}, "0" * 64), "x")
    picture = [ImageBlock("image/png", b"\0\1")]
    for _ in range(2):  # to give the same answer again changes nothing
        await answer(store, ordered, picture)
    with pytest.raises(ApprovalError):
        await answer(store, ordered, "another")
    seen: list[Any] = []

    async def again() -> str:
        seen.append((await RUN.get().call("order", {"key": "k"})).content)
        return "done"

    later = agent.copy(tools=[Tool("script", again), *world.tools()])
    assert await later.resume(store).get_final_text() == "ok"
    assert seen == [picture]
    assert world.effects == ["order k"]


async def test_a_refusal_is_told_to_the_handler() -> None:
    async def script() -> str:
        return await call("ask")

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    await start(agent, store)
    [asked] = pending(await store.get_history())
    await decide(store, asked, approve=False, reason="too dear")
    assert await agent.resume(store).get_final_text() == "ok"
    assert await result_in(store) == "denied: too dear"
    assert world.effects == []


@pytest.mark.parametrize("again", [False, True])
async def test_a_handler_cannot_swallow_that_it_waits(again: bool) -> None:
    async def script() -> str:
        try:
            return await call("ask")
        except Exception:
            return await call("change", "because it failed")
        except asyncio.CancelledError:
            if again:
                await call("change", "in spite of it")
            return "never mind"

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    assert (await start(agent, store))[1] == "approval"
    assert world.effects == []
    [asked] = pending(await store.get_history())
    await decide(store, asked, approve=True)
    assert await agent.resume(store).get_final_text() == "ok"
    assert world.effects == ["ask k"]


@pytest.mark.parametrize("way", ["gather", "group", "wait"])
async def test_calls_side_by_side_end_before_the_outer_one_waits_and_wait_together(
    way: str,
) -> None:
    async def script() -> str:
        async def two() -> str:
            return f"{await call('change', '1')} and {await call('change', '2')}"

        work = [two(), call("ask"), call("order"), call("put")]
        if way == "gather":
            return "; ".join(await asyncio.gather(*work))
        if way == "group":
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each) for each in work]
        else:
            tasks = [asyncio.create_task(each) for each in work]
            await asyncio.wait(tasks)
        return "; ".join(task.result() for task in tasks)

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    assert (await start(agent, store))[1] == "approval"
    history = await store.get_history()
    [asked], [ordered] = pending(history), waiting(history)
    await answer(store, ordered, "delivered")
    assert await reason_of(agent, store) == "approval"
    await decide(store, asked, approve=True)
    assert await agent.resume(store).get_final_text() == "ok"
    assert await result_in(store) == "did 1 and did 2; did k; delivered; did k"
    assert Counter(world.effects) == Counter(["change 1", "change 2", "ask k", "order k", "put k"])
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_two_levels_down_waits_and_guards_are_not_asked_again() -> None:
    class AskOnce(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            asked_of.append(tool.name)
            raise Deferred("first me")

    async def middle(key: str) -> str:
        return f"{key}: {await call('change')}, {await call('ask')}"

    async def script() -> str:
        return str((await RUN.get().call("middle", {"key": "m"})).content)

    asked_of: list[str] = []
    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world, guards=(AskOnce(),))
    agent = agent.copy(tools=[*agent.tools, Tool("middle", middle, guards=(AskOnce(),))])
    assert (await start(agent, store))[1] == "approval"
    inner = inner_id("a", "middle", {"key": "m"})
    innermost = inner_id(inner, "ask", {"key": "k"})
    for expected in ("a", inner, innermost):
        [asked] = pending(await store.get_history())
        assert asked.tool_use_id == expected
        await decide(store, asked, approve=True)
        assert await reason_of(agent, store) == ("" if expected == innermost else "approval")
    assert await result_in(store) == "m: did k, did k"
    assert world.effects == ["change k", "ask k"]


async def test_an_approval_is_for_one_call() -> None:
    class Picky(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("ask me")

    class Strict(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            if kwargs["key"] == "bad":
                raise GuardError("never")
            return kwargs

    async def script() -> str:
        return "; ".join([await call("picky", key) for key in ("bad", "good", "other")])

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    agent = agent.copy(
        tools=[*agent.tools, Tool("picky", world.change, guards=(Picky(), Strict()))]
    )
    await start(agent, store)
    for expected in ("bad", "good", "other"):
        [asked] = pending(await store.get_history())
        assert asked.input == {"key": expected}
        assert "picky other" not in world.effects
        await decide(store, asked, approve=True)
        await reason_of(agent, store)
    assert await result_in(store) == "GuardError: never; did good; did other"


async def test_an_approval_is_kept_until_its_call_is_made() -> None:
    async def script() -> str:
        await call("ask") if len(ran) == 0 else None
        ran.append("")
        return f"{await call('order')}, {await call('ask')}"

    ran: list[str] = []
    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    await start(agent, store)
    [asked] = pending(await store.get_history())
    await decide(store, asked, approve=True)
    ran.append("the order comes first now")
    assert await reason_of(agent, store) == "waiting"
    [ordered] = waiting(await store.get_history())
    await answer(store, ordered, "here")
    assert await agent.resume(store).get_final_text() == "ok"
    assert await result_in(store) == "here, did k"


async def test_a_handler_that_does_something_else_asks_anew() -> None:
    async def script() -> str:
        return await call("ask", keys.pop(0))

    keys = ["one", "two"]
    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    await start(agent, store)
    [asked] = pending(await store.get_history())
    await decide(store, asked, approve=True)
    assert await reason_of(agent, store) == "approval"
    [other] = pending(await store.get_history())
    assert other.input == {"key": "two"}
    assert world.effects == []


async def test_a_call_that_has_to_wait_after_the_handler_has_ended_has_failed() -> None:
    class AskSlowly(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            asking.set()
            await ended.wait()
            raise Deferred("too late")

    async def script() -> str:
        tasks.append(asyncio.create_task(call("slow")))
        await asking.wait()
        asyncio.get_running_loop().call_soon(ended.set)
        return "done"

    asking, ended = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[str]] = []
    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    agent = agent.copy(tools=[*agent.tools, Tool("slow", world.change, guards=(AskSlowly(),))])
    assert await agent.run("go", store) == "ok"
    assert "a call inside of 'script' cannot wait. too late" in await tasks[0]
    assert await result_in(store) == "done"
    assert world.effects == []


async def test_a_cancel_ends_what_waits_only_as_long_as_it_runs() -> None:
    async def script() -> str:
        both = await asyncio.gather(call("ask"), RUN.get().call("hang", {}))
        return str(both)

    async def hang() -> str:
        hanging.set()
        await asyncio.Event().wait()
        return ""

    hanging = asyncio.Event()
    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    stream = agent.copy(tools=[*agent.tools, Tool("hang", hang)]).run_stream("go", store)

    async def consume() -> list[StreamEvent]:
        return [event async for event in stream]

    task = asyncio.create_task(consume())
    await hanging.wait()
    stream.cancel()
    await task
    history = await store.get_history()
    assert check(history) == []
    assert pending(history) == []
    assert "interrupted" in await result_in(store)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("end", [True, False])
async def test_a_fork_of_a_session_that_waits_knows_what_was_done(end: bool) -> None:
    async def script() -> str:
        return f"{await call('change')}, {await call('order')}"

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    await start(agent, store)
    fork = await store.fork()
    assert isinstance(fork, MemoryContextStore)
    [ordered] = waiting(await fork.get_history())
    await answer(fork, ordered, "here", is_error=end)
    await agent.resume(fork).get_final_text()
    assert await result_in(fork) == "did k, here"
    assert world.effects == ["change k", "order k"]
    assert waiting(await store.get_history()) == [ordered]


async def test_words_that_only_look_like_a_note_are_a_result() -> None:
    async def lie(key: str) -> str:
        raise ValueError(key)

    async def script() -> str:
        words = ("[waiting for approval 00] x", "[approved 00] x", "[waiting inside 00] x")
        return "; ".join([await call("lie", each) for each in words])

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    agent = agent.copy(tools=[*agent.tools, Tool("lie", lie)])
    assert (await start(agent, store))[1] == ""
    assert "[approved 00] x" in await result_in(store)


@pytest.mark.parametrize("damage", ["", "\n", "\nnull", "\n[1]", "\n[[1, 2]]", "\n[[{}, {}]]"])
async def test_a_damaged_note_waits_for_nothing(damage: str) -> None:
    async def script() -> str:
        return await call("ask")

    store = MemoryContextStore()
    agent = agent_of(script, World())
    await start(agent, store)
    history = await store.get_history()
    [result] = history[2].tool_results
    broken = ToolResultBlock("a", str(result.content).partition("\n")[0] + damage, True)
    store = MemoryContextStore([*history[:2], Message("user", [broken])])
    assert pending(await store.get_history()) == []
    assert await agent.resume(store).get_final_text() == "ok"


@pytest.mark.parametrize("kind", ["generator", "queued", "timed", "read_only", "idempotent"])
async def test_every_kind_of_tool_may_make_calls_that_wait(kind: str) -> None:
    async def plain() -> str:
        return f"{await call('change')}, {await call('ask')}"

    async def generator() -> AsyncIterator[str]:
        yield await call("change")
        yield ", "
        yield await call("ask")

    kinds: dict[str, dict[str, Any]] = {
        "queued": {"concurrency": 1},
        "timed": {"timeout": 60.0},
        "read_only": {"read_only": True},
        "idempotent": {"idempotent": True},
    }
    options = kinds.get(kind, {})
    world, store = World(), MemoryContextStore()
    agent = agent_of(generator if kind == "generator" else plain, world, **options)
    assert (await start(agent, store))[1] == "approval"
    [asked] = pending(await store.get_history())
    await decide(store, asked, approve=True)
    assert await agent.resume(store).get_final_text() == "ok"
    assert await result_in(store) == "did k, did k"
    assert world.effects == ["change k", "ask k"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_where_a_run_cannot_be_resumed_an_inner_call_that_would_wait_has_failed() -> None:
    async def script() -> str:
        return await call("ask")

    agent = agent_of(script, World())
    [result] = await agent.dispatch_tools([ToolUseBlock("a", "script", {})], 1)
    assert "a call inside of 'script' cannot wait. A person decides." in str(result.content)


async def test_a_budget_does_not_count_a_call_that_is_known() -> None:
    async def script() -> str:
        return f"{await call('change')}, {await call('ask')}"

    world, store = World(), MemoryContextStore()
    agent = agent_of(script, world)
    await start(agent, store)
    [asked] = pending(await store.get_history())
    await decide(store, asked, approve=True)
    budget = Budget(tool_calls=2)  # the outer call and the one that was approved
    assert await agent.resume(store, budget=budget).get_final_text() == "ok"
    assert budget.used_tool_calls == 2
