"""kill -9 at any moment of an agent's work, again and again on the same session.

`pytest packages/axio-context-sqlite/tests/test_kill.py -m heavy` kills 200 times.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from axio.blocks import ToolUseBlock
from axio.history import check, repair
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore

Spawn = Callable[..., "Popen[str]"]

# Forks a worker for every line it reads, so that nothing has to be imported again.
NURSERY = """
import asyncio, json, os, random, sys
from axio import Agent, Tool
from axio.events import IterationEnd, TextDelta, ToolInputDelta, ToolUseStart
from axio.types import StopReason, Usage
from axio_context_sqlite import SQLiteContextStore

path, effects, acknowledged = sys.argv[1:]

def note(file, line):
    # One write to a file in append mode: it is there, or it is not, when this process is killed.
    fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (line + "\\n").encode())
    os.close(fd)

class Store(SQLiteContextStore):
    async def extend(self, messages):
        messages = list(messages)
        await super().extend(messages)
        for message in messages:
            note(acknowledged, json.dumps(message.to_dict()))

class Transport:
    def stream(self, messages, tools, system):
        return self.answer(messages[-1].content[0])

    async def answer(self, block):
        if getattr(block, "text", None):
            for index in range(random.randint(1, 3)):
                id = os.urandom(6).hex()
                yield ToolUseStart(index, id, random.choice(["effect", "slow_effect"]))
                yield ToolInputDelta(index, id, json.dumps({"key": id, "text": "x" * 200 * index}))
            await asyncio.sleep(random.choice([0, 0.001]))
            yield IterationEnd(0, StopReason.tool_use, Usage(10, 5))
        else:
            yield TextDelta(0, "done " * random.choice([1, 400]))
            yield IterationEnd(0, StopReason.end_turn, Usage(10, 5))

async def effect(key: str, text: str) -> str:
    note(effects, key)
    return key + text

async def slow_effect(key: str, text: str) -> str:
    await asyncio.sleep(0.002)
    note(effects, key)
    await asyncio.sleep(0.002)
    return key + text

async def main():
    tools = [Tool(name=f.__name__, description="", handler=f) for f in (effect, slow_effect)]
    agent = Agent("", Transport(), tools)
    async with Store.open(path, "session", "project") as store:
        while True:
            await agent.run("go on", store)

for _ in sys.stdin:
    worker = os.fork()
    if worker == 0:
        asyncio.run(main())
    print(worker, flush=True)
    os.waitpid(worker, 0)
    print("dead", flush=True)
"""


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def read(path: Path) -> list[Message]:
    async with SQLiteContextStore.open(path, "session", "project") as store:
        return list(await store.get_history())


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(any(line == other for other in rest) for line in part)


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(30, marks=pytest.mark.timeout(180)),  # seven seconds on an idle machine
        pytest.param(200, marks=[pytest.mark.heavy, pytest.mark.timeout(900)]),
    ],
)
def test_no_kill_loses_a_message_or_runs_a_tool_twice(
    tmp_path: Path, spawn: Spawn, kills: int
) -> None:
    path, effects, acknowledged = (tmp_path / name for name in ("c.db", "effects", "acknowledged"))
    nursery = spawn(NURSERY, path, effects, acknowledged)
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    seed = random.randrange(1000)
    print("seed", seed)
    moments = random.Random(seed)
    mended = 0

    for number in range(kills):
        before = size(acknowledged)
        nursery.stdin.write("\n")
        nursery.stdin.flush()
        worker = int(nursery.stdout.readline())
        while number % 2 and size(acknowledged) == before:
            time.sleep(0.001)  # every other time it has begun, however busy the machine is
        time.sleep(moments.uniform(0, 0.15))
        if number % 3 == 0:  # and every third time a tool runs, or has just run
            ran = size(effects)
            while size(effects) == ran:
                time.sleep(0.0001)
        os.kill(worker, signal.SIGKILL)
        assert nursery.stdout.readline() == "dead\n"

        history = asyncio.run(read(path))
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
        mended += bool(check(history))
        assert check(repair(history)) == []
        stored = [json.dumps(message.to_dict()) for message in history]
        assert is_subsequence(lines(acknowledged), stored), "an acknowledged message is missing"
        done = lines(effects)
        assert len(done) == len(set(done)), "a tool ran twice"
        calls = [b.id for m in history for b in m.content if isinstance(b, ToolUseBlock)]
        assert set(done) <= set(calls), "a tool ran before its call was stored"
        assert len(calls) == len(set(calls))

    assert len(done) > kills
    assert mended > kills / 10, "the kills came at harmless moments only"
