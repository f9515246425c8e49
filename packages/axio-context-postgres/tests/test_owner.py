"""One owner at a time, whatever happens to it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from subprocess import Popen

import pytest

from axio.blocks import TextBlock
from axio.exceptions import SessionBusy
from axio.messages import Message
from axio_context_postgres import Postgres, PostgresContextStore, SessionLost
from support.postgres import Cluster
from support.waiting import until

HI = Message("user", [TextBlock("hi")])

Spawn = Callable[..., "Popen[str]"]


async def test_while_a_run_owns_a_session_others_may_read_and_not_write(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    async with store.own():
        await store.append(HI)
        assert await other.get_history() == [HI]
        assert await (await other.fork()).get_history() == [HI]
        changes: list[Callable[[], Awaitable[object]]] = [
            lambda: other.append(HI),
            lambda: other.replace([]),
            lambda: other.rewind(0),
            lambda: other.clear(),
            lambda: other.delete(),
            lambda: other.set_context_tokens(1, 1),
            lambda: other.add_context_tokens(1, 1),
            lambda: other.own().__aenter__(),
        ]
        for change in changes:
            with pytest.raises(SessionBusy, match=f"'session' is in use by process {os.getpid()}"):
                await change()
        await store.append(HI)
    await other.append(HI)
    assert await store.get_history() == [HI] * 3
    assert await store.get_context_tokens() == (0, 0)


async def test_an_owner_sees_the_tokens_it_counts_and_others_when_it_ends(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    async with store.own():
        await store.add_context_tokens(3, 4)
        await store.add_context_tokens(1, 1)
        assert await store.get_context_tokens() == (4, 5)
        assert await other.get_context_tokens() == (0, 0)
        await store.append(HI)
        assert await other.get_context_tokens() == (4, 5)
        await store.set_context_tokens(7, 7)
        await store.add_context_tokens(1, 1)
    assert await other.get_context_tokens() == (8, 8)


async def test_a_lease_that_is_renewed_does_not_end(postgres: Cluster, schema: str) -> None:
    ends = f"SELECT until FROM {schema}.axio_sessions"
    async with Postgres(postgres.dsn(), schema=schema, lease=3.0) as database:
        store = database.session("session")
        async with store.own():
            before = postgres.execute(ends)
            await until(lambda: postgres.execute(ends) != before)
        assert postgres.execute(ends) == [(None,)]


async def test_who_was_taken_for_dead_can_write_nothing_more(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    async with store.own():
        await store.append(HI)
        await other.take_over()
        async with other.own():
            changes: list[Callable[[], Awaitable[object]]] = [
                lambda: store.append(HI),
                lambda: store.replace([]),
                lambda: store.rewind(0),
                lambda: store.clear(),
                lambda: store.delete(),
                lambda: store.set_context_tokens(1, 1),
            ]
            for change in changes:
                with pytest.raises(SessionLost, match="taken for dead"):
                    await change()
            await other.append(HI)
        await other.append(HI)
        with pytest.raises(SessionLost):
            await store.append(HI)
        await store.add_context_tokens(1, 1)
    assert await store.get_history() == [HI] * 3
    assert await store.get_context_tokens() == (0, 0)


async def test_the_end_of_a_lost_run_does_not_free_the_session_of_its_successor(
    store: PostgresContextStore, other: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    owner = f"SELECT owner FROM {schema}.axio_sessions"
    async with store.own():
        await other.take_over()
        run = other.own()
        await run.__aenter__()
        successor = postgres.execute(owner)
    assert postgres.execute(owner) == successor != [(None,)]
    await other.append(HI)
    await run.__aexit__(None, None, None)
    assert postgres.execute(owner) == [(None,)]


OWNER = """
import asyncio, sys
from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_postgres import Postgres

async def main():
    dsn, schema, lease = sys.argv[1:]
    async with Postgres(dsn, schema=schema, lease=float(lease)) as database:
        store = database.session("session")
        async with store.own():
            await store.append(Message("user", [TextBlock("mine")]))
            print("owns", flush=True)
            sys.stdin.readline()  # and renews no lease
            try:
                await store.append(Message("user", [TextBlock("still mine")]))
            except Exception as error:
                print(type(error).__name__, flush=True)

asyncio.run(main())
"""


async def test_an_owner_that_was_stopped_and_goes_on_is_fenced(
    spawn: Spawn, postgres: Cluster, schema: str
) -> None:
    process = spawn(OWNER, 1)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "owns\n"
    os.kill(process.pid, signal.SIGSTOP)
    async with Postgres(postgres.dsn(), schema=schema, wait=40) as database:
        store = database.session("session")
        async with store.own():  # once the lease has ended
            await store.append(HI)
            os.kill(process.pid, signal.SIGCONT)
            out, err = process.communicate("\n", timeout=100)
            assert (out, err) == ("SessionLost\n", "")
            await store.append(HI)
        texts = [message.text for message in await store.get_history()]
        assert texts == ["mine", "hi", "hi"]


async def test_a_session_whose_owner_was_killed_is_free_when_its_lease_has_ended(
    spawn: Spawn, other: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    process = spawn(OWNER, 2)
    assert process.stdout is not None
    assert process.stdout.readline() == "owns\n"
    process.kill()
    process.wait()
    async with Postgres(postgres.dsn(), schema=schema, wait=40) as database:
        await database.session("session").append(HI)
    async with other.own():
        assert len(await other.get_history()) == 2


async def test_a_scheduler_need_not_wait_for_the_lease(
    spawn: Spawn, other: PostgresContextStore
) -> None:
    process = spawn(OWNER, 1000)
    assert process.stdout is not None
    assert process.stdout.readline() == "owns\n"
    process.kill()
    process.wait()
    with pytest.raises(SessionBusy, match=f"process {process.pid} on "):
        await other.append(HI)
    await other.take_over()
    async with other.own():
        await other.append(HI)


async def test_a_cancelled_wait_for_a_session_leaves_it_free(
    store: PostgresContextStore, database: Postgres
) -> None:
    """Cancelled after every possible number of steps of the event loop."""

    async def hold() -> None:
        async with store.own():
            await asyncio.sleep(60)

    for steps in range(60):
        task = asyncio.create_task(hold())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        again = database.session("session")
        async with again.own():
            pass


async def test_a_cancel_while_the_session_is_given_back_gives_it_back(
    store: PostgresContextStore, database: Postgres
) -> None:
    for steps in range(20):
        held = asyncio.Event()

        async def hold(held: asyncio.Event = held) -> None:
            async with store.own():
                held.set()

        task = asyncio.create_task(hold())
        await held.wait()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        async with database.session("session").own():
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}
