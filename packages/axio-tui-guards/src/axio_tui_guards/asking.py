"""Questions to the person, and what their answers mean: only an explicit yes allows."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
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

_line: Future[str] | None = None


async def ask_user(message: str) -> str:
    """Print `message` to stderr and return the next line of stdin; "" when there is no terminal.

    The line is read in a thread, which nothing can stop. Cancelled while it waits, the thread stays
    behind, and the next question takes the line that it reads.
    """
    if not sys.stdin.isatty():
        return ""
    async with ASK_LOCK:
        print(message, end=" ", file=sys.stderr, flush=True)
        global _line
        if _line is None or _line.done():
            _line = Future()
            threading.Thread(target=_read, args=(_line,), daemon=True).start()
        return (await asyncio.shield(asyncio.wrap_future(_line))).strip()


def _read(line: Future[str]) -> None:
    try:
        line.set_result(sys.stdin.readline())
    except Exception as error:  # stdin closed, or not text
        line.set_exception(error)


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
