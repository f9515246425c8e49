"""A call may wait for a person longer than the process lives; it then runs once, or never."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from axio.agent import Agent
from axio.approval import (
    ApprovalError,
    PendingCall,
    approved,
    decide,
    digest,
    pending,
    replaced,
    used_up,
)
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget
from axio.compaction import ClearToolResults, CompactionStrategy, SlidingWindow, Summarize
from axio.context import MemoryContextStore
from axio.events import (
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import Deferred
from axio.history import INTERRUPTED, UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio.permission import PermissionGuard
from axio.testing import StubTransport, make_echo_tool, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.clock import in_no_time
from support.scene import SlowStore


class AskLater(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred(f"A person has to allow {tool.name}.")


class Bank:
    def __init__(self) -> None:
        self.paid: list[int] = []
        self.looked = 0
        self.done = False

    async def pay(self, amount: int) -> str:
        self.paid.append(amount)
        return f"paid {amount}"

    async def look(self) -> str:
        self.looked += 1
        return "plenty"

    def tools(self) -> list[Tool[Any]]:
        return [Tool("pay", self.pay, guards=(AskLater(),)), Tool("look", self.look)]


def paying(*amounts: int) -> StubTransport:
    calls: list[StreamEvent] = []
    for n, amount in enumerate(amounts):
        calls += [
            ToolUseStart(n, f"p{n}", "pay"),
            ToolInputDelta(n, f"p{n}", json.dumps({"amount": amount})),
        ]
    calls += [ToolUseStart(9, "l", "look"), ToolInputDelta(9, "l", "{}")]
    calls.append(IterationEnd(1, StopReason.tool_use, Usage(1, 1)))
    return StubTransport([calls, make_text_response("All settled.")])


def results(history: list[Message]) -> dict[str, ToolResultBlock]:
    return {
        block.tool_use_id: block
        for message in history
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }


async def deferred(*amounts: int) -> tuple[Bank, Agent, MemoryContextStore]:
    bank, store = Bank(), MemoryContextStore()
    agent = Agent("", paying(*amounts), bank.tools())
    events = [event async for event in agent.run_stream("pay", store)]
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    assert (end.stop_reason, end.reason) == (StopReason.end_turn, "approval")
    assert bank.paid == []
    assert bank.looked == 1
    assert check(await store.get_history()) == []
    return bank, agent, store


async def reopened(store: MemoryContextStore) -> MemoryContextStore:
    """The copy that another process finds."""
    messages = [message.to_dict() for message in await store.get_history()]
    return MemoryContextStore([Message.from_dict(m) for m in json.loads(json.dumps(messages))])


async def test_an_approved_call_runs_once_in_any_process_that_goes_on() -> None:
    bank, agent, first = await deferred(5)
    store = await reopened(first)
    [call] = pending(await store.get_history())
    assert (call.name, call.input) == ("pay", {"amount": 5})
    assert call.reason == "A person has to allow pay."
    with pytest.raises(dataclasses.FrozenInstanceError):
        call.input = {"amount": 1_000_000}  # type: ignore[misc]
    call = PendingCall(**json.loads(json.dumps(dataclasses.asdict(call))))
    await decide(store, call, approve=True)
    store = await reopened(store)
    events = [event async for event in agent.resume(store)]
    assert bank.paid == [5]
    assert bank.looked == 1, "what had run is not run again"
    assert [e.content for e in events if isinstance(e, ToolResult)] == ["paid 5"]
    history = await store.get_history()
    assert check(history) == []
    assert results(history)["p0"] == ToolResultBlock("p0", "paid 5")
    for _ in range(2):
        await agent.resume(store).get_session_end()
    assert bank.paid == [5]


def test_an_approval_does_not_depend_on_the_order_of_the_arguments() -> None:
    assert digest("a", "pay", {"to": "x", "by": "y"}) == digest("a", "pay", {"by": "y", "to": "x"})


async def test_an_approved_call_counts_once() -> None:
    bank = Bank()
    calls = make_tool_use_response("pay", tool_input={"amount": 5})
    transport = StubTransport([calls, make_text_response("Paid.")])
    agent = Agent("", transport, [Tool("pay", bank.pay, guards=(AskLater(),))])
    store = MemoryContextStore()
    await agent.run("pay", store)
    [waiting] = pending(await store.get_history())
    with pytest.raises(dataclasses.FrozenInstanceError):
        waiting.input = {"amount": 500}  # type: ignore[misc]
    await decide(store, waiting, approve=True)
    agent = agent.copy(tools=[Tool("pay", bank.pay)])
    budget = Budget(tool_calls=1)
    assert await agent.resume(store, budget=budget).get_final_text() == "Paid."
    assert (bank.paid, budget.used_tool_calls) == ([5], 1)


@in_no_time
async def test_an_approved_call_may_take_its_time() -> None:
    async def pay(amount: int) -> str:
        await asyncio.sleep(30)
        return f"paid {amount} at last"

    _, agent, store = await deferred(5)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=True)
    agent.tools = [Tool("pay", pay, guards=(AskLater(),))]
    events = [event async for event in agent.resume(store)]
    assert [e.content for e in events if isinstance(e, ToolResult)] == ["paid 5 at last"]
    history = await store.get_history()
    assert results(history)["p0"] == ToolResultBlock("p0", "paid 5 at last")
    assert history[-1] == Message("assistant", [TextBlock("All settled.")])


async def test_an_approved_call_may_be_stopped_at_every_step() -> None:
    """It runs once or not at all, and what is stored is what it did."""
    number = 0
    while True:
        bank, agent, first = await deferred(5)
        store = SlowStore(before=2, after=2)
        await store.extend(await first.get_history())
        [call] = pending(await store.get_history())
        await decide(store, call, approve=True)

        async def pay(amount: int, _bank: Bank = bank) -> str:
            _bank.paid.append(amount)
            for _ in range(4):
                await asyncio.sleep(0)
            _bank.done = True
            return f"paid {amount}"

        agent.tools = [Tool("pay", pay, guards=(AskLater(),))]
        task = asyncio.ensure_future(agent.resume(store).get_final_text())
        for _ in range(number):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        history = await store.get_history()
        assert check(history) == []
        result = results(history)["p0"]
        if bank.done:
            assert result == ToolResultBlock("p0", "paid 5")
        elif bank.paid:
            assert result == ToolResultBlock("p0", INTERRUPTED, True)
        elif not (waiting := approved(history)):
            assert result == ToolResultBlock("p0", UNKNOWN_OUTCOME, True)
        else:
            assert [call.tool_use_id for call in waiting] == ["p0"]
        await agent.resume(store).get_session_end()
        assert len(bank.paid) <= 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        number += 1
    assert number > 15
    assert await task == "All settled."


async def test_a_refused_call_is_never_run_and_the_model_is_told_why() -> None:
    bank, agent, store = await deferred(5)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=False, reason="too much")
    assert await agent.resume(store).get_final_text() == "All settled."
    assert bank.paid == []
    assert results(await store.get_history())["p0"].content == "denied: too much"


async def test_the_run_waits_again_until_every_call_is_decided() -> None:
    bank, agent, store = await deferred(1, 2)
    one, two = pending(await store.get_history())
    await decide(store, two, approve=True)
    assert (await agent.resume(store).get_session_end()).reason == "approval"
    assert bank.paid == [2]
    await decide(store, one, approve=True)
    assert await agent.resume(store).get_final_text() == "All settled."
    assert bank.paid == [2, 1]


def test_an_error_that_is_no_text_is_no_call_that_waits() -> None:
    failed = ToolResultBlock("a", [TextBlock("boom")], is_error=True)
    history = [
        Message("user", [TextBlock("pay")]),
        Message("assistant", [ToolUseBlock("a", "pay", {"amount": 5})]),
        Message("user", [failed]),
    ]
    assert pending(history) == approved(history) == []


async def test_only_the_failed_result_of_a_call_can_say_that_it_waits() -> None:
    _, _, store = await deferred(1)
    history = await store.get_history()
    [call] = pending(history)
    note = history[-1].content[0]
    assert isinstance(note, ToolResultBlock)
    quoted = [*history[:-1], Message("user", [dataclasses.replace(note, is_error=False)])]
    assert pending(quoted) == []
    stray = dataclasses.replace(note, tool_use_id="of no call")
    assert pending([*history[:-1], Message("user", [note, stray])]) == [call]


async def test_nothing_is_decided_twice() -> None:
    _, _, store = await deferred(5)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=False)
    with pytest.raises(ApprovalError, match="does not wait"):
        await decide(store, call, approve=True)


async def test_a_changed_argument_voids_the_approval() -> None:
    bank, agent, store = await deferred(5)
    [call] = pending(await store.get_history())
    for changed in (
        dataclasses.replace(call, input={"amount": 500}),
        dataclasses.replace(call, digest="0" * 64),
        dataclasses.replace(call, name="look"),
    ):
        with pytest.raises(ApprovalError, match="other arguments"):
            await decide(store, changed, approve=True)
    await decide(store, call, approve=True)
    history = await store.get_history()
    content = [
        ToolUseBlock(b.id, b.name, {"amount": 500}) if isinstance(b, ToolUseBlock) else b
        for b in history[1].content
    ]
    await store.replace([history[0], Message("assistant", content), *history[2:]])
    assert approved(await store.get_history()) == []
    await agent.resume(store).get_session_end()
    assert bank.paid == []


async def test_a_crash_while_an_approved_call_runs_does_not_run_it_again() -> None:
    bank, agent, store = await deferred(5)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=True)
    begun = asyncio.Event()

    async def hang(amount: int) -> str:
        bank.paid.append(amount)
        begun.set()
        await asyncio.Event().wait()
        return ""

    agent.tools = [Tool("pay", hang, guards=(AskLater(),))]
    task = asyncio.ensure_future(agent.resume(store).get_session_end())
    await begun.wait()
    crashed = await reopened(store)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "interrupted" in str(results(await store.get_history())["p0"].content)
    for left in (crashed, store):
        assert check(await left.get_history()) == []
        await agent.resume(left).get_session_end()
    assert results(await crashed.get_history())["p0"].content == UNKNOWN_OUTCOME
    assert bank.paid == [5]


async def test_an_approval_holds_for_the_call_and_not_for_what_it_starts() -> None:
    bank = Bank()
    inner = Agent("", StubTransport([make_tool_use_response("pay", "p0", {"amount": 9})]))
    inner.tools = bank.tools()

    async def delegate() -> str:
        return (await inner.run_stream("x", MemoryContextStore()).get_session_end()).reason

    transport = StubTransport([make_tool_use_response("delegate", "d"), make_text_response("ok")])
    agent = Agent("", transport, [Tool("delegate", delegate, guards=(AskLater(),))])
    store = MemoryContextStore()
    await agent.run("go", store)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=True)
    assert await agent.resume(store).get_final_text() == "ok"
    assert results(await store.get_history())["d"].content == "approval"
    assert bank.paid == []


async def test_another_guard_still_has_its_say_about_an_approved_call() -> None:
    class Never(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise PermissionError("never")

    bank, agent, store = await deferred(5)
    [call] = pending(await store.get_history())
    await decide(store, call, approve=True)
    agent.tools = [Tool("pay", bank.pay, guards=(AskLater(), Never()))]
    await agent.resume(store).get_session_end()
    assert bank.paid == []
    assert results(await store.get_history())["p0"].content == "GuardError: PermissionError: never"


@pytest.mark.parametrize(
    "strategy", [Summarize(2), SlidingWindow(2), ClearToolResults(2, longer_than=10)]
)
async def test_calls_that_wait_are_never_summarised_away(strategy: CompactionStrategy) -> None:
    """Nor what came after them; what came before them is."""
    store = MemoryContextStore()
    talk = StubTransport([make_text_response("hm")])
    echo = make_tool_use_response("echo", "e", {"msg": "x" * 20})
    look = StubTransport([echo, make_text_response("seen")])
    await Agent("", look, [make_echo_tool()]).run("look", store)
    assert (await Agent("", paying(5), Bank().tools()).run("pay", store)) == ""
    for n in range(5):
        await Agent("", talk).run(f"and {n}?", store)
    history = await store.get_history()
    [call] = pending(history)
    at = next(n for n, m in enumerate(history) if m.content == [TextBlock("pay")])
    shorter = await strategy.compact(history, talk)
    assert shorter is not None
    assert check(shorter) == []
    assert pending(shorter) == [call]
    kept = len(history) - at - 1
    assert shorter[-kept:] == history[-kept:]
    assert shorter[:-kept] != history[:-kept]


async def test_a_deferred_call_beside_one_that_fails_keeps_both() -> None:
    async def fail() -> str:
        raise ValueError("broke")

    calls: list[StreamEvent] = [
        ToolUseStart(0, "a", "pay"),
        ToolInputDelta(0, "a", '{"amount": 1}'),
        ToolUseStart(1, "b", "fail"),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    store = MemoryContextStore()
    agent = Agent("", StubTransport([calls]), [*Bank().tools(), Tool("fail", fail)])
    assert (await agent.run_stream("x", store).get_session_end()).reason == "approval"
    history = await store.get_history()
    assert results(history)["b"].content == "ValueError: broke"
    assert [call.tool_use_id for call in pending(history)] == ["a"]


async def test_leaving_while_approved_calls_run_stores_what_they_did_and_leaves_nothing() -> None:
    started = asyncio.Event()

    async def slow() -> str:
        started.set()
        await asyncio.sleep(60)
        return ""

    async def fast() -> str:
        return "fast is done"

    guards = (AskLater(),)
    calls: list[StreamEvent] = [ToolUseStart(0, "f", "fast"), ToolUseStart(1, "s", "slow")]
    end = IterationEnd(1, StopReason.tool_use, Usage(1, 1))
    agent = Agent(
        "",
        StubTransport([[*calls, end], make_text_response()]),
        [Tool("fast", fast, guards=guards), Tool("slow", slow, guards=guards)],
    )
    store = MemoryContextStore()
    await agent.run_stream("go", store).get_session_end()
    for waiting in pending(await store.get_history()):
        await decide(store, waiting, approve=True)
    before = asyncio.all_tasks()
    stream = agent.resume(store)
    async for _ in stream:
        break
    await stream.aclose()
    assert started.is_set()
    assert asyncio.all_tasks() == before
    history = await store.get_history()
    assert results(history)["f"].content == "fast is done"
    assert results(history)["s"].is_error
    assert check(history) == []


async def test_nothing_approved_runs_when_the_history_cannot_be_read() -> None:
    class Unreadable(MemoryContextStore):
        broken = 0

        async def get_history(self) -> list[Message]:
            if self.broken:
                self.broken -= 1
                raise OSError("unreadable")
            return await super().get_history()

    bank, agent, first = await deferred(5)
    store = Unreadable(await first.get_history())
    for waiting in pending(await store.get_history()):
        await decide(store, waiting, approve=True)
    store.broken = 1
    with pytest.raises(OSError, match="unreadable"):
        [event async for event in agent.resume(store)]
    assert bank.paid == []


async def deferred_twice(first: int, second: int) -> tuple[Bank, Agent, MemoryContextStore]:
    """Two runs that end with a pending call each, both with the id "p", as before ids were unique
    in a session."""
    bank, history = Bank(), []
    turns = [make_tool_use_response("pay", "p", {"amount": n}) for n in (first, second)]
    agent = Agent("", StubTransport([*turns, make_text_response("ok")]), bank.tools())
    for _ in turns:
        store = MemoryContextStore()
        assert (await agent.run_stream("pay", store).get_session_end()).reason == "approval"
        history += await store.get_history()
    return bank, agent, MemoryContextStore(history)


async def test_one_approval_runs_one_of_two_calls_that_are_the_same() -> None:
    bank, agent, store = await deferred_twice(5, 5)
    one, two = pending(await store.get_history())
    await decide(store, two, approve=True)
    with pytest.raises(ApprovalError, match="does not wait"):
        await decide(store, two, approve=True)
    assert (await agent.resume(store).get_session_end()).reason == "approval"
    assert bank.paid == [5]
    history = await store.get_history()
    assert history[-1].content == [ToolResultBlock("p", "paid 5")]
    assert pending(history) == [one]
    await decide(store, one, approve=False)
    assert await agent.resume(store).get_final_text() == "ok"
    assert bank.paid == [5]


async def test_the_calls_of_two_runs_with_one_id_are_told_apart_by_their_arguments() -> None:
    bank, agent, store = await deferred_twice(5, 6)
    _, two = pending(await store.get_history())
    await decide(store, two, approve=True)
    with pytest.raises(ApprovalError, match="other arguments"):
        await decide(store, two, approve=True)
    await agent.resume(store).get_session_end()
    assert bank.paid == [6]
    assert [call.input for call in pending(await store.get_history())] == [{"amount": 5}]


async def test_each_result_takes_the_place_of_its_own_call() -> None:
    _, _, store = await deferred_twice(5, 5)
    for call in pending(await store.get_history()):
        await decide(store, call, approve=True)
    history = await store.get_history()
    one, two = approved(history)
    unknown = used_up(history)
    assert approved(unknown) == []
    mended = replaced(unknown, [(two, ToolResultBlock("p", "2")), (one, ToolResultBlock("p", "1"))])
    assert [mended[n].content[0] for n in (2, 5)] == [
        ToolResultBlock("p", "1"),
        ToolResultBlock("p", "2"),
    ]
    assert replaced(mended, [(one, ToolResultBlock("p", "again"))]) == mended


async def test_a_result_leaves_calls_of_before_that_had_its_id_alone() -> None:
    _, agent, store = await deferred_twice(5, 6)
    one, _ = pending(await store.get_history())
    await decide(store, one, approve=True)
    await store.replace(used_up(await store.get_history()))  # and then a crash
    [two] = pending(await store.get_history())
    await decide(store, two, approve=True)
    await agent.resume(store).get_session_end()
    history = await store.get_history()
    assert history[2].content == [ToolResultBlock("p", UNKNOWN_OUTCOME, True)]
    assert results(history)["p"] == ToolResultBlock("p", "paid 6")


def test_a_call_noted_before_repeats_were_counted_is_the_first() -> None:
    stored = {"tool_use_id": "p", "name": "pay", "input": {}, "digest": "0"}
    call = PendingCall(**stored)  # type: ignore[arg-type]
    assert (call.repeat, call.reason) == (0, "")


@pytest.mark.parametrize(
    ("words", "reason"),
    [("", "Deferred"), *[(w, w) for w in ("over the limit", "two\nlines [waiting] run. so")]],
)
async def test_a_call_that_waits_says_what_its_guard_said(words: str, reason: str) -> None:
    class Later(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred(words)

    store = MemoryContextStore()
    agent = Agent("", paying(5), [Tool("pay", Bank().pay, guards=(Later(),))])
    await agent.run("pay", store)
    [call] = pending(await store.get_history())
    assert call.reason == reason


async def test_two_approved_calls_with_one_id_are_both_run_and_answered() -> None:
    bank, agent, store = await deferred_twice(5, 6)
    for call in pending(await store.get_history()):
        await decide(store, call, approve=True)
    assert await agent.resume(store).get_final_text() == "ok"
    assert bank.paid == [5, 6]
    history = await store.get_history()
    assert [history[n].content for n in (2, 5)] == [
        [ToolResultBlock("p", "paid 5")],
        [ToolResultBlock("p", "paid 6")],
    ]
