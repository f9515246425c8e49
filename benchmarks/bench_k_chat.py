"""k: a turn of a conversation that is kept in SQLite, over the same run without a conversation."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from axio import Agent
from axio.events import StreamEvent
from axio_context_sqlite import SQLiteContextStore
from axio_tui.chat.session import ChatSession
from benchmarks.measure import Figure, Item, Sample, timed
from benchmarks.script import agent, consume
from benchmarks.turns import words

DELTAS = (10, 100, 1_000)
TURNS = 100

Say: TypeAlias = Callable[[], AsyncIterator[StreamEvent]]
"""Begins the next turn."""


@asynccontextmanager
async def axio(made: Agent, store: SQLiteContextStore) -> AsyncIterator[Say]:
    session = ChatSession(made, store)
    await session.open()
    yield lambda: session.send("go")
    await session.close()


@asynccontextmanager
async def floor(made: Agent, store: SQLiteContextStore) -> AsyncIterator[Say]:
    yield lambda: made.run_stream("go", store)


System: TypeAlias = Callable[[Agent, SQLiteContextStore], AbstractAsyncContextManager[Say]]


def cost(system: System, deltas: int) -> Sample:
    async def main(path: Path) -> Sample:
        async with (
            SQLiteContextStore.open(path, "session", "project") as store,
            system(agent([words(deltas)]), store) as say,
        ):
            await consume(say())
            with timed(TURNS) as timer:
                for _ in range(TURNS):
                    await consume(say())
            assert len(await store.get_history()) == 2 * (TURNS + 1)
            return timer.sample

    with tempfile.TemporaryDirectory(prefix="axio-bench-") as folder:
        return asyncio.run(main(Path(folder, "chat.db")))


def items() -> list[Item]:
    figures = [Figure("µs a turn", 1e6, goal=1.1)]
    return [
        Item(
            f"k a turn of {deltas:,} deltas, kept in SQLite",
            {"axio": partial(cost, axio, deltas), "floor": partial(cost, floor, deltas)},
            figures,
        )
        for deltas in DELTAS
    ]
