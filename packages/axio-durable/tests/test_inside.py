"""A tool that calls other tools, some of which wait: with children, decisions and cancels."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from axio import RUN, Agent, PermissionGuard, Tool
from axio.approval import PendingCall, decide
from axio.blocks import TextBlock
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.exceptions import Deferred
from axio.messages import Message
from axio.types import StopReason, Usage
from axio_context_postgres import Postgres, Shards
from axio_context_sqlite import SQLite
from axio_durable import Database, Durable, Rested
from axio_durable.durable import MakeAgent
from axio_durable.store import as_store
from support.postgres import Cluster

_numbers = itertools.count(1)


class Model:
    """Calls `script` once after each prompt that begins with "go", and says "ok" to others."""

    async def stream(
        self, messages: list[Message], tools: Any, system: str
    ) -> AsyncIterator[StreamEvent]:
        last = messages[-1]
        if last.text.startswith("go"):
            yield ToolUseStart(0, f"call{len(messages)}", "script")
            yield ToolInputDelta(0, f"call{len(messages)}", json.dumps({"plan": last.text[3:]}))
            yield IterationEnd(0, StopReason.tool_use, Usage(1, 1))
        else:
            yield TextDelta(0, "ok")
            yield IterationEnd(0, StopReason.end_turn, Usage(1, 1))


class AskLater(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("a person decides")


class Program:
    """An agent whose `script` makes the calls of a plan, and a child that answers at once."""

    def __init__(self, database: Database) -> None:
        self.effects: list[str] = []
        agents: dict[str, MakeAgent] = {"worker": self.worker, "helper": Agent("", Model())}
        self.durable = Durable(database, agents=agents, look_every=0.1)

    def worker(self) -> Agent:
        tools = [
            Tool("script", self.script),
            Tool("change", self.change),
            Tool("ask", self.change, guards=(AskLater(),)),
            self.durable.child("helper", name="child"),
        ]
        return Agent("", Model(), tools)

    async def script(self, plan: str) -> str:
        results = [await RUN.get().call(name, {"task": str(n)}) for n, name in _steps(plan)]
        return ", ".join(str(result.content) for result in results)

    async def change(self, task: str) -> str:
        self.effects.append(task)
        return f"did {task}"


def _steps(plan: str) -> list[tuple[int, str]]:
    return list(enumerate(plan.split()))


@pytest.fixture(params=["sqlite", "postgres", "shards"])
async def program(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Program]:
    database: Database = SQLite(tmp_path / "app.db")
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("postgres")
        database = Postgres(cluster.dsn(), schema=f"inside_{next(_numbers)}")
    elif request.param == "shards":
        cluster = request.getfixturevalue("postgres")
        names = [f"inside_{next(_numbers)}" for _ in range(3)]
        for name in names:
            cluster.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        database = Shards({name: cluster.dsn(database=name) for name in names})
    program = Program(database)
    async with program.durable:
        stop = asyncio.Event()
        task = asyncio.create_task(program.durable.work(stop=stop))
        try:
            yield program
        finally:
            stop.set()
            await asyncio.wait_for(task, 60)


async def rested(durable: Durable) -> str:
    async with asyncio.timeout(60):
        async for event in durable.follow("s", every=0.02):
            last = event
    assert isinstance(last, Rested)
    return last.reason


async def asked(durable: Durable) -> PendingCall:
    assert await rested(durable) == "approval"
    [call] = await durable.pending("s")
    return call


async def result(durable: Durable) -> str:
    return str((await durable.history("s"))[2].tool_results[0].content)


async def until_done(durable: Durable) -> None:
    """Children are answered by the worker, and the session rests in between."""
    async with asyncio.timeout(60):
        while await rested(durable) != "end_turn":  # noqa: ASYNC110 - other tasks see to it
            await asyncio.sleep(0.02)


async def test_children_work_inside_of_a_call(program: Program) -> None:
    durable = program.durable
    await durable.post("s", "go change child change child", agent="worker", id="1")
    await until_done(durable)
    assert await result(durable) == "did 0, ok, did 2, ok"
    assert program.effects == ["0", "2"]


async def test_a_decision_inside_of_a_call_is_followed_by_a_child(program: Program) -> None:
    durable = program.durable
    await durable.post("s", "go change ask child", agent="worker", id="1")
    await durable.decide("s", await asked(durable), approve=True)
    await until_done(durable)
    assert await result(durable) == "did 0, did 1, ok"
    assert program.effects == ["0", "1"]


@pytest.mark.parametrize("decided", [False, True])
async def test_after_a_cancel_nothing_goes_on_that_waited(program: Program, decided: bool) -> None:
    durable = program.durable
    await durable.post("s", "go change ask change", agent="worker", id="1")
    call = await asked(durable)
    if decided:  # and the worker does not get to it before the cancel
        store = durable.database.session("s")
        async with store.own():
            pass
        await decide(as_store(store), call, approve=True)
    await durable.cancel("s")
    await durable.post("s", "hello", agent="worker", id="2")
    await until_done(durable)
    assert program.effects == ["0"]
    assert "[called off] This call has begun." in await result(durable)
    assert (await durable.history("s"))[-1] == Message("assistant", [TextBlock("ok")])
