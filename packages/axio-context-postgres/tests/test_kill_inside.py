"""kill -9 at every moment while calls wait inside of another: nothing is done twice or unasked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from axio.blocks import TextBlock
from axio.history import UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio_context_postgres import Postgres
from support.postgres import Cluster

MakeNursery = Callable[[str], Any]

# A worker decides what waits, and goes on with the session; its exit code says why it has ended.
PROGRAM = """
import asyncio
from axio import RUN, Agent, PermissionGuard, Tool
from axio.approval import answer, decide, pending, waiting
from axio.exceptions import Deferred
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from nursery import effect, serve

class AskLater(PermissionGuard):
    async def check(self, tool, **kwargs):
        raise Deferred("a person decides")

async def change(key: str) -> str:
    await asyncio.sleep(0)
    effect("change " + key)
    return "did " + key

async def ask(key: str) -> str:
    effect("ask " + key)
    return "did " + key

async def order(key: str) -> str:
    effect("order " + key)
    raise Deferred("the shop calls back")

async def script() -> str:
    run = RUN.get()
    steps = [["change", "ask"], ["order", "change"], ["ask"]]
    said = []
    for step, names in enumerate(steps):
        calls = (run.call(name, {"key": f"{step}"}) for name in names)
        said += [str(result.content) for result in await asyncio.gather(*calls)]
    return "; ".join(said)

async def main(database, id):
    tools = [Tool("script", script, idempotent=True), Tool("change", change)]
    tools += [Tool("ask", ask, guards=(AskLater(),)), Tool("order", order)]
    store = database.session(id)
    await store.take_over()  # as a scheduler does that has seen a death
    history = await store.get_history()
    for call in pending(history):
        await decide(store, call, approve=True)
    for call in waiting(history):
        await answer(store, call, "came " + call.input["key"])
    turns = [make_text_response("done")]
    if not any(message.role == "assistant" for message in history):
        turns.insert(0, make_tool_use_response("script", "a", {}))
    agent = Agent("", StubTransport(turns), tools)
    stream = agent.resume(store) if history else agent.run_stream("go", store)
    end = await stream.get_session_end()
    return {"": 0, "approval": 1, "waiting": 2}[end.reason]

serve(main)
"""


def judge(history: list[Message], effects: list[str]) -> bool:
    """Check all that must hold when the work is done; True if everything is known."""
    assert check(history) == []
    assert history[-1] == Message("assistant", [TextBlock("done")])
    assert max(Counter(effects).values()) == 1, "done twice"
    text = str(history[2].tool_results[0].content)
    if UNKNOWN_OUTCOME in text:
        return False
    assert text == "did 0; did 0; came 1; did 1; did 2"
    assert sorted(effects) == ["ask 0", "ask 2", "change 0", "change 1", "order 1"]
    return True


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(9, marks=pytest.mark.timeout(400)),  # some seconds on an idle machine
        pytest.param(1, marks=[pytest.mark.heavy, pytest.mark.timeout(1200)]),
    ],
)
async def test_calls_inside_survive_a_kill_at_every_moment_of_every_process(
    nursery: MakeNursery, database: Postgres, postgres: Cluster, schema: str, step: int
) -> None:
    await database.migrate()
    workers = nursery(PROGRAM)
    sessions = known = 0
    for number in range(3):  # of the process that dies
        moment, died = 0, True
        while died:
            moment += step
            died = play(workers, f"{number} {moment}", number, moment)
            history = await database.session(f"{number} {moment}").get_history()
            sessions += 1
            known += judge(history, workers.effects())
    assert sessions > 100 / step
    assert sessions / 2 < known < sessions
    assert postgres.execute(f"SELECT count(*) FROM {schema}.axio_calls") == [(0,)]


def play(workers: Any, id: str, number: int, moment: int) -> bool:
    """Work on a session until it is done, where process `number` dies at that moment; False if it
    was done before."""
    ends: list[int] = []
    while not ends or ends[-1] != 0:
        ends.append(workers.live(id, moment if len(ends) == number else 0))
    return -9 in ends
