"""`ask_user`: a person at a terminal, and nobody there."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import pty
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest

from axio.exceptions import GuardError
from axio.plugins import discover_guards
from axio.tool import Tool
from axio_tui_guards import LLMGuard, PathGuard
from axio_tui_guards.guards import ASK_LOCK, ask_user


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal whose person types what is written to it."""
    keys, terminal = pty.openpty()
    with os.fdopen(terminal, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield keys
    os.close(keys)


class Screen(io.StringIO):
    """Standard error, in front of which a person waits for a question before typing an answer."""

    def __init__(self, keyboard: int, *answers: bytes) -> None:
        super().__init__()
        self.keyboard, self.answers = keyboard, list(answers)

    def flush(self) -> None:
        if self.answers:
            os.write(self.keyboard, self.answers.pop(0))


@pytest.fixture
def screen(keyboard: int) -> Screen:
    return Screen(keyboard)


async def answer(screen: Screen, question: str = "Really?") -> str:
    with contextlib.redirect_stderr(screen):
        async with asyncio.timeout(20):
            return await ask_user(question)


async def test_a_person_is_asked_and_answers(screen: Screen) -> None:
    screen.answers = [b" yes \n", b"no\n"]
    assert await answer(screen) == "yes"
    assert await answer(screen, "And now?") == "no"
    assert screen.getvalue() == "Really? And now? "


@pytest.mark.parametrize("before", [b"y\n", b"y\ny\ny\n", b"y", b"yes\ny"])
async def test_what_was_typed_before_the_question_is_no_answer(
    screen: Screen, before: bytes
) -> None:
    os.write(screen.keyboard, before)
    screen.answers = [b"n\n", b"no\n"]
    assert await answer(screen) == "n"
    os.write(screen.keyboard, before)
    assert await answer(screen, "And now?") == "no"


async def test_an_answer_may_arrive_in_parts_and_end_with_the_terminal(screen: Screen) -> None:
    screen.answers = [b"no way\x04"]
    asyncio.get_running_loop().call_later(0.05, os.write, screen.keyboard, b", not now\n")
    assert await answer(screen) == "no way, not now"
    screen.answers = [b"\x04"]
    assert await answer(screen, "And now?") == ""


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


async def test_questions_wait_for_each_other(screen: Screen) -> None:
    screen.answers = [b"y\n"]
    async with ASK_LOCK:
        waiting = asyncio.create_task(answer(screen))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert screen.getvalue() == ""
    assert await waiting == "y"


async def test_after_a_cancel_only_the_next_question_is_answered(screen: Screen) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answer(screen)
    os.write(screen.keyboard, b"y\n")  # meant for the first one
    screen.answers = [b"n\n"]
    assert await answer(screen, "And now?") == "n"


async def test_a_terminal_that_breaks_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            raise OSError("gone")

    monkeypatch.setattr(sys, "stdin", Broken())

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
