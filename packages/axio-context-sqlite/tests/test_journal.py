"""The journal of calls: what it keeps over a kill, and when it forgets."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from axio import Agent, Tool
from axio.blocks import TextBlock, ToolResultBlock
from axio.history import UNKNOWN_OUTCOME
from axio.messages import Message
from axio.testing import StubTransport, make_text_response
from axio_context_sqlite import SQLiteContextStore
from support.journals import CALL, check_another_process, check_rewinding

Spawn = Callable[..., "Popen[str]"]


async def test_another_process_reads_the_notes_and_makes_none(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    await check_another_process(store, other)


async def test_calls_go_with_the_messages_that_make_them(store: SQLiteContextStore) -> None:
    await check_rewinding(store, store)


async def test_calls_go_with_their_session(store: SQLiteContextStore, path: Path) -> None:
    async with store.own():
        await store.append(Message("user", [TextBlock("go")]))
        await store.journal.begin(CALL)
        await store.delete()
    with sqlite3.connect(path) as db:
        left = [id for (id,) in db.execute("SELECT call_id FROM axio_context_calls")]
    db.close()
    assert left == []


DIES = """
import asyncio, os, sys
from axio import Agent, Tool
from axio.blocks import ToolUseBlock
from axio.events import IterationEnd, ToolInputDelta, ToolUseStart
from axio.journal import Outcome
from axio.types import StopReason, Usage
from axio_context_sqlite import SQLiteContextStore

async def quick() -> str:
    return "quick is done"

async def slow() -> str:
    await asyncio.sleep(0.05)
    while True:
        async with SQLiteContextStore.open(path, "session", "project") as reader:
            call = ToolUseBlock("q", "quick", {})
            if not isinstance(await reader.journal.outcome(call), Outcome):
                os.kill(os.getpid(), 9)

path = sys.argv[1]

class Both:
    async def stream(self, messages, tools, system):
        for index, (id, name) in enumerate([("q", "quick"), ("s", "slow")]):
            yield ToolUseStart(index, id, name)
            yield ToolInputDelta(index, id, "{}")
        yield IterationEnd(0, StopReason.tool_use, Usage(1, 1))

async def main():
    async with SQLiteContextStore.open(path, "session", "project") as store:
        await Agent("", Both(), [Tool("quick", quick), Tool("slow", slow)]).run("go", store)

asyncio.run(main())
"""


@pytest.mark.timeout(180)
async def test_a_finished_result_outlives_a_kill(path: Path, spawn: Spawn) -> None:
    process = spawn(DIES, path)
    assert process.communicate(timeout=150) == ("", "")
    assert process.returncode == -9
    again: list[str] = []

    async def run() -> str:
        again.append("ran")
        return "ran again"

    agent = Agent(
        "", StubTransport([make_text_response("ok")]), [Tool("quick", run), Tool("slow", run)]
    )
    async with SQLiteContextStore.open(path, "session", "project") as store:
        assert await agent.resume(store).get_final_text() == "ok"
        assert (await store.get_history())[2].tool_results == [
            ToolResultBlock("q", "quick is done"),
            ToolResultBlock("s", UNKNOWN_OUTCOME, True),
        ]
    assert again == []
