"""Many workers that die, hang and are replaced, databases that stop, and clients that come back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from axio.blocks import ToolResultBlock
from axio.events import TextDelta
from axio.history import UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio_durable import Durable, Restarted, Rested, Stored
from support.postgres import Cluster, start_postgres

OF_THE_STORE = pytest.mark.parametrize("program", ["sqlite", "postgres"], indirect=True)
"""For what no scheduler has a part in."""


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(150):
        while not await condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def client(durable: Durable, session: str, seed: int) -> tuple[list[Message], str]:
    """Watch as a client that reconnects at random and sends only `after`; return the messages,
    and the last text as it was told live, empty if it was not told whole."""
    chance = random.Random(seed)
    seen: list[Message] = []
    text, is_whole, told = "", True, ""
    while True:
        stream = durable.follow(session, len(seen), every=0.02)
        text, is_whole = "", not seen or seen[-1].role == "user"
        async for event in stream:
            if isinstance(event, Stored):
                assert event.index == len(seen)
                seen.append(event.message)
                if event.message.role == "assistant":
                    told = text if is_whole else ""
                text, is_whole = "", True
            elif isinstance(event, Restarted):
                text = ""
            elif isinstance(event, TextDelta):
                text += event.delta
            elif isinstance(event, Rested):
                await stream.aclose()
                return seen, told
            if chance.random() < 0.3:
                break
        await stream.aclose()


def judge(history: list[Message], effects: list[str], wanted: int) -> None:
    """The history is valid, no effect came twice, and each that is missing was told as unknown."""
    assert check(history) == []
    unknown = sum(
        isinstance(block, ToolResultBlock) and block.content == UNKNOWN_OUTCOME
        for message in history
        for block in message.content
    )
    assert len(set(effects)) == len(effects)
    assert wanted - unknown <= len(effects) <= wanted


async def soak(durable: Durable, program: Any, sessions: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"soak {number}" for number in range(sessions)]
    for name in names:
        await durable.post(name, "effect both effect a last word", agent="worker", id="1")
    clients = [
        asyncio.create_task(client(durable, name, seed + number))
        for number, name in enumerate(names)
    ]
    workers = [program.worker("--concurrency", "4") for _ in range(2)]
    for _ in range(kills):
        if all(task.done() for task in clients):
            break
        await asyncio.sleep(chance.uniform(0.2, 1.0))
        victim = chance.randrange(2)
        kill(workers[victim])
        workers[victim] = program.worker("--concurrency", "4")
    async with asyncio.timeout(60 + 5 * sessions):
        found = await asyncio.gather(*clients)
    effects = program.effects()
    for name, (seen, told) in zip(names, found, strict=True):
        assert seen == await durable.history(name)
        judge(seen, [one for one in effects if one.startswith(f"{name} ")], 4)
        assert told in ("", "a")


async def test_sessions_end_while_workers_are_killed_at_random(
    durable: Durable, program: Any
) -> None:
    await soak(durable, program, sessions=5, kills=4, seed=1)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
async def test_many_sessions_end_while_workers_are_killed_at_random(
    durable: Durable, program: Any
) -> None:
    await soak(durable, program, sessions=200, kills=100, seed=2)


async def children(durable: Durable, program: Any, number: int) -> None:
    prompts = "child:effect " * number + "end"
    await durable.post("parent", prompts, agent="worker", id="1")
    for _ in range(3):
        worker = program.worker()
        await asyncio.sleep(1.5)
        kill(worker)
    program.worker()

    async def is_done() -> bool:
        standing = await durable.database.session("parent").work.standing()
        return standing.is_at_rest and standing.reason == "end_turn"

    await until(is_done)
    history = await durable.history("parent")
    assert check(history) == []
    assert len(history) == 2 * number + 2
    assert len(set(program.effects())) == len(program.effects()) <= number


async def test_children_end_while_workers_are_killed(durable: Durable, program: Any) -> None:
    await children(durable, program, 6)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
async def test_two_hundred_children_end_while_workers_are_killed(
    durable: Durable, program: Any
) -> None:
    await children(durable, program, 200)


@OF_THE_STORE
async def test_a_budget_holds_over_workers_that_die_after_every_request(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "effect " * 40, agent="worker", id="1")

    async def standing() -> Any:
        return await durable.database.session("s").work.standing()

    for _ in range(12):
        before = len(program.effects())
        worker = program.worker(MOST_REQUESTS="10")

        async def has_moved(before: int = before) -> bool:
            return len(program.effects()) > before or (await standing()).is_at_rest

        await until(has_moved)
        kill(worker)
        if (await standing()).is_at_rest:
            break
    else:
        program.worker(MOST_REQUESTS="10")

        async def is_at_rest() -> bool:
            return bool((await standing()).is_at_rest)

        await until(is_at_rest)
    assert (await standing()).reason == "requests"
    asked = sum(message.role == "assistant" for message in await durable.history("s"))
    assert 1 <= asked <= 10
    judge(await durable.history("s"), program.effects(), asked)


@OF_THE_STORE
async def test_a_release_with_a_renamed_tool_ends_what_the_old_one_began(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "slow effect end", agent="worker", id="1")
    old = program.worker()

    async def has_begun() -> bool:
        return bool(program.effects())

    await until(has_begun)
    kill(old)
    program.worker(RENAMED="other_effect")

    async def is_at_rest() -> bool:
        return (await durable.database.session("s").work.standing()).is_at_rest

    await until(is_at_rest)
    history = await durable.history("s")
    assert check(history) == []
    assert "effect" in repr(history[4].content) and history[4].tool_results[0].is_error
    assert program.effects() == ["s begun"]


_POST = """
import asyncio
from app import durable

async def main():
    async with durable:
        posts = [durable.post("s", "hello", agent="worker", id="the one") for _ in range(10)]
        print(sum(await asyncio.gather(*posts)))

asyncio.run(main())
"""


@OF_THE_STORE
async def test_one_id_posted_from_ten_processes_is_one_message(
    durable: Durable, program: Any
) -> None:
    processes = [program.script(_POST) for _ in range(10)]
    told = [await asyncio.to_thread(process.stdout.read) for process in processes]
    assert sorted(told) == ["0\n"] * 9 + ["1\n"]
    assert len(await durable.database.session("s").inbox.waiting()) == 1  # type: ignore[attr-defined]


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    with start_postgres() as cluster:
        yield cluster


async def test_a_database_that_stops_and_starts_in_mid_turn_loses_nothing(
    own_cluster: Cluster, make_program: Callable[[str, str], Any]
) -> None:
    program = make_program(own_cluster.dsn(), "in this process")
    prompt = "effect " * 30 + "end"
    async with program.durable() as durable:
        await durable.post("s", prompt, agent="worker", id="1")
        program.worker()
        for number in range(1, 4):

            async def has_moved(number: int = number) -> bool:
                return len(program.effects()) > 3 * number

            await until(has_moved)
            own_cluster.stop()
            await asyncio.sleep(0.5)
            own_cluster.start()

        async def is_at_rest() -> bool:
            return bool((await durable.database.session("s").work.standing()).is_at_rest)

        await until(is_at_rest)
        history = await durable.history("s")
    assert "end" in repr(history[-1].content)
    judge(history, program.effects(), 30)
