"""Several databases as one: a session is in one of them, and every program finds it there."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.blocks import TextBlock
from axio.budget import Budget
from axio.messages import Message
from axio.testing import check_journal, check_ledger, check_store
from axio_context_postgres import Postgres, Shards, StoreError, StoreUnreachable
from axio_context_postgres.shards import chosen
from support.postgres import Cluster, start_postgres

NAMES = ["one", "two", "three", "four", "five"]
OLD, NEW = [NAMES[:2]], [NAMES[:2], NAMES[:3]]

HI = Message("user", [TextBlock("hi")])


@pytest.fixture(scope="module")
def databases(postgres: Cluster) -> Iterator[dict[str, str]]:
    """Three databases of one server; each test has a schema of its own."""
    for name in NAMES[:3]:
        postgres.execute(f"CREATE DATABASE shard_{name} TEMPLATE template0")
    yield {name: postgres.dsn(database=f"shard_{name}") for name in NAMES[:3]}
    for name in NAMES[:3]:
        postgres.execute(f"DROP DATABASE shard_{name} WITH (FORCE)")


@pytest.fixture
async def old(databases: dict[str, str], schema: str) -> AsyncIterator[Shards]:
    """A program of before the third database."""
    async with Shards({name: databases[name] for name in NAMES[:2]}, OLD, schema=schema) as shards:
        yield shards


@pytest.fixture
async def new(databases: dict[str, str], schema: str) -> AsyncIterator[Shards]:
    async with Shards(databases, NEW, schema=schema) as shards:
        yield shards


async def where(shards: Shards) -> dict[str, list[str]]:
    """The databases in which each session has messages."""
    found: dict[str, list[str]] = {}
    for name, database in shards.databases.items():
        for info in await database.sessions():
            found.setdefault(info.session_id, []).append(name)
    return found


@given(st.lists(st.text(), unique=True, max_size=30), st.integers(1, 4))
def test_with_a_database_more_only_those_move_that_it_gets(ids: list[str], number: int) -> None:
    before, after = NAMES[:number], NAMES[: number + 1]
    for id in ids:
        assert chosen(id, after) in (chosen(id, before), NAMES[number])
        assert chosen(id, after) == chosen(id, after[::-1])


def test_each_database_gets_its_share() -> None:
    shares = Counter(chosen(f"session {n}", NAMES) for n in range(5000))
    assert set(shares) == set(NAMES)
    assert max(shares.values()) < 1.2 * min(shares.values())


async def test_it_keeps_the_promises_of_a_store(new: Shards) -> None:
    await check_store(new.session)
    await check_journal(new.session)
    await check_ledger(new)


async def test_sessions_stay_where_they_began_and_new_ones_use_the_new_list(
    old: Shards, new: Shards
) -> None:
    first, later = [f"old {n}" for n in range(20)], [f"new {n}" for n in range(20)]
    for id in first:
        await old.session(id).append(HI)
    for id in [*first, *later]:
        await new.session(id).append(HI)
        assert len(await new.session(id).get_history()) == 1 + (id in first)
    places = await where(new)
    assert all(len(names) == 1 for names in places.values())
    assert {places[id][0] for id in first} == {"one", "two"}
    assert {places[id][0] for id in later} == {"one", "two", "three"}
    found = await new.sessions()
    assert {info.session_id for info in found} == {*first, *later}
    assert [info.created_at for info in found] == sorted(
        (info.created_at for info in found), reverse=True
    )
    assert len(await new.sessions(limit=7)) == 7


async def test_a_program_that_does_not_know_a_database_says_so(old: Shards, new: Shards) -> None:
    id = next(f"s{n}" for n in count() if chosen(f"s{n}", NAMES[:3]) == "three")
    await new.session(id).append(HI)
    with pytest.raises(StoreError, match="is in the database 'three', which this program does not"):
        await old.session(id).append(HI)


async def test_programs_with_other_lists_never_make_a_session_twice(
    old: Shards, new: Shards
) -> None:
    async def post(shards: Shards, id: str, number: int) -> bool:
        try:
            return await shards.session(id).inbox.post(f"message {number}", f"post {number}")
        except StoreError:
            return False

    ids = [f"session {n}" for n in range(40)]
    posted = await asyncio.gather(
        *(post(shards, id, n) for id in ids for n, shards in enumerate((old, new, old, new)))
    )
    assert sum(posted) >= 2 * len(ids)
    for id, arrived in zip(ids, zip(*[iter(posted)] * 4, strict=True), strict=True):
        store = new.session(id)
        async with store.own():
            assert await store.inbox.take() == sum(arrived)
    assert {len(names) for names in (await where(new)).values()} == {1}


async def test_sessions_of_before_the_shards_stay(databases: dict[str, str], schema: str) -> None:
    ids = [f"session {n}" for n in range(10)]
    async with Postgres(databases["one"], schema=schema) as alone:
        for id in ids:
            await alone.session(id).append(HI)
    async with Shards(databases, [["one"], NAMES[:3]], schema=schema) as shards:
        for id in ids:
            assert await shards.session(id).get_history() == [HI]
        for id in ids:
            await shards.session(f"new {id}").append(HI)
        assert {name for names in (await where(shards)).values() for name in names} == {*NAMES[:3]}


async def test_a_fork_is_found_by_its_id(new: Shards) -> None:
    for number in range(8):
        store = new.session(f"session {number}")
        await store.append(HI)
        fork = await new.session(f"session {number}").fork()
        assert await new.session(fork.session_id).get_history() == [HI]
        assert await new.place(fork.session_id) == await new.place(store.session_id)


async def test_work_is_found_in_all_databases_that_answer(
    new: Shards, databases: dict[str, str], schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [f"session {n}" for n in range(12)]
    for id in ids:
        store = new.session(id)
        await store.work.assign("agent")
        await store.inbox.post("hi", "1")
    assert sorted(await new.unfinished()) == sorted(ids)
    gone = {**databases, "three": "host=/nowhere user=u"}
    async with Shards(gone, NEW, schema=schema) as shards:
        found = await shards.unfinished()
        assert sorted(found) == sorted([id for id in ids if await new.place(id) != "three"])
    assert "one of the databases cannot be asked" in caplog.text
    async with Shards({"one": "host=/nowhere user=u"}) as shards:
        with pytest.raises(StoreUnreachable):
            await shards.unfinished()


async def test_a_budget_is_in_one_place_whatever_the_list(old: Shards, new: Shards) -> None:
    for number in range(5):
        key = f"tenant {number}"
        for shards in (old, new):
            budget = Budget(requests=2, ledger=shards, key=key)
            ticket = await shards.reserve(
                key, {"requests": 1, "input_tokens": 1, "output_tokens": 1, "cost": 0.0},
                budget.shared_limits(), None,
            )  # fmt: skip
            await shards.settle(ticket, {"requests": 0, "input_tokens": 4, "output_tokens": 0,
                                         "cost": 0.5})  # fmt: skip
        for shards in (old, new):
            assert await shards.used(key) == {
                "requests": 2, "input_tokens": 10, "output_tokens": 2, "tokens": 12, "cost": 1.0,
            }  # fmt: skip


@pytest.mark.parametrize(
    ("databases", "lists", "words"),
    [
        ({}, (), "databases must be connection strings by name"),
        (["host=x"], (), "databases must be connection strings by name"),
        ({"one": ""}, [["two"]], "each list names some of 'one'; got \\['two'\\]"),
        ({"one": ""}, [["one"], []], "each list names some"),
        ({"one": 5}, (), "where must be a connection string or a pool"),
    ],
)
def test_what_is_no_list_of_databases_is_refused(databases: Any, lists: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        Shards(databases, lists)


@pytest.mark.heavy
@pytest.mark.timeout(400)
async def test_a_fifth_server_is_added_while_runs_go_on() -> None:
    with ExitStack() as stack:
        clusters = {name: stack.enter_context(start_postgres()) for name in NAMES}
        dsns = {name: cluster.dsn() for name, cluster in clusters.items()}
        lists = [NAMES[:4], NAMES]
        async with (
            Shards({name: dsns[name] for name in NAMES[:4]}, lists[:1]) as before,
            Shards(dsns, lists) as after,
        ):
            refused = 0

            async def use(shards: Shards, id: str) -> int:
                nonlocal refused
                try:
                    await shards.session(id).append(HI)
                except StoreError:
                    refused += 1
                    return 0
                return 1

            ids = [f"session {n}" for n in range(200)]
            done = await asyncio.gather(*(use(before, id) for id in ids[:100]))
            both = [(before, id) for id in ids] + [(after, id) for id in ids]
            random.Random(7).shuffle(both)
            done += await asyncio.gather(*(use(shards, id) for shards, id in both))
            late = [f"late {n}" for n in range(100)]
            done += await asyncio.gather(*(use(after, id) for id in late))
            places = await where(after)
            assert {len(names) for names in places.values()} == {1}
            assert {name for names in places.values() for name in names} == {*NAMES}
            total = 0
            for id in [*ids, *late]:
                total += len(await after.session(id).get_history())
            assert total == sum(done) == 600 - refused
