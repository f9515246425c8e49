"""Questions to the person, and what their answers mean: only an explicit yes allows."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, get_args

from axio.exceptions import GuardError
from axio.semaphore import Semaphore
from axio_tui_guards.decisions import Lifetime
from axio_tui_guards.rules import Rule

__all__ = (
    "ASK_LOCK",
    "MAX_QUESTION",
    "Choice",
    "PromptFn",
    "Reply",
    "ask_user",
    "choice_of",
    "put",
    "questions_to",
    "reply_of",
    "says_no",
    "says_yes",
)

PromptFn: TypeAlias = Callable[[str], Awaitable[str]]
"""Shows a question and returns what the person answered; "" when nobody did."""

Choice: TypeAlias = Literal["once", Lifetime, "no", "never"]
"""A person's answer: yes for so long, no this time, or never again in this project."""

ASK_LOCK = Semaphore(1)
"""Held by `ask_user` while a question stands: `async with ASK_LOCK`. Bound to no event loop."""

MAX_QUESTION = 5000
"""Characters of a question that are shown. What does not fit is not asked but refused."""


class Reply(str):
    """An answer with conditions: `Reply("session", uses=3)`.

    The word is "once", "run", "session", "project", "no" or "never"; other text refuses and is the
    reason. `rule` is remembered in place of `Question.rule_for`, `until` a moment (with its time
    zone) and for `uses` more calls.
    """

    rule: Rule | None
    until: datetime | None
    uses: int | None

    def __new__(
        cls,
        word: str,
        *,
        rule: Rule | None = None,
        until: datetime | None = None,
        uses: int | None = None,
    ) -> Reply:
        reply = super().__new__(cls, word)
        reply.rule, reply.until, reply.uses = rule, until, uses
        return reply


_hosts: list[PromptFn] = []


@contextmanager
def questions_to(host: PromptFn) -> Iterator[None]:
    """While the block lasts, `ask_user` asks the application that has the terminal."""
    _hosts.append(host)
    try:
        yield
    finally:
        _hosts.remove(host)


async def ask_user(message: str) -> str:
    """Print `message` to stderr and return the next line of stdin; "" when there is no terminal.

    Anything that was typed before is thrown away: it was no answer to this question. Where an
    application has the terminal, it puts the question.
    """
    if _hosts:
        return await _hosts[-1](message)
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


async def put(prompt_fn: PromptFn, question: str, room: int = MAX_QUESTION) -> str:
    """The answer. `GuardError` when it cannot be asked, or has more than `room` characters."""
    if len(question) > room:
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
    return answer if isinstance(answer, Reply) else answer.strip()


_WORDS: Mapping[str, Choice] = {
    **dict.fromkeys(("y", "yes", "once"), "once"),
    "run": "run",
    **dict.fromkeys(("s", "session"), "session"),
    **dict.fromkeys(("p", "project"), "project"),
    **dict.fromkeys(("", "n", "no"), "no"),
    **dict.fromkeys(("d", "deny", "never"), "never"),
}


def choice_of(answer: str) -> Choice | None:
    """The choice that an answer makes; None for other text, which is a reason to refuse."""
    return _WORDS.get(answer.strip().lower())


_USES = re.compile(r"(\d{1,6})\s*(?:x|times?)\b")
_FOR = re.compile(r"(?:for\s+)?(\d{1,6})\s*(minutes?|min|m|hours?|h|days?|d)\b")
_UNITS: Mapping[str, Literal["minutes", "hours", "days"]] = {
    "m": "minutes",
    "h": "hours",
    "d": "days",
}


def reply_of(line: str, now: datetime | None = None) -> str:
    """The answer that a typed line is.

    "session 3 times", "project for 2 hours" and "session 5x for 10m" are a `Reply` with these
    conditions; "no REASON" is the reason. All other lines stay as they are.
    """
    word, _, rest = line.strip().partition(" ")
    choice = choice_of(word)
    rest = rest.strip()
    if choice == "no":
        return rest or word
    if choice not in get_args(Lifetime) or not rest:
        return line
    uses, left = _taken(_USES, rest.lower())
    length, left = _taken(_FOR, left)
    if left.strip(" ,"):
        return line
    until = None
    if length:
        start = datetime.now(UTC) if now is None else now
        until = start + timedelta(**{_UNITS[length[2][0]]: int(length[1])})
    return Reply(word, uses=int(uses[1]) if uses and int(uses[1]) else None, until=until)


def _taken(pattern: re.Pattern[str], text: str) -> tuple[re.Match[str] | None, str]:
    """The place that fits the pattern, and the text without it."""
    found = pattern.search(text)
    return found, text if found is None else text[: found.start()] + text[found.end() :]


def says_yes(answer: str) -> bool:
    return answer.lower() in ("y", "yes")


def says_no(answer: str) -> bool:
    return answer.lower() in ("", "n", "no")
