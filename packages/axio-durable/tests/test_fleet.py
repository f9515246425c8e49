"""Many workers that die, hang and are replaced, databases that stop, and clients that come back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from axio.events import TextDelta
from axio.history import check
from axio.messages import Message
from axio_durable import Durable, Restarted, Rested, Stored
from support.durably import judge
from support.postgres import Cluster, start_postgres

OF_THE_STORE = pytest.mark.parametrize("program", ["sqlite", "postgres"], indirect=True)
"""For what no scheduler has a part in."""


async def until(condition: Callable[[], Awaitable[object]], within: float = 150) -> None:
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def client(
    durable: Durable, session: str, seed: int, every: float = 0.02
) -> tuple[list[Message], str]:
    """Watch as a client that reconnects at random and sends only `after`; return the messages,
    and the last text as it was told live, empty if it was not told whole."""
    chance = random.Random(seed)
    seen: list[Message] = []
    text, is_whole, told = "", True, ""
    while True:
        stream = durable.follow(session, len(seen), every=every)
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


def at_work(program: Any, process: subprocess.Popen[str]) -> set[str]:
    """The sessions that a process has begun with and not ended."""
    found: set[str] = set()
    for _, pid, what, session in program.attempts():
        if pid == process.pid and what in ("begins", "ends"):
            (found.add if what == "begins" else found.discard)(session)
    return found


def works(program: Any, process: subprocess.Popen[str]) -> bool:
    """True once the process takes sessions."""
    return any((pid, what) == (process.pid, "works") for _, pid, what, _ in program.attempts())


def delays(program: Any, deaths: dict[int, float]) -> list[float]:
    """For each session with which another process has begun after deaths of those that had it: the
    seconds since the last of these."""
    has_it: dict[tuple[int, str], bool] = {}
    died: dict[str, float] = {}
    found = []
    for at, pid, what, session in program.attempts():
        for dead in [one for one in deaths if deaths[one] < at]:
            for of, had in [key for key in has_it if key[0] == dead]:
                died[had] = max(deaths[of], died.get(had, 0))
                del has_it[of, had]
        if what == "begins" and session in died:
            found.append(at - died.pop(session))
        if what == "ends":
            has_it.pop((pid, session), None)
        elif session:
            has_it[pid, session] = True
    return sorted(found)


async def soak(
    durable: Durable, program: Any, sessions: int, kills: int, seed: int, **settings: str
) -> list[float]:
    """Kill workers over their sessions, which are posted meanwhile; how long each of these waited
    for another worker."""
    chance = random.Random(seed)
    options = ("--concurrency", "100")
    workers = [program.worker(*options, **settings) for _ in range(2)]
    deaths: dict[int, float] = {}
    clients: dict[str, asyncio.Task[tuple[list[Message], str]]] = {}

    async def post(number: int) -> None:
        for _ in range(min(number, sessions - len(clients))):
            name = f"soak {len(clients)}"
            await durable.post(name, "effect both effect a last word", agent="worker", id="1")
            watching = client(durable, name, seed + len(clients), every=0.002 * sessions)
            clients[name] = asyncio.create_task(watching)

    async with asyncio.timeout(120 + 15 * kills):
        for _ in range(kills):
            await post(-(-sessions // kills))
            victim = chance.randrange(2)
            while not (at_work(program, workers[victim]) and works(program, workers[1 - victim])):
                if all(client.done() for client in clients.values()):
                    await post(1)
                    break
                await asyncio.sleep(0.05)
            await asyncio.sleep(chance.uniform(0, 0.3))
            deaths[workers[victim].pid] = time.time()
            kill(workers[victim])
            workers[victim] = program.worker(*options, **settings)
        await post(sessions)
        found = await asyncio.gather(*clients.values())
    effects = program.effects()
    for name, (seen, told) in zip(clients, found, strict=True):
        assert seen == await durable.history(name)
        judge(seen, [one for one in effects if one.startswith(f"{name} ")], 4)
        assert told in ("", "a")
    return delays(program, deaths)


async def test_sessions_end_while_workers_are_killed_at_random(
    durable: Durable, program: Any
) -> None:
    await soak(durable, program, sessions=8, kills=4, seed=1)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
async def test_many_sessions_end_while_workers_are_killed_at_random(
    durable: Durable, program: Any
) -> None:
    waited = await soak(durable, program, 200, 100, seed=2, LEASE="5", LOOK_EVERY="2", PACE="0.2")
    middle, late = waited[len(waited) // 2], waited[int(len(waited) * 0.99)]
    print(
        f"{len(waited)} sessions lost their worker, and had another after {middle:.1f} s "
        f"(median), {late:.1f} s (99 %), {waited[-1]:.1f} s (the last)"
    )
    assert len(waited) >= 20
    assert waited[-1] < 10


async def children(durable: Durable, program: Any, number: int) -> None:
    prompts = "child:effect " * number + "end"
    await durable.post("parent", prompts, agent="worker", id="1")
    for number_of_worker in range(3):
        program.allow(number // 5)
        worker = program.worker()

        async def is_at_work(worker: Any = worker) -> bool:
            return bool(at_work(program, worker))

        await until(is_at_work)
        await asyncio.sleep(0.2 * number_of_worker)
        kill(worker)

    async def is_done() -> bool:
        standing = await durable.database.session("parent").work.standing()
        return standing.is_at_rest and standing.reason == "end_turn"

    assert not await is_done()
    program.allow_all()
    program.worker()
    await until(is_done, within=100 + 10 * number)
    history = await durable.history("parent")
    assert check(history) == []
    assert len(history) == 2 * number + 2
    assert len(set(program.effects())) == len(program.effects()) <= number


async def test_children_end_while_workers_are_killed(durable: Durable, program: Any) -> None:
    await children(durable, program, 20)


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
        program.allow(1)
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
        done = 0

        async def goes_on() -> bool:
            return len(program.effects()) > done

        program.allow(5)
        program.worker()
        await until(goes_on)
        for _ in range(3):
            own_cluster.stop()
            await asyncio.sleep(0.5)
            own_cluster.start()
            began, done = time.monotonic(), len(program.effects())
            program.allow(5)
            await until(goes_on)
            print(f"goes on {time.monotonic() - began:.1f} s after the database is back")
        assert len(program.effects()) < 30
        program.allow_all()

        async def is_at_rest() -> bool:
            return bool((await durable.database.session("s").work.standing()).is_at_rest)

        await until(is_at_rest)
        history = await durable.history("s")
    assert "end" in repr(history[-1].content)
    judge(history, program.effects(), 30)
