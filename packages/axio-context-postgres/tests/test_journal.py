"""The journal of calls: when it knows something, and when it forgets."""

from __future__ import annotations

import asyncio

import pytest

from axio.blocks import TextBlock, ToolUseBlock
from axio.journal import Outcome
from axio.messages import Message
from axio_context_postgres import PostgresContextStore, SessionLost
from support.journals import CALL, check_another_process, check_rewinding
from support.postgres import Cluster


async def test_another_process_reads_the_notes_and_makes_none(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    await check_another_process(store, other)


async def test_calls_go_with_the_messages_that_make_them(store: PostgresContextStore) -> None:
    await check_rewinding(store, store)


async def test_calls_go_with_their_session(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    async with store.own():
        await store.append(Message("user", [TextBlock("go")]))
        await store.journal.begin(CALL)
        await store.delete()
    calls = postgres.execute(f"SELECT call_id FROM {schema}.axio_calls ORDER BY 1")
    left = [id for (id,) in calls]
    assert left == []


async def test_notes_of_one_moment_go_together(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    calls = [ToolUseBlock(f"call {n}", "tool", {"n": n}) for n in range(20)]
    async with store.own():
        await asyncio.gather(*(store.journal.begin(call) for call in calls))
        times = postgres.execute(
            f"SELECT count(*), count(DISTINCT created_at) FROM {schema}.axio_calls"
        )
        assert times == [(20, 1)]
        for call in calls:
            assert await store.journal.outcome(call) is Outcome.UNKNOWN


async def test_who_does_not_own_the_session_notes_nothing(
    store: PostgresContextStore, other: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    with pytest.raises(SessionLost):
        await store.journal.begin(CALL)
    async with store.own():
        await other.take_over()
        with pytest.raises(SessionLost):
            await store.journal.begin(CALL)
    assert postgres.execute(f"SELECT count(*) FROM {schema}.axio_calls") == [(0,)]
