"""kill -9 before and after every write of a run, and between: nothing is lost or done twice.

`pytest packages/axio-context-postgres/tests/test_kill.py -m heavy` kills many times more.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.history import UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio_context_postgres import Postgres
from support.postgres import Cluster

MakeNursery = Callable[[str], Any]

PROGRAM = """
import asyncio, json
from axio import Agent, Tool
from axio.events import IterationEnd, TextDelta, ToolInputDelta, ToolUseStart
from axio.types import StopReason, Usage
from nursery import effect, moment, serve

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

async def main(database, id):
    tools = [Tool("put", put, idempotent=True), Tool("read", read, read_only=True)]
    agent = Agent("", Transport(), [Tool("change", change), *tools])
    store = database.session(id)
    await store.take_over()  # as a scheduler does that has seen a death
    stored = await store.get_history()
    stream = agent.resume(store) if stored else agent.run_stream("go", store)
    async for event in stream:
        if type(event).__name__ == "ToolResult":
            moment()
    return 0

serve(main)
"""


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
    nursery: MakeNursery, database: Postgres, postgres: Cluster, schema: str
) -> None:
    await database.migrate()
    workers = nursery(PROGRAM)
    unknown = moments = 0
    while True:
        id = f"killed at {moments + 1}"
        if workers.live(id, moments + 1) == 0:
            break
        moments += 1
        assert workers.live(id, 0) == 0
        unknown += judge(await database.session(id).get_history(), workers.effects(), True)
    assert judge(await database.session(id).get_history(), workers.effects(), False) == 0
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
    nursery: MakeNursery, database: Postgres, sessions: int
) -> None:
    await database.migrate()
    workers = nursery(PROGRAM)
    seed = int(os.environ.get("AXIO_SEED", random.randrange(1000)))
    print("seed", seed)
    moments = random.Random(seed)
    for number in range(sessions):
        while workers.live(f"session {number}", moments.randint(1, 60)) != 0:
            pass
        history = await database.session(f"session {number}").get_history()
        judge(history, workers.effects(), True)
