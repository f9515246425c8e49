"""The checks that every store must pass, over every way to the database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg_pool import AsyncConnectionPool

from axio.compaction import AutoCompactStore
from axio.context import ContextStore
from axio.testing import StubTransport, check_journal, check_ledger, check_store
from axio_context_postgres import Postgres
from support.postgres import Cluster

Spawn = Callable[..., object]
Wrap = Callable[[ContextStore], ContextStore]


def alone(store: ContextStore) -> ContextStore:
    return store


def compacted(store: ContextStore) -> ContextStore:
    return AutoCompactStore(store, StubTransport())


@pytest.mark.parametrize("wrap", [alone, compacted])
async def test_it_is_a_store(database: Postgres, wrap: Wrap) -> None:
    await check_store(lambda: wrap(database.session()))


@pytest.mark.parametrize("wrap", [alone, compacted])
async def test_it_has_a_journal_and_a_ledger(database: Postgres, wrap: Wrap) -> None:
    await check_journal(lambda: wrap(database.session()))
    await check_ledger(database)


@pytest.mark.parametrize("wrap", [alone, compacted])
async def test_it_is_all_that_behind_pgbouncer(pgbouncer: str, schema: str, wrap: Wrap) -> None:
    async with Postgres(pgbouncer, schema=schema) as database:
        await check_store(lambda: wrap(database.session()))
        await check_journal(lambda: wrap(database.session()))
        await check_ledger(database)


@pytest.mark.parametrize("autocommit", [False, True])
async def test_it_is_a_store_on_a_pool_of_the_callers(
    postgres: Cluster, schema: str, autocommit: bool
) -> None:
    async with AsyncConnectionPool(
        postgres.dsn(), open=False, min_size=1, max_size=3, kwargs={"autocommit": autocommit}
    ) as pool:
        database = Postgres(pool, schema=schema)
        await check_store(database.session)
        await database.close()
        async with pool.connection() as connection:  # as it was, and open
            assert connection.autocommit is autocommit


CHECK = """
import asyncio, sys
from axio.compaction import AutoCompactStore
from axio.testing import StubTransport, check_store
from axio_context_postgres import Postgres

async def main():
    dsn, schema, kind = sys.argv[1:]
    async with Postgres(dsn, schema=schema, connections=3) as database:
        def make():
            store = database.session()
            return store if kind == "alone" else AutoCompactStore(store, StubTransport())
        await check_store(make)

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["alone", "compacted"])
def test_it_is_a_store_in_eight_processes_at_once(spawn: Spawn, kind: str) -> None:
    """All of them also make the tables."""
    processes = [spawn(CHECK, kind) for _ in range(8)]
    for process in processes:
        out, err = process.communicate(timeout=150)  # type: ignore[attr-defined]
        assert (out, err) == ("", "")
