"""Budgets that all processes which use a file share are never exceeded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from axio import Agent
from axio.budget import Budget
from axio.exceptions import LimitReached
from axio.testing import StubTransport, check_ledger, make_text_response
from axio_context_sqlite import SQLiteContextStore

Spawn = Callable[..., "Popen[str]"]


def agent() -> Agent:
    return Agent("", StubTransport([make_text_response("ok")]))


async def test_it_is_a_ledger(store: SQLiteContextStore) -> None:
    await check_ledger(store.ledger)


RUNS = """
import asyncio, sys
from axio import Agent, MemoryContextStore
from axio.budget import Budget
from axio.exceptions import LimitReached
from axio.testing import StubTransport, make_text_response
from axio_context_sqlite import SQLiteContextStore

async def main():
    async with SQLiteContextStore.open(sys.argv[1], "session", wait=100) as store:
        async def run():
            agent = Agent("", StubTransport([make_text_response("ok")]))
            budget = Budget(requests=5, ledger=store.ledger, key="tenant")
            try:
                await agent.run("go", MemoryContextStore(), budget=budget)
            except LimitReached as error:
                assert error.reason == "requests", error.reason
                return 0
            return 1
        print(sum(await asyncio.gather(*(run() for _ in range(25)))))

asyncio.run(main())
"""


@pytest.mark.timeout(180)
async def test_five_requests_are_five_for_two_hundred_runs_in_eight_processes(
    spawn: Spawn, store: SQLiteContextStore, path: Path
) -> None:
    processes = [spawn(RUNS, path) for _ in range(8)]
    told = [process.communicate(timeout=150) for process in processes]
    assert [err for _, err in told] == [""] * 8
    assert sum(int(out) for out, _ in told) == 5
    assert (await store.ledger.used("tenant"))["requests"] == 5


async def test_a_session_keeps_its_budget_over_processes(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    for left, each in ((1, store), (0, other)):
        budget = Budget(requests=2, ledger=each.ledger, key=each.session_id)  # as made anew
        await agent().run("go", each, budget=budget)
        assert (await store.ledger.used("session"))["requests"] == 2 - left
    with pytest.raises(LimitReached, match="the limit of 2 requests of 'session' leaves no room"):
        await agent().run(
            "go", store, budget=Budget(requests=2, ledger=store.ledger, key="session")
        )


async def test_a_new_window_begins_with_nothing(store: SQLiteContextStore, path: Path) -> None:
    budget = Budget(requests=1, ledger=store.ledger, key="k", window=1_000_000)
    await agent().run("go", store, budget=budget)
    with pytest.raises(LimitReached):
        await agent().run("go", store, budget=budget)
    assert (await store.ledger.used("k", 1_000_000))["requests"] == 1
    assert (await store.ledger.used("k"))["requests"] == 0
    with sqlite3.connect(path) as db:
        db.execute("UPDATE axio_context_ledger SET since = since - 1000000")
    db.close()
    await agent().run("go", store, budget=budget)
