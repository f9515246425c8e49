"""Workers that are killed at every access of the store, before it and after it."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from axio.approval import PendingCall
from axio.exceptions import SessionBusy
from axio.history import check
from axio.messages import Message
from axio_durable import Durable, Rested, Stored
from support.durably import unknown_in

PROMPT = "effect both child:effect end"
EFFECTS = 4


async def finished(durable: Durable, session: str) -> list[Message]:
    """All messages of a session once it rests, as a follower sees them: each once, in order."""
    seen: list[Message] = []
    async with asyncio.timeout(120):
        async for event in durable.follow(session):
            if isinstance(event, Stored):
                assert event.index == len(seen)
                seen.append(event.message)
            if isinstance(event, Rested):
                assert event == Rested("end_turn")
    return seen


async def killed_at(durable: Durable, program: Any, number: int) -> bool:
    """Kill a worker at that access, let another end the work, and judge. False if the first one
    was done before."""
    session = f"s{number}"
    before = len(program.effects())
    await durable.post(session, PROMPT, agent="worker", id="1")
    first = program.worker(KILL_AT=str(number))
    rest = asyncio.create_task(finished(durable, session))
    dead = asyncio.create_task(asyncio.to_thread(first.wait))
    await asyncio.wait((rest, dead), return_when=asyncio.FIRST_COMPLETED)
    was_killed = dead.done()
    second = program.worker() if was_killed else first
    history = await rest
    second.send_signal(signal.SIGTERM)
    await asyncio.to_thread(second.wait)
    # A worker that has done its work goes on looking for more, until it meets its number.
    assert first.returncode == -signal.SIGKILL or (first.returncode == 0 and not was_killed)

    assert history == await durable.history(session)
    assert check(history) == []
    children = [f"{session}/{call.id}" for one in history for call in _children(one)]
    told = unknown_in(history)
    for child in children:
        told += unknown_in(await durable.history(child))
    effects = program.effects()[before:]
    assert len(set(effects)) == len(effects)
    assert EFFECTS - told <= len(effects) <= EFFECTS
    return was_killed


def _children(message: Message) -> list[Any]:
    return [block for block in message.content if getattr(block, "name", "") == "child"]


@pytest.mark.heavy
@pytest.mark.timeout(3600)
async def test_a_worker_may_be_killed_at_every_access_of_the_store(
    durable: Durable, program: Any
) -> None:
    number = 0
    while await killed_at(durable, program, number):
        number += 1
    print(f"killed at each of {number} accesses")
    assert number > 40


@pytest.mark.parametrize("number", [3, 16, 38])
async def test_a_worker_may_be_killed_at_some_accesses_of_the_store(
    durable: Durable, program: Any, number: int
) -> None:
    assert await killed_at(durable, program, number)


async def begun(program: Any) -> None:
    """Wait until a tool has changed something."""
    async with asyncio.timeout(60):
        while not program.effects():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.02)


async def test_a_tool_that_works_when_its_worker_dies_is_told_as_unknown(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "slow", agent="worker", id="1")
    first = program.worker()
    await begun(program)
    os.killpg(first.pid, signal.SIGKILL)
    program.worker()
    history = await finished(durable, "s")
    assert unknown_in(history) == 1
    assert program.effects() == ["s begun"]


async def test_a_worker_that_hangs_loses_its_session_and_writes_nothing_more(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "slow", agent="worker", id="1")
    first = program.worker()
    await begun(program)
    os.killpg(first.pid, signal.SIGSTOP)
    try:
        await durable.database.session("s").take_over()  # what the end of a lease does
        program.worker()
        history = await finished(durable, "s")
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    await asyncio.sleep(1)  # a moment in which a zombie would write
    assert await durable.history("s") == history
    assert program.effects() == ["s begun"]


async def decided(durable: Durable, call: PendingCall) -> None:
    """Approve the call, once the lease of the dead worker has ended."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await durable.decide("s", call, approve=True)
            except SessionBusy:
                await asyncio.sleep(0.5)


async def test_decisions_are_taken_up_after_all_processes_were_restarted(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "guarded end", agent="worker", id="1")
    first = program.worker()
    async with asyncio.timeout(60):
        while not await durable.pending("s"):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    [call] = await durable.pending("s")
    await decided(durable, call)
    program.worker()
    assert len(await finished(durable, "s")) == 4
    assert len(program.effects()) == 1


async def test_a_worker_stops_at_sigterm_when_its_session_rests(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "effect end", agent="worker", id="1")
    worker = program.worker()
    await finished(durable, "s")
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 60) == 0
