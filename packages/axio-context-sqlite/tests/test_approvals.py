"""Approvals outlive the process: asked in one, answered in a second, acted on in a third."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from axio.approval import pending
from axio.history import check
from axio_context_sqlite import SQLiteContextStore

PROGRAM = """
import asyncio, sys
from axio import Agent, PermissionGuard, Tool
from axio.approval import decide, pending
from axio.exceptions import Deferred
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio_context_sqlite import SQLiteContextStore

step, folder = sys.argv[1:]

class AskLater(PermissionGuard):
    async def check(self, tool, **kwargs):
        raise Deferred("a person decides")

async def pay(amount: int) -> str:
    with open(f"{folder}/paid", "a") as file:
        file.write(f"{amount}\\n")
    if step == "crash":
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
    return f"paid {amount}"

async def main():
    turns = [make_text_response("Settled.")]
    if step == "ask":
        turns.insert(0, make_tool_use_response("pay", tool_input={"amount": 5}))
    agent = Agent("", StubTransport(turns), [Tool("pay", pay, guards=(AskLater(),))])
    async with SQLiteContextStore.open(f"{folder}/db", "s", "p") as store:
        if step == "ask":
            print((await agent.run_stream("pay", store).get_session_end()).reason)
        elif step in ("approve", "refuse"):
            [call] = pending(await store.get_history())
            await decide(store, call, approve=step == "approve")
        else:
            print(await agent.resume(store).get_final_text())

asyncio.run(main())
"""


def run(step: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, step, str(folder)],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0 or step == "crash", done.stderr
    return done.stdout.strip()


def paid(folder: Path) -> str:
    file = folder / "paid"
    return file.read_text() if file.exists() else ""


async def history_is_valid(folder: Path) -> None:
    async with SQLiteContextStore.open(folder / "db", "s", "p") as store:
        history = await store.get_history()
        assert check(history) == []
        assert pending(history) == []


async def test_an_approval_given_in_another_process_runs_the_call_once(tmp_path: Path) -> None:
    assert run("ask", tmp_path) == "approval"
    assert paid(tmp_path) == ""
    run("approve", tmp_path)
    assert run("go on", tmp_path) == "Settled."
    run("go on", tmp_path)
    assert paid(tmp_path) == "5\n"
    await history_is_valid(tmp_path)


async def test_a_refusal_given_in_another_process_is_final(tmp_path: Path) -> None:
    run("ask", tmp_path)
    run("refuse", tmp_path)
    assert run("go on", tmp_path) == "Settled."
    assert paid(tmp_path) == ""
    await history_is_valid(tmp_path)


@pytest.mark.parametrize("again", ["go on", "crash"])
async def test_a_kill_while_an_approved_call_runs_does_not_repeat_it(
    tmp_path: Path, again: str
) -> None:
    run("ask", tmp_path)
    run("approve", tmp_path)
    run("crash", tmp_path)
    assert paid(tmp_path) == "5\n"
    run(again, tmp_path)
    assert run("go on", tmp_path) in ("Settled.", "")
    assert paid(tmp_path) == "5\n"
    await history_is_valid(tmp_path)
