"""kill -9 at any moment of a conversation with prompts that wait and a question that stands.

`pytest packages/axio-tui/tests/chat/test_kill.py -m heavy` kills 102 times.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from axio import Agent
from axio.history import check, repair
from axio.testing import StubTransport, make_text_response
from axio.tool import Tool
from axio_context_sqlite import SQLiteContextStore
from axio_tui.chat.entries import ToolCall
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.session import ChatSession

# Forks a worker for every line it reads, so that nothing has to be imported again.
NURSERY = """
import asyncio, json, os, random, sys
from axio import Agent, Tool
from axio.events import IterationEnd, TextDelta, ToolInputDelta, ToolUseStart
from axio.types import StopReason, Usage
from axio_context_sqlite import SQLiteContextStore
from axio_tui.chat.permissions import Permissions
from axio_tui.chat.session import ChatSession

path, notes = sys.argv[1:]

def note(kind, text):
    # One write to a file in append mode: it is there, or it is not, when this process is killed.
    fd = os.open(f"{notes}/{kind}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (text + "\\n").encode())
    os.close(fd)

class Transport:
    async def stream(self, messages, tools, system):
        if messages[-1].text:
            for index in range(random.randint(1, 2)):
                id = os.urandom(6).hex()
                yield ToolUseStart(index, id, "effect")
                yield ToolInputDelta(index, id, json.dumps({"key": id}))
            yield IterationEnd(0, StopReason.tool_use, Usage(10, 5))
        else:
            yield TextDelta(0, "done")
            yield IterationEnd(0, StopReason.end_turn, Usage(10, 5))

async def effect(key: str) -> str:
    note("effects", key)
    await asyncio.sleep(0.001)
    return key

async def ask(asked):
    note("questions", "one")
    await asyncio.sleep(random.choice([0, 0.004]) if answers else 3600)
    note("answers", "one")
    return "once"

async def read(stream):
    async for event in stream:
        pass

async def main():
    permissions = Permissions(ask)
    agent = Agent("", Transport(), permissions.guarded([Tool(name="effect", handler=effect)]))
    async with SQLiteContextStore.open(path, "s", "p") as store:
        session = ChatSession(agent, store, permissions=permissions)
        await session.load()
        session.inbox.unpark()
        while True:
            running = asyncio.create_task(read(session.next() or session.send("go on")))
            for give in (session.queue, session.steer):
                prompt = os.urandom(6).hex()
                await give(prompt)
                note("prompts", prompt)
                await asyncio.sleep(random.choice([0, 0.002]))
            await running

for line in sys.stdin:
    answers = line != "let questions stand\\n"
    worker = os.fork()
    if worker == 0:
        asyncio.run(main())
    print(worker, flush=True)
    os.waitpid(worker, 0)
    print("dead", flush=True)
"""


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "notes").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY, tmp_path / "axio.db", tmp_path / "notes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def noted(tmp_path: Path, kind: str) -> list[str]:
    file = tmp_path / "notes" / kind
    return file.read_text().splitlines() if file.exists() else []


async def look(path: Path) -> tuple[Counter[str], list[str], int]:
    """How often each prompt is there, the ids of all calls, and the number of prompts that wait."""
    async with SQLiteContextStore.open(path, "s", "p") as store:
        session = ChatSession(Agent("", StubTransport()), store)
        await session.load()
        history = repair(await store.get_history())
        assert check(history) == []
        waiting = [waiting.message.text for waiting in session.inbox.waiting]
        said = [message.text for message in history if message.role == "user" and message.text]
        entries = session.conversation.entries
        calls = [entry.call_id for entry in entries if isinstance(entry, ToolCall)]
        return Counter([*said, *waiting]), calls, len(waiting)


async def asked_again(path: Path) -> bool:
    """True if a later program asks the question again that stood when the last one was killed."""
    asked: list[str] = []
    ran: list[str] = []

    async def person(question: Asked) -> str:
        asked.append(question.question.call.arguments["key"])
        return "once"

    async def effect(key: str) -> str:
        ran.append(key)
        return key

    async with SQLiteContextStore.open(path, "s", "p") as store:
        permissions = Permissions(person)
        tools = permissions.guarded([Tool(name="effect", handler=effect)])
        agent = Agent("", StubTransport([make_text_response("done")]), tools)
        session = ChatSession(agent, store, permissions=permissions)
        await session.load()
        async for _ in session.resume():
            pass
        assert check(await store.get_history()) == []
    return bool(asked) and asked == ran


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(15, marks=pytest.mark.timeout(180)),
        pytest.param(102, marks=[pytest.mark.heavy, pytest.mark.timeout(900)]),
    ],
)
def test_no_kill_loses_or_doubles_a_prompt_or_runs_a_call_twice(
    tmp_path: Path, nursery: subprocess.Popen[str], kills: int
) -> None:
    assert nursery.stdin is not None and nursery.stdout is not None
    seed = random.randrange(1000)
    print("seed", seed)
    moments = random.Random(seed)
    waited = 0
    for number in range(kills):
        # It has begun, a tool has run, or a question stands while prompts wait: on the slowest
        # machine, too.
        kind = ("prompts", "effects", "questions")[number % 3]
        wanted = {kind: len(noted(tmp_path, kind)) + 1}
        answers = len(noted(tmp_path, "answers"))
        if kind == "questions":
            wanted["prompts"] = len(noted(tmp_path, "prompts")) + 2
        nursery.stdin.write("let questions stand\n" if kind == "questions" else "\n")
        nursery.stdin.flush()
        worker = int(nursery.stdout.readline())
        while any(len(noted(tmp_path, one)) < least for one, least in wanted.items()):
            time.sleep(0.001)
        time.sleep(moments.choice([0, moments.uniform(0, 0.05)]))
        os.kill(worker, signal.SIGKILL)
        assert nursery.stdout.readline() == "dead\n"

        there, calls, waiting = asyncio.run(look(tmp_path / "axio.db"))
        prompts, effects = noted(tmp_path, "prompts"), noted(tmp_path, "effects")
        assert {prompt: there[prompt] for prompt in prompts if there[prompt] != 1} == {}
        assert len(effects) == len(set(effects)), "a call ran twice"
        assert set(effects) <= set(calls), "a call ran before it was stored"
        if kind == "questions":
            assert len(noted(tmp_path, "answers")) == answers, "no question stood"
            assert waiting, "what waited behind the question is gone"
        waited += waiting > 0
    assert waited > 0, "the kills came at harmless moments only"
    assert asyncio.run(asked_again(tmp_path / "axio.db"))
