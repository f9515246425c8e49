"""Questions to the person, and what their answers mean: only an explicit yes allows."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from axio.exceptions import GuardError
from axio.semaphore import Semaphore

__all__ = ("ASK_LOCK", "MAX_QUESTION", "PromptFn", "ask_user", "put", "says_no", "says_yes")

PromptFn: TypeAlias = Callable[[str], Awaitable[str]]
"""Shows a question and returns what the person answered; "" when nobody did."""

ASK_LOCK = Semaphore(1)
"""Held by `ask_user` while a question stands: `async with ASK_LOCK`. Bound to no event loop."""

MAX_QUESTION = 5000
"""Characters of a question that are shown. What does not fit is not asked but refused."""


async def ask_user(message: str) -> str:
    """Print `message` to stderr and return the next line of stdin; "" when there is no terminal.

    Anything that was typed before is thrown away: it was no answer to this question.
    """
    if not sys.stdin.isatty():
        return ""
    async with ASK_LOCK:
        terminal = os.dup(sys.stdin.fileno())  # of our own: others may wait for stdin too
        try:
            termios.tcflush(terminal, termios.TCIFLUSH)
            print(message, end=" ", file=sys.stderr, flush=True)
            return (await _line_of(terminal)).strip()
        finally:
            os.close(terminal)


async def _line_of(terminal: int) -> str:
    """The next line, or what there is of it when the terminal ends."""
    loop = asyncio.get_running_loop()
    line = bytearray()
    while not line.endswith(b"\n"):
        readable = asyncio.Event()
        loop.add_reader(terminal, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(terminal)
        part = os.read(terminal, 4096)
        if not part:
            break
        line += part
    return line.decode(errors="replace")


async def put(prompt_fn: PromptFn, question: str) -> str:
    """The answer, without white space around it. `GuardError` when it cannot be asked."""
    if len(question) > MAX_QUESTION:
        raise GuardError(
            f"denied: the question would have {len(question)} characters and nobody could read "
            "it; make the call smaller"
        )
    try:
        answer = await prompt_fn(question)
    except Exception as error:
        raise GuardError(f"denied: the question could not be asked: {error!r}") from error
    if not isinstance(answer, str):
        raise GuardError(f"denied: the answer is {type(answer).__name__}, not text")
    return answer.strip()


def says_yes(answer: str) -> bool:
    return answer.lower() in ("y", "yes")


def says_no(answer: str) -> bool:
    return answer.lower() in ("", "n", "no")
