"""The cost of a session in PostgreSQL: commits, CPU, growth and size.

    .venv/bin/python -m benchmarks.postgres    # half a minute

It starts a server of its own, as the tests do, without fsync. A run is four answers of the model,
three of them with two calls that change something; an answer with its results is a turn. CPU is
that of this process alone, where the model takes no time. At the end LangGraph with its saver does
the same work on the same server, from an environment of its own, made at the first time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from axio import Agent, Message, TextBlock
from axio_context_postgres import Postgres, PostgresContextStore
from benchmarks.measure import Sample, timed
from benchmarks.peers.__main__ import interpreter
from benchmarks.script import agent, consume
from benchmarks.turns import TEXT, changing, result_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.postgres import Cluster, start_postgres

TURNS = 4  # of a run
MESSAGES = 8  # of a run


def working(text: str) -> Agent:
    """It says `text` in every run, and its tool gives it back."""

    async def change(key: str) -> str:
        return result_of(key, text)

    return agent(changing(text), change)


async def work(store: PostgresContextStore, runs: int, text: str = TEXT) -> Sample:
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
                    Message("assistant" if n % 2 else "user", [TextBlock(TEXT)])
                    for n in range(length)
                )
                await store.get_history()
                taken.append((await work(store, 3)).wall * 1000)
    small, large = map(median, walls.values())
    print(
        f"ms a turn, 1,000 over 10  {large / small:.2f}  (at most 1.3; {large:.2f} / {small:.2f})"
    )


async def size(cluster: Cluster) -> None:
    """Sessions of 1,000 messages written by runs, and copies of them.

    The conversation counts as the UTF-8 of its contents. Stored is all that the tables take, with
    indexes; those that stay empty take some 0.4 MB once, however many the sessions.
    """
    for share in (1, 3, 10):
        schema = f"size_{share}"
        async with Postgres(cluster.dsn(), schema=schema) as database:
            text = TEXT[: len(TEXT) // share]
            store = database.session()
            await work(store, 1000 // MESSAGES, text)
            one = stored(cluster, schema)
            for _ in range(19):
                await store.fork()
        all_of_them = stored(cluster, schema)
        ((messages, conversation),) = cluster.execute(
            f"SELECT count(*), sum(octet_length(content::text)) FROM {schema}.axio_messages"
        )
        print(
            f"bytes stored over bytes   {all_of_them / conversation:.2f}  "
            f"(at most 1.3; after VACUUM, 20 sessions of {messages / 20:,.0f} messages "
            f"of {conversation / messages:.0f} bytes;"
            f" {one * 20 / conversation:.2f} with one session alone)"
        )


def stored(cluster: Cluster, schema: str) -> int:
    """Bytes of all tables of a schema, with indexes."""
    cluster.execute("VACUUM")
    ((number,),) = cluster.execute(
        "SELECT sum(pg_total_relation_size(format('%%I.%%I', schemaname, tablename)::regclass))"
        "FROM pg_tables WHERE schemaname = %s",
        schema,
    )
    return int(number)


async def beside_langgraph(cluster: Cluster) -> None:
    """One session of 320 messages in both."""
    try:
        python = interpreter("langgraph_postgres")
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"LangGraph's saver could not be installed, and is not measured: {error}")
        return
    runs = 320 // MESSAGES

    async def axio() -> Sample:
        async with Postgres(cluster.dsn(), schema="beside") as database:
            return await work(database.session(), runs)

    async def langgraph() -> Sample:
        command = [python, "-m", "benchmarks.peers.langgraph_postgres", cluster.dsn(), str(runs)]
        done = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        out, _ = await done.communicate()
        return Sample(**json.loads(out))

    print(f"one session of {runs * MESSAGES} messages:")
    for name, schema, measure in (
        ("axio", "beside", axio),
        ("LangGraph", "public", langgraph),
    ):
        before = writes(cluster)
        sample = await measure()
        print(
            f"  {name:<10} {(writes(cluster) - before) / runs / TURNS:5.2f} commits a turn, "
            f"{sample.cpu * 1000:6.2f} ms CPU, {sample.wall * 1000:6.2f} ms, "
            f"{stored(cluster, schema) / 1e6:7.2f} MB stored"
        )


def main() -> None:
    with start_postgres() as cluster:
        for measure in (cost_of_a_turn, growth, size, beside_langgraph):
            asyncio.run(measure(cluster))


if __name__ == "__main__":
    main()
