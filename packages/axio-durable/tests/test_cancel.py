"""A cancel ends what goes on, what waits and what was asked, and lasts however workers die."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from axio.approval import ApprovalError
from axio.events import TextDelta
from axio_durable import Durable, DurableStore, End, Rested, advance
from support.durably import asked, rested, waits, words, working
from support.waiting import until


async def test_cancel_while_the_model_speaks_keeps_its_words(durable: Durable) -> None:
    async with working(durable):
        await durable.post("s", "endless", agent="worker", id="1")
        text = ""
        async with asyncio.timeout(60):
            async for event in durable.follow("s"):
                assert not isinstance(event, Rested), "it ends, and was not cancelled"
                text += event.delta if isinstance(event, TextDelta) else ""
                if len(text.split()) > 25:  # the worker has looked twice for a cancel
                    break
        await durable.cancel("s")
        assert (await rested(durable, "s")).reason == "cancelled"
        assert "0 1 " in words(await durable.history("s"))[-1]
        await durable.post("s", "hello", agent="worker", id="2")
        assert await rested(durable, "s") == Rested("end_turn")


async def test_cancel_while_a_tool_works_ends_it(durable: Durable, program: Any) -> None:
    async with working(durable):
        await durable.post("s", "slow", agent="worker", id="1")
        await until(program.effects)
        await durable.cancel("s")
        assert (await rested(durable, "s")).reason == "cancelled"
    assert program.effects() == ["s begun"]


async def test_cancel_in_the_queue_leaves_the_message_unanswered(durable: Durable) -> None:
    await durable.post("s", "effect", agent="worker", id="1")
    await durable.cancel("s")
    await durable.post("s", "hello", agent="worker", id="2")
    async with working(durable):
        assert await rested(durable, "s") == Rested("end_turn")
    assert [message.role for message in await durable.history("s")] == ["user", "user", "assistant"]


async def test_cancel_while_a_call_waits_refuses_it(durable: Durable, program: Any) -> None:
    async with working(durable):
        await durable.post("s", "guarded", agent="worker", id="1")
        call = await asked(durable)
        await durable.cancel("s")
        assert (await rested(durable, "s")).reason == "cancelled"
        with pytest.raises(ApprovalError):
            await durable.decide("s", call, approve=True)
    assert program.effects() == []


async def test_cancel_of_a_parent_ends_its_children(durable: Durable, program: Any) -> None:
    async with working(durable):
        await durable.post("s", "child:slow", agent="worker", id="1")
        await until(program.effects)
        await waits(durable)
        await durable.cancel("s")
        assert (await rested(durable, "s")).reason == "cancelled"
        child = program.effects()[0].split()[0]
        assert (await rested(durable, child)).reason == "cancelled"


async def test_a_cancel_holds_whatever_a_child_says_after_it(durable: Durable) -> None:
    await durable.post("s", "child:hello thanks", agent="worker", id="1")
    await durable.advance("s")
    [call] = await durable.waiting("s")
    await durable.cancel("s")
    await durable.advance(f"s/{call.tool_use_id}")  # it has not heard of the cancel yet
    assert (await durable.advance("s")).reason == "cancelled"
    assert len(await durable.history("s")) == 3


async def test_a_cancel_reaches_children_whose_parent_dies_over_it(durable: Durable) -> None:
    await durable.post("s", "child:effect thanks", agent="worker", id="1")
    await durable.advance("s")
    [call] = await durable.waiting("s")
    child = f"s/{call.tool_use_id}"
    await durable.cancel("s")
    poke = durable.scheduler.poke

    async def die(session_id: str) -> None:
        raise asyncio.CancelledError

    durable.scheduler.poke = die  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await durable.advance("s")
    durable.scheduler.poke = poke  # type: ignore[method-assign]
    assert (await durable.advance("s")).reason == "cancelled"
    assert (await durable.advance(child)).reason == "cancelled"
    assert [message.role for message in await durable.history(child)] == ["user"]


async def test_a_second_cancel_calls_off_what_came_after_the_first(durable: Durable) -> None:
    for number in (1, 2):
        await durable.post("s", "effect", agent="worker", id=str(number))
        await durable.cancel("s")
    await durable.cancel("s")
    await durable.post("s", "hello", agent="worker", id="3")
    assert await durable.advance("s") == End("end_turn")
    roles = [message.role for message in await durable.history("s")]
    assert roles == ["user", "user", "user", "assistant"]


async def test_a_worker_that_dies_over_a_cancel_leaves_nothing_to_be_answered(
    durable: Durable,
) -> None:
    await durable.post("s", "effect", agent="worker", id="1")
    await durable.cancel("s")

    async def die(store: DurableStore, end: End) -> None:
        raise asyncio.CancelledError

    store, agent = durable.database.session("s"), await durable._agent("worker")
    with pytest.raises(asyncio.CancelledError):
        await advance(store, agent, before_rest=die)
    assert await advance(store, agent) == End("cancelled")
    assert [message.role for message in await durable.history("s")] == ["user"]


async def test_cancel_at_rest_changes_nothing(durable: Durable) -> None:
    async with working(durable):
        await durable.post("s", "hello", agent="worker", id="1")
        await rested(durable, "s")
        await durable.cancel("s")
        await durable.post("s", "again", agent="worker", id="2")
        assert await rested(durable, "s") == Rested("end_turn")
    assert len(await durable.history("s")) == 4


async def test_a_session_may_be_cancelled_whose_agent_cannot_be_made(durable: Durable) -> None:
    await durable.post("s", "effect", agent="worker", id="1")
    durable.agents = {"other": durable.agents["worker"]}
    await durable.cancel("s")
    async with working(durable):
        assert (await rested(durable, "s")).reason == "cancelled"
