"""kill -9 before and after every write of a run, and between: nothing is lost or done twice.

`pytest packages/axio-context-postgres/tests/test_kill.py -m heavy` kills many times more.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.history import UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio_context_postgres import Postgres
from support.postgres import Cluster

Spawn = Callable[..., "Popen[str]"]

# Forks a worker for every line it reads, so that nothing has to be imported again. Its line says at
# which of its moments the worker kills itself: before and after every statement that it sends, and
# before and after the effect of every tool.
NURSERY = """
import asyncio, json, os, signal, sys
from axio import Agent, Tool
from axio.events import IterationEnd, TextDelta, ToolInputDelta, ToolUseStart
from axio.types import StopReason, Usage
from axio_context_postgres import Postgres

dsn, schema, effects = sys.argv[1:]
left = 0

def moment():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def effect(line):
    moment()
    fd = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (line + "\\n").encode())
    os.close(fd)
    moment()

class Watched(Postgres):
    async def run(self, work, *, repeat=False):
        moment()
        result = await super().run(work, repeat=repeat)
        moment()
        return result

class Transport:
    def stream(self, messages, tools, system):
        return self.answer(sum(message.role == "assistant" for message in messages))

    async def answer(self, turn):
        if turn < 2:
            for index, name in enumerate(["change", "read", "change", "put"]):
                yield ToolUseStart(index, f"call_{index}", name)
                arguments = json.dumps({"key": f"{turn} {name} {index}"})
                yield ToolInputDelta(index, f"call_{index}", arguments)
            yield IterationEnd(0, StopReason.tool_use, Usage(10, 5))
        else:
            yield TextDelta(0, "done")
            yield IterationEnd(0, StopReason.end_turn, Usage(10, 5))

async def change(key: str) -> str:
    await asyncio.sleep(0)
    effect(key)
    return "did " + key

async def put(key: str) -> str:
    effect(key)
    return "did " + key

async def read(key: str) -> str:
    return "did " + key

async def main(id, again):
    tools = [Tool("put", put, idempotent=True), Tool("read", read, read_only=True)]
    agent = Agent("", Transport(), [Tool("change", change), *tools])
    async with Watched(dsn, schema=schema) as database:
        store = database.session(id)
        if again:
            await store.take_over()  # as a scheduler does that has seen the death
        stored = await store.get_history()
        stream = agent.resume(store) if stored else agent.run_stream("go", store)
        async for event in stream:
            if type(event).__name__ == "ToolResult":
                moment()

for line in sys.stdin:
    id, kill, again = json.loads(line)
    worker = os.fork()
    if worker == 0:
        left = kill
        asyncio.run(main(id, again))
        os._exit(0)
    _, status = os.waitpid(worker, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Nursery:
    def __init__(self, process: Popen[str], effects: Path) -> None:
        self._process = process
        self._effects = effects

    def live(self, id: str, kill: int, again: bool) -> int:
        """Let a worker live until its moment number `kill`; the status with which it ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f'["{id}", {kill}, {str(again).lower()}]\n')
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def effects(self) -> list[str]:
        """The effects since this was asked last."""
        lines = self._effects.read_text().splitlines() if self._effects.exists() else []
        self._effects.unlink(missing_ok=True)
        return lines


@pytest.fixture
def nursery(spawn: Spawn, tmp_path: Path) -> Nursery:
    return Nursery(spawn(NURSERY, tmp_path / "effects"), tmp_path / "effects")


def judge(history: list[Message], effects: list[str], killed: bool) -> int:
    """Check all that must hold when the work is done; the number of outcomes that are not known."""
    assert check(history) == []
    assert history[-1] == Message("assistant", [TextBlock("done")])
    assert len(history) == 6
    calls = [b for message in history for b in message.content if isinstance(b, ToolUseBlock)]
    results = {b.tool_use_id: b for message in history for b in message.tool_results}
    assert len({call.id for call in calls}) == len(calls) == 8
    unknown = 0
    for call in calls:
        key, result = call.input["key"], results[call.id]
        if result == ToolResultBlock(call.id, UNKNOWN_OUTCOME, True):
            assert killed and call.name == "change"
            assert effects.count(key) <= 1
            unknown += 1
            continue
        assert result == ToolResultBlock(call.id, f"did {key}")
        if call.name == "change":
            assert effects.count(key) == 1, "an effect is lost or done twice"
        elif call.name == "put":
            assert effects.count(key) >= 1
    return unknown


@pytest.mark.timeout(400)  # ten seconds on an idle machine
async def test_a_run_survives_a_kill_at_every_moment(
    nursery: Nursery, database: Postgres, postgres: Cluster, schema: str
) -> None:
    await database.migrate()
    unknown = moments = 0
    while True:
        id = f"killed at {moments + 1}"
        if nursery.live(id, moments + 1, False) == 0:
            break
        moments += 1
        assert nursery.live(id, 0, True) == 0
        unknown += judge(await database.session(id).get_history(), nursery.effects(), True)
    assert judge(await database.session(id).get_history(), nursery.effects(), False) == 0
    assert moments > 40
    # Only a call that was at work when the kill came is not known.
    assert 0 < unknown < moments
    assert postgres.execute(f"SELECT count(*) FROM {schema}.axio_calls") == [(0,)]


@pytest.mark.parametrize(
    "sessions",
    [
        pytest.param(5, marks=pytest.mark.timeout(400)),
        pytest.param(100, marks=[pytest.mark.heavy, pytest.mark.timeout(1200)]),
    ],
)
async def test_a_run_survives_many_kills(
    nursery: Nursery, database: Postgres, sessions: int
) -> None:
    await database.migrate()
    seed = int(os.environ.get("AXIO_SEED", random.randrange(1000)))
    print("seed", seed)
    moments = random.Random(seed)
    for number in range(sessions):
        again = False
        while nursery.live(f"session {number}", moments.randint(1, 60), again) != 0:
            again = True
        history = await database.session(f"session {number}").get_history()
        judge(history, nursery.effects(), True)
