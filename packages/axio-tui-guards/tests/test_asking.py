"""`ask_user`: a person at a terminal, and nobody there."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest

import axio_tui_guards.asking
from axio.exceptions import GuardError
from axio.plugins import discover_guards
from axio.tool import Tool
from axio_tui_guards import LLMGuard, PathGuard
from axio_tui_guards.guards import ASK_LOCK, ask_user


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What is written to it, a person types."""
    keys, terminal = pty.openpty()
    with os.fdopen(terminal, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(axio_tui_guards.asking, "_line", None)
        yield keys
        os.write(keys, b"\n\n")  # let a reader that is left behind go
    os.close(keys)


async def test_a_person_is_asked_and_answers(
    keyboard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keyboard, b" yes \nno\n")
    assert await ask_user("Really?") == "yes"
    assert await ask_user("And now?") == "no"
    assert capsys.readouterr().err == "Really? And now? "


async def test_without_a_terminal_nobody_answers_and_the_guard_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert await ask_user("Really?") == ""

    async def handler(path: str) -> str:
        return path

    tool = Tool(name="t", handler=handler, guards=(PathGuard(),))
    with pytest.raises(GuardError, match="denied"):
        await tool(path="/srv/x")


async def test_questions_wait_for_each_other(keyboard: int) -> None:
    async with ASK_LOCK:
        waiting = asyncio.create_task(ask_user("Really?"))
        os.write(keyboard, b"y\n")
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert await waiting == "y"


async def test_after_a_cancel_the_next_question_takes_the_line(keyboard: int) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ask_user("Really?")
    asyncio.get_running_loop().call_later(0.05, os.write, keyboard, b"y\n")
    async with asyncio.timeout(5):
        assert await ask_user("And now?") == "y"


async def test_a_terminal_that_breaks_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            raise OSError("gone")

    monkeypatch.setattr(sys, "stdin", Broken())
    monkeypatch.setattr(axio_tui_guards.asking, "_line", None)

    async def handler(path: str) -> str:
        return path

    with pytest.raises(GuardError, match="could not be asked"):
        await PathGuard()(Tool(name="t", handler=handler), path="/srv/x")


def test_both_guards_are_offered_as_entry_points() -> None:
    found = discover_guards()
    assert (found["path"], found["llm"]) == (PathGuard, LLMGuard)
    offered = {entry.name: entry.value for entry in metadata.entry_points(group="axio.guards")}
    assert offered["path"] == "axio_tui_guards.guards:PathGuard"
    assert offered["llm"] == "axio_tui_guards.guards:LLMGuard"
