"""Budgets that many processes share are never exceeded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from subprocess import Popen

import pytest

from axio import Agent, MemoryContextStore
from axio.budget import Budget
from axio.exceptions import LimitReached
from axio.testing import StubTransport, make_text_response
from axio_context_postgres import Postgres, StoreUnreachable
from support.postgres import Cluster

Spawn = Callable[..., "Popen[str]"]

NOTHING = {"input_tokens": 0, "output_tokens": 0, "cost": 0.0}


def agent(answers: int = 1) -> Agent:
    return Agent("", StubTransport([make_text_response("ok")] * answers))


RUNS = """
import asyncio, sys
from axio import Agent, MemoryContextStore
from axio.budget import Budget
from axio.exceptions import LimitReached
from axio.testing import StubTransport, make_text_response
from axio_context_postgres import Postgres

async def main():
    dsn, schema = sys.argv[1:]
    async with Postgres(dsn, schema=schema, connections=5) as database:
        async def run():
            agent = Agent("", StubTransport([make_text_response("ok")]))
            budget = Budget(requests=5, ledger=database, key="tenant")
            try:
                await agent.run("go", MemoryContextStore(), budget=budget)
            except LimitReached as error:
                assert error.reason == "requests", error.reason
                return 0
            return 1
        print(sum(await asyncio.gather(*(run() for _ in range(25)))))

asyncio.run(main())
"""


async def test_five_requests_are_five_for_two_hundred_runs_in_eight_processes(
    spawn: Spawn, database: Postgres
) -> None:
    await database.migrate()
    processes = [spawn(RUNS) for _ in range(8)]
    told = [process.communicate(timeout=150) for process in processes]
    assert [err for _, err in told] == [""] * 8
    assert sum(int(out) for out, _ in told) == 5
    assert (await database.used("tenant"))["requests"] == 5


async def test_no_sum_is_above_its_limit_at_any_time(database: Postgres) -> None:
    limits = {"tokens": 100.0}
    amounts = {**NOTHING, "requests": 1, "input_tokens": 20, "output_tokens": 15}
    peaks: list[float] = []

    async def call(size: int) -> None:
        for _ in range(5):
            try:
                ticket = await database.reserve("key", amounts, limits, None)
            except LimitReached as error:
                assert error.reason == "tokens"
                continue
            peaks.append((await database.used("key"))["tokens"])
            difference = {**NOTHING, "requests": 0, "input_tokens": size - 20, "output_tokens": -15}
            await database.settle(ticket, difference)

    await asyncio.gather(*(call(size) for size in range(10)))
    assert max(peaks) <= 100
    assert max(peaks) > 35, "calls were under way at the same time"
    sums = await database.used("key")
    assert sums["tokens"] <= 100
    assert sums["requests"] == len(peaks)


async def test_each_key_has_its_own_sums(database: Postgres) -> None:
    for key in ("a", "b", "\0"):
        budget = Budget(requests=1, ledger=database, key=key)
        assert await agent().run("go", database.session(), budget=budget) == "ok"
        with pytest.raises(LimitReached, match="the limit of 1 requests of '"):
            await agent().run("go", database.session(), budget=budget)
    assert await database.used("c") == dict.fromkeys(
        ("requests", "input_tokens", "output_tokens", "tokens", "cost"), 0
    )


async def test_a_new_window_begins_with_nothing(
    database: Postgres, postgres: Cluster, schema: str
) -> None:
    budget = Budget(requests=1, ledger=database, key="k", window=1_000_000)
    await agent().run("go", database.session(), budget=budget)
    with pytest.raises(LimitReached):
        await agent().run("go", database.session(), budget=budget)
    assert (await database.used("k", 1_000_000))["requests"] == 1
    assert (await database.used("k"))["requests"] == 0
    postgres.execute(f"UPDATE {schema}.axio_ledger SET since = since - interval '1000000 seconds'")
    await agent().run("go", database.session(), budget=budget)


async def test_a_session_keeps_its_budget_over_processes(database: Postgres) -> None:
    store = database.session("session")
    for left in (1, 0):
        budget = Budget(requests=2, ledger=database, key=store.session_id)  # as made anew
        await agent().run("go", store, budget=budget)
        assert (await database.used("session"))["requests"] == 2 - left
    with pytest.raises(LimitReached):
        await agent().run("go", store, budget=Budget(requests=2, ledger=database, key="session"))


async def test_without_the_database_no_call_is_made(postgres: Cluster, schema: str) -> None:
    async with Postgres(f"host={postgres.folder}/nowhere user=u", schema=schema) as database:
        budget = Budget(requests=1, ledger=database, key="k")
        transport = StubTransport([make_text_response("ok")])
        with pytest.raises(Exception) as caught:
            await Agent("", transport).run("go", MemoryContextStore(), budget=budget)
        assert isinstance(caught.value.__cause__ or caught.value, StoreUnreachable)
