"""Promises to those who post, watch, decide and cancel, with a worker in the same process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from axio.agent import Agent
from axio.approval import ApprovalError
from axio.events import StreamEvent, TextDelta
from axio.history import calls_of
from axio.messages import Message
from axio.tool import Tool
from axio_durable import Durable, Rested, Stored, UnknownAgent
from support.durably import asked, rested, waits, words, working
from support.waiting import until


async def test_a_message_is_answered_once(durable: Durable, program: Any) -> None:
    assert await durable.post("s", "effect done", agent="worker", id="1")
    assert not await durable.post("s", "effect done", agent="worker", id="1")
    async with working(durable):
        assert await rested(durable, "s") == Rested("end_turn")
    history = await durable.history("s")
    assert len(history) == 4
    assert "done" in words(history)[-1]
    assert len(program.effects()) == 1


async def test_a_message_that_comes_while_another_is_answered_waits_for_its_turn(
    durable: Durable,
) -> None:
    async with working(durable):
        for number in range(5):
            await durable.post("s", f"effect answer{number}", agent="worker", id=str(number))
        await rested(durable, "s")
    answers = [one for one in words(await durable.history("s")) if "answer" in one]
    assert "answer4" in answers[-1]
    prompts = [message for message in await durable.history("s") if message.role == "user"]
    texts = [one for one in words(prompts) if "effect answer" in one]
    assert [f"answer{number}" in text for number, text in enumerate(texts)] == [True] * 5


async def test_one_id_posted_a_hundred_times_at_once_is_one_message(durable: Durable) -> None:
    posts = [durable.post("s", "hello", agent="worker", id="the one") for _ in range(100)]
    assert sum(await asyncio.gather(*posts)) == 1
    async with working(durable):
        await rested(durable, "s")
    assert len(await durable.history("s")) == 2


async def test_a_follower_that_comes_back_gets_each_message_once(durable: Durable) -> None:
    seen: list[Message] = []
    async with working(durable):
        await durable.post("s", "effect both effect end", agent="worker", id="1")
        done = False
        while not done:
            stream = durable.follow("s", len(seen), every=0.02)
            async for event in stream:
                if isinstance(event, Stored):
                    assert event.index == len(seen)
                    seen.append(event.message)
                    break  # the connection is lost after each message
                done = isinstance(event, Rested)
            await stream.aclose()
    assert seen == await durable.history("s")


async def test_live_text_is_seen_before_its_message_is_stored(durable: Durable) -> None:
    async with working(durable):
        await durable.post("s", "endless", agent="worker", id="1")
        text = ""
        async with asyncio.timeout(60):
            async for event in durable.follow("s", every=0.05):
                if isinstance(event, TextDelta):
                    text += event.delta
                if len(text) > 20:
                    break
        await durable.cancel("s")
        await rested(durable, "s")
    assert text.startswith("0 1 2 3 ")
    assert words(await durable.history("s"))[-1].startswith(f"[TextBlock(text='{text}")


async def test_a_call_waits_for_a_decision_and_is_run_once(durable: Durable, program: Any) -> None:
    async with working(durable):
        await durable.post("s", "guarded thanks", agent="worker", id="1")
        call = await asked(durable)
        assert program.effects() == []
        await durable.decide("s", call, approve=True)
        assert await rested(durable, "s") == Rested("end_turn")
        with pytest.raises(ApprovalError):
            await durable.decide("s", call, approve=True)
    assert len(program.effects()) == 1


async def test_of_two_deciders_at_once_one_decides(durable: Durable, program: Any) -> None:
    async with working(durable):
        await durable.post("s", "guarded thanks", agent="worker", id="1")
        call = await asked(durable)
        found = await asyncio.gather(
            durable.decide("s", call, approve=True),
            durable.decide("s", call, approve=False, reason="no"),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Exception) for one in found) == 1
        await rested(durable, "s")
    assert len(program.effects()) == (0 if found[0] else 1)


async def test_a_message_waits_behind_a_decision(durable: Durable) -> None:
    async with working(durable):
        await durable.post("s", "guarded first", agent="worker", id="1")
        call = await asked(durable)
        await durable.post("s", "second", agent="worker", id="2")
        await asked(durable)
        await durable.decide("s", call, approve=False, reason="too dear")
        await rested(durable, "s")
    told = words(await durable.history("s"))
    assert "too dear" in told[2] and "first" in told[3]
    assert "second" in told[4] and "second" in told[5]


async def test_a_result_that_comes_from_elsewhere_is_used(durable: Durable) -> None:
    async with working(durable):
        await durable.post("s", "later thanks", agent="worker", id="1")
        call = await waits(durable)
        for _ in range(2):
            await durable.answer("s", call, "the parcel has come")
        assert await rested(durable, "s") == Rested("end_turn")
    assert "the parcel has come" in words(await durable.history("s"))[2]


async def test_a_child_works_in_a_session_of_its_own(durable: Durable, program: Any) -> None:
    async with working(durable):
        await durable.post("s", "child:effect child:effect thanks", agent="worker", id="1")
        assert await rested(durable, "s") == Rested("end_turn")
    history = await durable.history("s")
    assert "thanks" in words(history)[-1]
    children = {effect.split()[0] for effect in program.effects()}
    assert len(children) == len(program.effects()) == 2
    assert all(child.startswith("s/") for child in children)


async def test_a_worker_that_comes_late_gives_a_child_its_task_no_second_time(
    durable: Durable, program: Any
) -> None:
    async with working(durable):
        await durable.post("s", "child:effect thanks", agent="worker", id="1")
        assert await rested(durable, "s") == Rested("end_turn")
    [call] = calls_of((await durable.history("s"))[1])
    child = f"s/{call.id}"
    before = await durable.history(child)
    await durable._begin_child("s", call.id, "helper", "effect")
    await durable.advance(child)
    assert await durable.history(child) == before
    assert len(program.effects()) == 1


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────


async def test_an_agent_that_nobody_knows_is_refused_before_anything_is_kept(
    durable: Durable,
) -> None:
    with pytest.raises(UnknownAgent, match="no agent 'nobody' in this program, only 'worker'"):
        await durable.post("s", "hello", agent="nobody", id="1")
    assert await durable.database.unfinished() == []


async def test_a_message_for_an_agent_of_another_release_stays_in_the_inbox(
    durable: Durable,
) -> None:
    agents = durable.agents
    await durable.post("s", "hello", agent="worker", id="1")
    durable.agents = {"other": agents["worker"]}
    with pytest.raises(UnknownAgent):
        await durable.advance("s")
    durable.agents = agents
    await durable.advance("s")
    assert await rested(durable, "s") == Rested("end_turn")


async def test_an_engine_that_is_away_delays_and_loses_nothing(durable: Durable) -> None:
    async def fail(session_id: str) -> None:
        raise OSError("the engine is away")

    poke = durable.scheduler.poke
    durable.scheduler.poke = fail  # type: ignore[method-assign]
    await durable.post("s", "hello", agent="worker", id="1")
    durable.scheduler.poke = poke  # type: ignore[method-assign]
    async with working(durable):
        assert await rested(durable, "s") == Rested("end_turn")


async def test_a_session_that_waits_in_an_engine_is_poked_less_and_less(
    durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    pokes: list[float] = []
    clock = 0.0

    async def queued(session_id: str) -> None:
        pokes.append(clock)

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds
        if clock > 60:
            raise asyncio.CancelledError

    await durable.post("s", "hello", agent="worker", id="1")
    durable.scheduler.poke = queued  # type: ignore[method-assign]
    monkeypatch.setattr("axio_durable.durable.time.monotonic", lambda: clock)
    monkeypatch.setattr("axio_durable.durable.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await durable._look()
    every = durable._look_every
    assert pokes[:3] == [0.0, 2 * every, 6 * every]
    assert all(after - before == 4 * every for before, after in itertools.pairwise(pokes[2:]))


async def test_a_worker_that_stops_leaves_its_session_as_if_it_had_died(
    durable: Durable, program: Any
) -> None:
    async with working(durable, grace=0.0):
        await durable.post("s", "slow", agent="worker", id="1")
        await until(program.effects)
    assert len(await durable.history("s")) == 2  # the call has no result yet
    assert await durable.database.unfinished() == ["s"]


class Broken:
    """A model whose own code is wrong."""

    async def stream(
        self, messages: list[Message], tools: Any, system: str
    ) -> AsyncIterator[StreamEvent]:
        if messages:
            raise KeyError("a fault in the transport")
        yield TextDelta(0, "never")


async def test_a_fault_in_code_of_the_agent_ends_the_run_and_not_the_session(
    durable: Durable,
) -> None:
    agents = durable.agents
    durable.agents = {**agents, "worker": Agent("", Broken())}
    async with working(durable):
        await durable.post("s", "hello", agent="worker", id="1")
        end = await rested(durable, "s")
        assert end.reason == "error" and "a fault in the transport" in end.words
        durable.agents = agents
        await durable.post("s", "again", agent="worker", id="2")
        assert await rested(durable, "s") == Rested("end_turn")


class Panic(BaseException):
    """No `Exception`, as the panics of extensions in Rust."""


@pytest.mark.parametrize("failure", [SystemExit(3), Panic("out of bounds")])
async def test_a_tool_that_wants_to_end_the_process_ends_its_run_alone(
    durable: Durable, caplog: pytest.LogCaptureFixture, failure: BaseException
) -> None:
    goes_on = asyncio.Event()

    async def slow() -> str:
        await goes_on.wait()
        return "done"

    async def effect() -> str:
        raise failure

    worker = durable.agents["worker"]
    assert callable(worker)

    def make() -> Agent:
        agent = worker()
        assert isinstance(agent, Agent)
        agent.tools = [Tool("slow", slow), Tool("effect", effect)]
        return agent

    durable.agents = {"worker": make}
    async with working(durable):
        await durable.post("other", "slow end", agent="worker", id="1")
        await until(lambda: "other" in durable.running)
        await durable.post("s", "effect end", agent="worker", id="1")
        assert await rested(durable, "s") == Rested("end_turn")
        goes_on.set()
        assert await rested(durable, "other") == Rested("end_turn")
    [result] = (await durable.history("s"))[2].tool_results
    told = f"{type(failure).__name__}: {failure}"
    assert result.is_error and result.content == told
    assert f"session 's' failed, 1 in a row: {told}" in caplog.text


async def test_a_follower_gets_the_result_of_an_approved_call_when_it_is_there(
    durable: Durable, program: Any
) -> None:
    app = program.load()
    go_on = asyncio.Event()

    async def slow() -> str:
        await go_on.wait()
        return "the result"

    durable.agents = {
        **durable.agents,
        "worker": Agent("", app.Model(), [Tool("guarded", slow, guards=(app.Asks(),))]),
    }
    async with working(durable):
        await durable.post("s", "guarded", agent="worker", id="1")
        call = await asked(durable)
        await durable.decide("s", call, approve=True)
        seen: list[Message] = []
        async with asyncio.timeout(60):
            async for event in durable.follow("s", every=0.02):
                if isinstance(event, Stored):
                    seen.append(event.message)
                    asyncio.get_running_loop().call_later(0.3, go_on.set)
    assert seen == await durable.history("s")
    assert "the result" in words(seen)[2]


async def test_a_known_id_with_another_agent_changes_nothing(durable: Durable) -> None:
    await durable.post("s", "hello", agent="worker", id="1")
    assert not await durable.post("s", "hello", agent="helper", id="1")
    assert (await durable.database.session("s").work.standing()).agent == "worker"
    with pytest.raises(ValueError, match="id"):
        await durable.post("", "hello", agent="worker", id="1")


@pytest.mark.parametrize("program", ["sqlite", "postgres"], indirect=True)
async def test_sessions_that_cannot_be_served_hold_up_no_others(
    durable: Durable, program: Any
) -> None:
    for number in range(20):
        await durable.post(f"bad {number}", "hello", agent="helper", id="1")
    durable.agents = {"worker": Agent("", program.load().Model())}
    few = durable.database.unfinished

    async def unfinished(limit: int) -> list[str]:
        return await few(limit - 1000 + 10)

    durable.database.unfinished = unfinished  # type: ignore[method-assign,assignment]
    async with working(durable):
        store = durable.database.session("s")
        await store.work.assign("worker")
        await store.inbox.post("hello", "1")
        assert await rested(durable, "s") == Rested("end_turn")
