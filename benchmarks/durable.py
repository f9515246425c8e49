"""The cost of durable work: CPU of this process for a turn, with and without an engine.

    .venv/bin/python -m benchmarks.durable    # a minute

Every session is four answers of the model, three of them with two calls that change something; an
answer with its results is a turn. The model takes no time. Ways take turns, after one round that is
not counted; each is a worker that ten sessions at a time go through. PostgreSQL is a server of its
own, without fsync.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from axio import Agent
from axio_context_postgres import Postgres
from axio_context_sqlite import SQLite
from axio_durable import Database, Durable, InProcess, Scheduler
from axio_durable.procrastinate import Procrastinate
from axio_durable.store import as_store
from benchmarks.script import agent, consume
from benchmarks.turns import TEXT, changing, result_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.postgres import start_postgres

TURNS = 4
SESSIONS = 40
ROUNDS = 7

_names = itertools.count()


def worker() -> Agent:
    async def change(key: str) -> str:
        return result_of(key, TEXT)

    return agent(changing(TEXT), change)


async def alone(database: Database) -> float:
    """Milliseconds of a turn of runs without anything around them, in the same store."""
    async with database:
        names = [f"alone {next(_names)}" for _ in range(SESSIONS)]
        started = time.process_time()
        for batch in range(0, SESSIONS, 10):
            await asyncio.gather(*(_run(database, name) for name in names[batch : batch + 10]))
        return (time.process_time() - started) / SESSIONS / TURNS * 1000


async def _run(database: Database, name: str) -> None:
    await consume(worker().run_stream(TEXT[:200], as_store(database.session(name))))


async def durable(database: Database, scheduler: Scheduler) -> float:
    """Milliseconds of a turn of posts that a worker answers."""
    async with Durable(database, scheduler, agents={"worker": worker}) as program:
        names = [f"durable {next(_names)}" for _ in range(SESSIONS)]
        stop = asyncio.Event()
        started = time.process_time()
        for name in names:
            await program.post(name, TEXT[:200], agent="worker", id="1")
        working = asyncio.create_task(program.work(stop=stop))
        while await program.database.unfinished() or program.running:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        spent = time.process_time() - started
        stop.set()
        await working
        return spent / SESSIONS / TURNS * 1000


async def main() -> None:
    with start_postgres() as cluster, tempfile.TemporaryDirectory() as folder:
        where = cluster.dsn()

        def postgres() -> Database:
            return Postgres(where, schema="durable", lease=6)

        def sqlite() -> Database:
            return SQLite(Path(folder, "durable.db"))

        ways: dict[str, Callable[[], object]] = {
            "SQLite, runs alone": lambda: alone(sqlite()),
            "SQLite, Durable": lambda: durable(sqlite(), InProcess()),
            "PostgreSQL, runs alone": lambda: alone(postgres()),
            "PostgreSQL, Durable": lambda: durable(postgres(), InProcess()),
            "PostgreSQL, Durable, Procrastinate": lambda: durable(postgres(), Procrastinate(where)),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for round in range(ROUNDS + 1):
            for name, way in ways.items():
                spent = await way()  # type: ignore[misc]
                if round:
                    found[name].append(spent)
        print(f"{'CPU of a turn, ms':40}{'median':>8}{'least':>8}")
        for name, times in found.items():
            print(f"{name:40}{median(times):8.2f}{min(times):8.2f}")
        engine = "PostgreSQL, Durable, Procrastinate"
        added = [a - b for a, b in zip(found[engine], found["PostgreSQL, Durable"], strict=True)]
        print(f"{'added by the engine':40}{median(added):8.2f}")


if __name__ == "__main__":
    asyncio.run(main())
