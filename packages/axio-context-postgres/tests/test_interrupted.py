"""Writes that were interrupted: by a cancel, or because the server went away."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

import pytest

from axio import Agent, Tool
from axio.blocks import TextBlock
from axio.history import check
from axio.messages import Message
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio_context_postgres import Postgres, PostgresContextStore, StoreUnreachable
from support.postgres import Cluster
from support.waiting import until


def says(number: int) -> Message:
    return Message("user", [TextBlock(str(number))])


def numbers(history: list[Message]) -> list[int]:
    return [int(message.text) for message in history]


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize(
    "cancels", [150, pytest.param(1000, marks=[pytest.mark.heavy, pytest.mark.timeout(600)])]
)
async def test_a_cancelled_append_is_stored_once_or_not_at_all(
    store: PostgresContextStore, other: PostgresContextStore, owned: bool, cancels: int
) -> None:
    seed = random.randrange(1000)
    print("seed", seed)
    moments = random.Random(seed)
    acknowledged: set[int] = set()
    if owned:
        own = store.own()
        await own.__aenter__()
    interrupted = stored = 0
    for number in range(cancels):
        task = asyncio.create_task(store.append(says(number)))
        if number % 2:
            for _ in range(moments.randrange(20)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(moments.uniform(0, 0.002))
        task.cancel()
        if moments.random() < 0.2:  # impatient, while the first is being passed on
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            interrupted += 1
        else:
            task.result()
            acknowledged.add(number)
        if moments.random() < 0.3:  # one that is not cancelled follows at once
            await store.append(says(cancels + number))
            acknowledged.add(cancels + number)
            history = numbers(await store.get_history())
            assert cancels + number in history
            # Without an owner a statement may still be under way whose connection was given up.
            assert not owned or history[-1] == cancels + number, "something late has come after"
    if owned:
        await own.__aexit__(None, None, None)
    async with store.own():  # from now on nothing late is let in
        history = numbers(await other.get_history())
        assert await store.get_history() == await other.get_history()
    assert len(history) == len(set(history)), "stored twice"
    assert set(history) >= acknowledged
    stored = len(set(history) - acknowledged)
    assert interrupted > 0
    print(f"{interrupted} interrupted, {stored} of them stored")


async def test_a_cancelled_change_leaves_all_of_it_or_nothing(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    before, after = [says(n) for n in range(5)], [says(n) for n in (0, 9, 8)]
    async with store.own():
        for steps in range(80):
            await store.replace(before)
            task = asyncio.create_task(store.replace(after))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            history = await store.get_history()
            assert history in (before, after)
            assert await other.get_history() == history


Restart = Callable[[], Awaitable[None]]


@pytest.fixture
def restart(postgres: Cluster) -> Restart:
    """Stop the server at once, as in a crash, and start it again."""

    async def restarted() -> None:
        postgres.stop(signal.SIGQUIT)
        await asyncio.to_thread(postgres.start)

    return restarted


async def test_a_run_goes_on_when_the_server_was_stopped_and_started_in_the_middle(
    store: PostgresContextStore, other: PostgresContextStore, restart: Restart
) -> None:
    done: list[str] = []

    async def work(name: str) -> str:
        if len(done) % 2 == 0:
            await restart()
        done.append(name)
        return name

    turns = [make_tool_use_response("work", f"call {n}", {"name": str(n)}) for n in range(4)]
    agent = Agent("", StubTransport([*turns, make_text_response("done")]), [Tool("work", work)])
    assert await agent.run("go", store) == "done"
    assert done == ["0", "1", "2", "3"]
    history = await other.get_history()
    assert check(history) == []
    assert len(history) == 10
    assert history == await store.get_history()


async def test_a_server_that_goes_away_in_mid_append_loses_and_doubles_nothing(
    store: PostgresContextStore, other: PostgresContextStore, postgres: Cluster
) -> None:
    async with store.own():
        for round in range(3):
            tasks = [asyncio.create_task(store.append(says(20 * round + n))) for n in range(20)]
            for _ in range(round * 15):
                await asyncio.sleep(0)
            await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
            await asyncio.to_thread(postgres.start)
            await asyncio.gather(*tasks)
    assert sorted(numbers(await other.get_history())) == [*range(60)]
    assert await store.get_history() == await other.get_history()


async def test_a_server_that_stays_away_is_an_error_after_a_while(
    postgres: Cluster, schema: str
) -> None:
    async with Postgres(postgres.dsn(), schema=schema, patience=0.3) as database:
        store = database.session()
        await store.append(says(1))
        postgres.stop()
        try:
            for attempt in (store.get_history, lambda: store.append(says(2)), store.clear):
                with pytest.raises(StoreUnreachable, match="cannot be reached: check that the"):
                    await attempt()
        finally:
            postgres.start()
        await store.append(says(3))
        assert numbers(await store.get_history()) == [1, 3]


async def test_without_an_owner_a_lost_connection_says_what_is_not_known(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    await store.append(says(1))
    processes = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = %s AND query ~ %s"
    lock = f"BEGIN; LOCK {schema}.axio_messages; SELECT pg_sleep(60)"
    blocker = asyncio.create_task(asyncio.to_thread(_ignore_errors, postgres, lock))
    await until(lambda: postgres.execute(processes, "Timeout", "pg_sleep"))
    append = asyncio.create_task(store.append(says(2)))
    try:
        await until(lambda: postgres.execute(processes, "Lock", "axio_messages"))
        ((waiting,),) = postgres.execute(processes, "Lock", "axio_messages")
        postgres.execute("SELECT pg_terminate_backend(%s)", waiting)
        with pytest.raises(StoreUnreachable, match="the last write may have been stored"):
            await append
    finally:
        ((sleeping,),) = postgres.execute(processes, "Timeout", "pg_sleep")
        postgres.execute("SELECT pg_terminate_backend(%s)", sleeping)
        await blocker
    assert numbers(await store.get_history()) == [1]


def _ignore_errors(postgres: Cluster, statement: str) -> None:
    try:
        postgres.execute(statement)
    except Exception as error:
        print(error)
