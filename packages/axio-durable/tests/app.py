"""A program with a `Durable`, as the tests and the workers they start see it.

`DATABASE` is a folder for SQLite, a connection string, or several by name with `LISTS` of the
names; `SCHEDULER` the engine's name and place; `EFFECTS` a file that gets a line for each call that
changes something; `GATE` one with a letter for each of these that may be made, or none if all may;
`ATTEMPTS` one with lines when a process works, and when it tries to work on a
session, begins and ends; `KILL_AT` the number of an access of the store, on behalf of a session, at
which to die.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock
from axio.budget import Budget
from axio.durable import Standing
from axio.events import (
    IterationEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import Deferred
from axio.messages import Message
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.tool import AnyTool, Tool
from axio.transport import CompletionTransport
from axio.types import StopReason, Usage
from axio_context_postgres import Postgres, Shards
from axio_context_postgres.server import Server
from axio_context_sqlite import SQLite
from axio_context_sqlite.database import Database as SQLiteDatabase
from axio_durable import Database, Durable, End, InProcess, Scheduler
from axio_durable.watch import Watched

ENDLESS = "endless"
TOOLS = ("effect", "slow", "guarded", "child", "later")


class Model(CompletionTransport):
    """Does what the last prompt says, a word a turn: the name of a tool is a call of it, after a
    colon with a task; "both" is two calls at once, any other word an answer. It has no memory but
    the history.
    """

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        return self._stream(messages)

    async def _stream(self, messages: list[Message]) -> AsyncIterator[StreamEvent]:
        at = max(index for index, one in enumerate(messages) if _text(one) is not None)
        turns = sum(one.role == "assistant" for one in messages[at:])
        words = [*(_text(messages[at]) or "").split(), "answer"]
        await asyncio.sleep(float(os.environ.get("PACE", "0")))
        word = words[min(turns, len(words) - 1)]
        usage = Usage(1, 1)
        if word == ENDLESS:
            for number in itertools.count():
                yield TextDelta(0, f"{number} ")
                await asyncio.sleep(0.05)
        if word.partition(":")[0] not in (*TOOLS, "both"):
            for piece in (word[:3], word[3:]):
                yield TextDelta(0, piece)
                await asyncio.sleep(0)
            yield IterationEnd(1, StopReason.end_turn, usage)
            return
        name, _, task = word.partition(":")
        names = ("effect", "effect") if word == "both" else (name,)
        arguments = json.dumps({"task": task} if task else {})
        for index, name in enumerate(names):
            yield ToolUseStart(index, f"call{turns}{index}", name)
            yield ToolInputDelta(index, f"call{turns}{index}", arguments)
        yield IterationEnd(1, StopReason.tool_use, usage)


def _text(message: Message) -> str | None:
    if message.role != "user" or any(isinstance(b, ToolResultBlock) for b in message.content):
        return None
    return "".join(block.text for block in message.content if isinstance(block, TextBlock))


def note(what: str) -> None:
    with open(os.environ["EFFECTS"], "a", encoding="utf-8") as file:
        file.write(f"{what}\n")


def is_held() -> bool:
    """True while the test that watches allows no more effects."""
    gate, done = Path(os.environ["GATE"]), Path(os.environ["EFFECTS"])
    return gate.exists() and len(done.read_text().splitlines()) >= gate.stat().st_size


async def effect() -> str:
    """Change something, once it may."""
    run = RUN.get()
    while is_held():  # noqa: ASYNC110 - another process opens the gate
        await asyncio.sleep(0.02)
    note(f"{run.store.session_id} {run.call_id}")
    return "changed"


async def slow() -> str:
    """Change something for a long time."""
    note(f"{RUN.get().store.session_id} begun")
    await asyncio.sleep(600)
    return "never"


async def later() -> str:
    """Begin something whose result comes from elsewhere."""
    note(f"{RUN.get().store.session_id} asked")
    raise Deferred("somebody is asked")


class Asks(PermissionGuard):
    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        raise Deferred("a person decides")


def tool(handler: Any, *guards: PermissionGuard, name: str | None = None) -> Tool:
    return Tool(
        name=name or handler.__name__, description="x", handler=handler, guards=tuple(guards)
    )


def worker() -> Agent:
    return Agent(
        "You work.",
        Model(),
        max_iterations=200,
        tools=[
            tool(effect, name=os.environ.get("RENAMED")),
            tool(slow),
            tool(later),
            tool(effect, Asks(), name="guarded"),
            *([durable.child("helper", name="child")] if "helper" in durable.agents else []),
        ],
    )


def database() -> Database:
    where = os.environ["DATABASE"]
    if os.path.isdir(where):
        return SQLite(os.path.join(where, "app.db"), wait=1.0)
    lease = float(os.environ.get("LEASE", "3"))
    if where.startswith("{"):
        databases, lists = json.loads(where), json.loads(os.environ["LISTS"])
        return Shards(databases, lists, schema=os.environ["SCHEMA"], lease=lease, wait=1.0)
    return Postgres(where, schema=os.environ["SCHEMA"], lease=lease, wait=1.0)


WORKS: ContextVar[bool] = ContextVar("WORKS", default=False)
"""True for what is done on behalf of a session."""


def die_at(number: int) -> None:
    """Let the process kill itself at that access of the store, before or after it."""
    steps = itertools.count()

    def step() -> None:
        if WORKS.get() and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    def dying(kind: type, name: str) -> None:
        inner = getattr(kind, name)

        async def outer(self: Any, *args: Any, **kwargs: Any) -> Any:
            step()
            result = await inner(self, *args, **kwargs)
            step()
            return result

        setattr(kind, name, outer)

    dying(SQLiteDatabase, "run")
    dying(Server, "run")


def scheduler() -> Scheduler:
    kind, _, where = os.environ["SCHEDULER"].partition(":")
    if kind == "procrastinate":
        from axio_durable.procrastinate import Procrastinate

        return Procrastinate(where, queue=os.environ["SCHEMA"], poll=0.5)
    if kind == "temporal":
        from axio_durable.temporal import Temporal

        return Temporal(where, queue=os.environ["SCHEMA"])
    if kind in ("dbos", "restate"):  # of the examples
        name = {"dbos": "DBOS", "restate": "Restate"}[kind]
        made: Scheduler = getattr(import_module(f"on_{kind}"), f"On{name}")(*where.split())
        return made
    return InProcess()


if "KILL_AT" in os.environ:
    die_at(int(os.environ["KILL_AT"]))


def budget(session: str) -> Budget | None:
    most = os.environ.get("MOST_REQUESTS")
    return Budget(requests=int(most), ledger=kept, key=session) if most else None


def note_attempt(what: str, session: str) -> None:
    with open(os.environ["ATTEMPTS"], "a", encoding="utf-8") as file:
        file.write(f"{time.time()} {os.getpid()} {what} {session}\n")


@contextmanager
def begins(session: str, standing: Standing) -> Iterator[Watched]:
    note_attempt("begins", session)
    yield aiter


class Noting(Durable):
    """Notes when a process works, tries to work on a session, begins and is done."""

    async def work(self, *options: Any, **more: Any) -> None:
        note_attempt("works", "")
        await super().work(*options, **more)

    async def advance(self, session: str) -> End:
        WORKS.set(True)  # in the task that was made for it
        note_attempt("tries", session)
        try:
            return await super().advance(session)
        finally:
            note_attempt("ends", session)


kept: Any = database()

durable = Noting(
    kept,
    scheduler(),
    agents=dict.fromkeys(os.environ.get("AGENTS", "worker helper").split(), worker),
    budget=budget,
    look_every=float(os.environ.get("LOOK_EVERY", "0.5")),
    watch=begins,
)
