"""Work in several databases, to which one is added while runs go on."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from axio_context_postgres import Shards
from axio_durable import Durable
from support.durably import judge, rested
from support.postgres import Cluster, start_postgres

LISTS = [["a", "b", "c", "d"], ["a", "b", "c", "d", "e"]]


@pytest.fixture
def clusters() -> Iterator[dict[str, Cluster]]:
    """Five servers of their own."""
    with ExitStack() as opened:
        yield {name: opened.enter_context(start_postgres()) for name in LISTS[-1]}


def settings(clusters: dict[str, Cluster], lists: list[list[str]]) -> dict[str, str]:
    where = {name: clusters[name].dsn() for name in lists[-1]}
    return {"DATABASE": json.dumps(where), "LISTS": json.dumps(lists)}


async def run(
    clusters: dict[str, Cluster], make_program: Callable[[str, str], Any], sessions: int
) -> Counter[str]:
    """Work on half of the sessions with four databases, and post the others when there are five and
    workers of both kinds; one of each kind dies. How many sessions are in which database."""
    old, new = settings(clusters, LISTS[:1]), settings(clusters, LISTS)
    program = make_program(old["DATABASE"], "in this process")
    program.settings |= old
    names = [f"s{number}" for number in range(sessions)]
    before = names[: sessions // 2]

    async def post(durable: Durable, names: list[str]) -> None:
        for name in names:
            await durable.post(name, "effect both effect end", agent="worker", id="1")

    async with program.durable() as durable:
        await post(durable, before)
        workers = [program.worker(PACE="0.2") for _ in range(2)]
        await rested(durable, before[0])
    program.settings |= new
    async with program.durable() as durable:
        workers += [program.worker(PACE="0.2") for _ in range(2)]
        await post(durable, names[len(before) :])
        await rested(durable, names[-1])
        for worker in (workers[0], workers[2]):
            worker.kill()
        await asyncio.gather(*(rested(durable, name, within=300) for name in names))
        database = durable.database
        assert isinstance(database, Shards)
        places = Counter([await database.place(name) for name in names])
        moved = [name for name in before if await database.place(name) == "e"]
        assert not moved
        effects = program.effects()
        for name in names:
            history = await durable.history(name)
            assert history[-1].text == "end"
            judge(history, [one for one in effects if one.startswith(f"{name} ")], 4)
    return places


@pytest.mark.heavy
@pytest.mark.timeout(1200)
async def test_a_fifth_cluster_is_added_to_four_while_runs_go_on(
    clusters: dict[str, Cluster], make_program: Callable[[str, str], Any]
) -> None:
    places = await run(clusters, make_program, sessions=200)
    print(f"sessions in each database: {dict(sorted(places.items()))}")
    assert set(places) == set(LISTS[-1])
