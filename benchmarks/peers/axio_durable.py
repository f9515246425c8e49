"""axio-durable on PostgreSQL, with Procrastinate as its engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from axio import RUN, Agent, Tool
from axio.events import StreamEvent
from axio_context_postgres import Postgres
from axio_durable import Durable, Rested
from axio_durable.procrastinate import Procrastinate
from benchmarks.peers import durable_work
from benchmarks.script import Script


class Model(Script):
    async def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        self.asked = sum(message.role == "assistant" for message in messages)
        async for event in super().stream(messages, tools, system):
            yield event


async def change(key: str) -> str:
    """Change something."""
    return durable_work.change(str(RUN.get().store.session_id), key)  # type: ignore[attr-defined]


def agent() -> Agent:
    return Agent("", Model(durable_work.TURNS), [Tool(name="change", handler=change)])


async def work(where: str, sessions: list[str]) -> None:
    database = Postgres(where, schema="axio", lease=6)
    engine = Procrastinate(where)
    async with Durable(database, engine, agents={"worker": agent}) as durable:
        for name in sessions:
            await durable.post(name, durable_work.PROMPT, agent="worker", id="1")
        stop = asyncio.Event()
        working = asyncio.create_task(durable.work(stop=stop))
        for name in sessions:
            async for event in durable.follow(name, every=1.0):
                if isinstance(event, Rested) and event.reason != "end_turn":
                    raise RuntimeError(f"{name}: {event}")
        stop.set()
        await working


if __name__ == "__main__":
    asyncio.run(durable_work.main(work))
