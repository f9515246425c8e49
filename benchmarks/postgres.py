"""The cost of a session in PostgreSQL: commits, CPU, growth and size.

    .venv/bin/python -m benchmarks.postgres    # some seconds

It starts a server of its own, as the tests do, without fsync. A run is four answers of the model,
three of them with two calls that change something; an answer with its results is a turn. CPU is
that of this process alone, where the model takes no time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median

from axio import Agent, Message, TextBlock
from axio_context_postgres import Postgres, PostgresContextStore
from benchmarks.measure import Sample, timed
from benchmarks.script import agent, consume
from benchmarks.turns import Turn, call, words

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.postgres import Cluster, start_postgres

TURNS = 4  # of a run
MESSAGES = 8  # of a run
WORDS = " ".join(words(200))


def working(text: str) -> Agent:
    """It says `text` in every run, and its tool gives it back."""

    async def change(key: str) -> str:
        return f"{key}: {text}"

    calls: list[Turn] = [
        (text[:300], *(call("change", {"key": f"{n} {i}"}, f"call_{i}") for i in range(2)))
        for n in range(TURNS - 1)
    ]
    return agent([*calls, (text,)], change)


async def work(store: PostgresContextStore, runs: int, text: str = WORDS) -> Sample:
    """The cost of a turn, over so many runs in one session."""
    worker = working(text)
    with timed(runs * TURNS) as timer:
        for _ in range(runs):
            await consume(worker.run_stream(text[:200], store))
    return timer.sample


def writes(cluster: Cluster) -> int:
    """The number of transactions so far that wrote something."""
    ((number,),) = cluster.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    return int(number)


def transactions(cluster: Cluster) -> int:
    """The number of transactions so far, also of those that only read. A connection tells its own
    when it is closed."""
    question = (
        "SELECT xact_commit, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = "
        "'client backend') FROM pg_stat_database WHERE datname = 'postgres'"
    )
    while True:
        ((number, connections),) = cluster.execute(question)
        if connections == 1:
            return int(number)
        time.sleep(0.01)


async def cost_of_a_turn(cluster: Cluster) -> None:
    async with Postgres(cluster.dsn(), schema="turns") as database:
        await work(database.session(), 3)  # makes the tables
    before = writes(cluster), transactions(cluster)
    async with Postgres(cluster.dsn(), schema="turns") as database:
        samples = [await work(database.session(), 4) for _ in range(25)]
    turns = 25 * 4 * TURNS
    commits = (writes(cluster) - before[0]) / turns
    every = (transactions(cluster) - before[1]) / turns
    cpu = median(sample.cpu for sample in samples) * 1000
    wall = median(sample.wall for sample in samples) * 1000
    print(f"commits a turn            {commits:.2f}  (at most 4; {every:.2f} with those that read)")
    print(f"worker CPU ms a turn      {cpu:.2f}  (at most 3)")
    print(f"ms a turn                 {wall:.2f}")


async def growth(cluster: Cluster) -> None:
    """Sessions of both lengths take turns."""
    walls: dict[int, list[float]] = {10: [], 1000: []}
    async with Postgres(cluster.dsn(), schema="growth") as database:
        for _ in range(9):
            for length, taken in walls.items():
                store = database.session()
                await store.extend(
                    Message("assistant" if n % 2 else "user", [TextBlock(WORDS)])
                    for n in range(length)
                )
                await store.get_history()
                taken.append((await work(store, 3)).wall * 1000)
    small, large = map(median, walls.values())
    print(
        f"ms a turn, 1,000 over 10  {large / small:.2f}  (at most 1.3; {large:.2f} / {small:.2f})"
    )


async def size(cluster: Cluster) -> None:
    """Sessions written by runs, each in tables of its own.

    The conversation counts as the UTF-8 of its contents. Stored is all that the tables take, with
    indexes; those that stay empty take 0.3 MB once, however many the sessions.
    """
    for share in (1, 3, 10):
        schema = f"size_{share}"
        async with Postgres(cluster.dsn(), schema=schema) as database:
            text = WORDS[: len(WORDS) // share]
            await work(database.session(), 1000 // MESSAGES, text)
        cluster.execute("VACUUM")
        ((messages, conversation, alone),) = cluster.execute(
            "SELECT count(*), sum(octet_length(content::text)), "
            f"pg_total_relation_size('{schema}.axio_messages') FROM {schema}.axio_messages"
        )
        ((stored,),) = cluster.execute(
            "SELECT sum(pg_total_relation_size(format('%%I.%%I', schemaname, tablename)::regclass))"
            "FROM pg_tables WHERE schemaname = %s",
            schema,
        )
        print(
            f"bytes stored over bytes   {stored / conversation:.2f}  (at most 1.3; after VACUUM, "
            f"{messages:,} messages of {conversation / messages:.0f} bytes; "
            f"{alone / conversation:.2f} for the table of messages)"
        )


def main() -> None:
    with start_postgres() as cluster:
        for measure in (cost_of_a_turn, growth, size):
            asyncio.run(measure(cluster))


if __name__ == "__main__":
    main()
