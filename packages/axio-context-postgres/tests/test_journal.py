"""The journal of calls: when it knows something, and when it forgets."""

from __future__ import annotations

import asyncio

import pytest

from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.exceptions import SessionBusy
from axio.journal import Outcome
from axio.messages import Message
from axio_context_postgres import PostgresContextStore, SessionLost
from support.postgres import Cluster

CALL = ToolUseBlock("a\udfff\0/é", "tool", {"x": [1, "\ud83d"]})


async def test_an_outcome_is_not_begun_then_unknown_then_the_result(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    result = ToolResultBlock(
        CALL.id, [TextBlock("\ud83d ü"), ImageBlock("image/png", b"\0\1")], True
    )
    async with store.own():
        assert await other.journal.outcome(CALL) is Outcome.NOT_BEGUN
        await store.journal.begin(CALL)
        assert await other.journal.outcome(CALL) is Outcome.UNKNOWN
        await store.journal.finish(CALL, result)
        assert await other.journal.outcome(CALL) == result
        for another in (ToolUseBlock(CALL.id, "b", CALL.input), ToolUseBlock(CALL.id, "tool", {})):
            assert await other.journal.outcome(another) is Outcome.NOT_BEGUN
        with pytest.raises(SessionBusy):
            await other.journal.begin(CALL)


@pytest.mark.parametrize("way", ["append", "replace", "clear", "delete"])
async def test_a_call_is_forgotten_with_those_inside_it_when_its_result_is_stored(
    store: PostgresContextStore, postgres: Cluster, schema: str, way: str
) -> None:
    async with store.own():
        for id in ("a", "a/1", "a/1/2", "ab", "b"):
            await store.journal.begin(ToolUseBlock(id, "tool", {}))
        results = Message("user", [ToolResultBlock("a", "done")])
        if way == "append":
            await store.append(results)
        elif way == "replace":
            await store.replace([results])
        elif way == "clear":
            await store.clear()
        else:
            await store.delete()
    calls = postgres.execute(f"SELECT call_id FROM {schema}.axio_calls ORDER BY 1")
    left = [id for (id,) in calls]
    assert left == (["ab", "b"] if way in ("append", "replace") else [])


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


async def test_a_cancelled_note_does_not_disturb_the_others(store: PostgresContextStore) -> None:
    calls = [ToolUseBlock(f"call {n}", "tool", {}) for n in range(3)]
    async with store.own():
        for steps in range(30):
            tasks = [asyncio.create_task(store.journal.begin(call)) for call in calls]
            for _ in range(steps):
                await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.wait(tasks)
            for task in tasks[1:]:
                task.result()
            assert await store.journal.outcome(calls[2]) is Outcome.UNKNOWN
