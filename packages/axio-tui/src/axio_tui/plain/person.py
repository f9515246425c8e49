"""The person at the terminal, asked before a call."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TextIO, TypeAlias

from axio.run import RUN
from axio_tui.chat.permissions import Asked
from axio_tui.harmless import describe_call, one_line, plain, visible
from axio_tui.plain.keyboard import Keyboard
from axio_tui.plain.output import Output
from axio_tui_guards import Reply
from axio_tui_guards.asking import choice_of, reply_of
from axio_tui_guards.rules import describe

__all__ = ("NOBODY_TO_ASK", "Line", "Person", "where_to_ask")

Line: TypeAlias = Callable[[str], Awaitable[str]]
"""Shows a question, and returns the line that is typed then; "" at end of input."""

SHOWN_WITH_CHANGES = 100  # characters of an argument, where a diff shows it whole
SHOWN_PLACES = 10
SHOWN_TASK = 200
NOBODY_TO_ASK = "not run: there is no terminal to ask a person on; --yes allows most calls"


def where_to_ask(*, json: bool) -> TextIO | None:
    """The stream for questions; None where no person would see one or could answer it."""
    streams = [sys.stderr] if json else [sys.stderr, sys.stdout]
    shown = (stream for stream in streams if stream.isatty())
    return next(shown, None) if sys.stdin.isatty() else None


class Person:
    """The person who may be asked before a call or in it. `busy` is held while a question stands,
    so that nothing is printed into it; `waited` is how many seconds that took.

    `keep` is given each line that was typed before a question could be read: it is no answer.
    `head` tells the call that is asked about; "" if it stands right above.
    """

    def __init__(
        self,
        questions: TextIO | None,
        keyboard: Keyboard | None,
        keep: Callable[[str], object],
        head: Callable[[Asked, int | None], str | None] = lambda asked, limit: None,
    ) -> None:
        self.busy = asyncio.Lock()
        self.waited = 0.0
        self._questions = questions
        self._keyboard = keyboard
        self._keep = keep
        self._head = head

    async def ask(self, asked: Asked) -> str:
        """Their answer: a choice of the question, or why they refuse. Only a plain yes allows."""
        if self._questions is None:
            return NOBODY_TO_ASK
        async with self.asking() as line:
            limit = SHOWN_WITH_CHANGES if asked.changes else None
            head = self._head(asked, limit)
            if head is None:
                call = asked.question.call
                who = _who_asks()
                head = f"{who}{describe_call(call.tool, call.arguments, limit=limit)}\n"
            self._screen.write(f"{head}{question_text(asked)}\n")
            return reply_to(await line(choices_of(asked)))

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Line]:
        """Nothing else is printed or asked while the block lasts. There has to be a terminal."""
        async with self.busy:
            began = time.monotonic()
            try:
                yield self._line
            finally:
                self.waited += time.monotonic() - began

    @property
    def _screen(self) -> Output:
        assert self._questions is not None
        return Output(self._questions)

    async def _line(self, question: str) -> str:
        """Several lines at once were pasted: they are no answer."""
        assert self._keyboard is not None
        while True:
            async with self._keyboard.quiet() as typed:
                self._screen.write(self._kept(typed.lines, typed.rest))
                self._screen.write(question)
                answer = await self._keyboard.answer()
                if not answer.endswith("\n"):  # end of input: the cursor stands in the question
                    self._screen.write("\n")
            lines = answer.strip("\r\n").splitlines()
            if len(lines) < 2:
                return answer
            self._keep("\n".join(lines))
            self._screen.write("Several lines at once are no answer: they are kept.\n")

    def _kept(self, lines: list[str], rest: str) -> str:
        for line in filter(str.strip, lines):
            self._keep(line)
        return f"Typed before the question, and kept: {visible(rest)}\n" if rest else ""


def _who_asks() -> str:
    """The sub-agent that wants a call; "" for the agent of the conversation."""
    run = RUN.get(None)
    if run is None or run.parent is None:
        return ""
    return f"{visible(run.parent.tool_name or 'an agent inside of this one')} wants: "


def question_text(asked: Asked) -> str:
    """All that a person has to know: the changes, the places, the reason, what would be kept."""
    question = asked.question
    lines = []
    if asked.agent:
        task = one_line(asked.task, SHOWN_TASK)
        lines.append(f"{visible(asked.agent)} asks, whose task is: {visible(task)}")
    lines += [plain(change.diff()).rstrip("\n") for change in asked.changes]
    if asked.problem:
        lines.append(f"It would fail: {visible(asked.problem)}")
    places = [visible(place) for place in dict.fromkeys(question.call.places)]
    if places:
        more = f" and {len(places) - SHOWN_PLACES} more" if len(places) > SHOWN_PLACES else ""
        lines.append(f"It works on: {', '.join(places[:SHOWN_PLACES])}{more}")
    lines.append(f"It is asked about because {visible(question.reason)}.")
    if question.kept:
        lines.append(f"session allows from now on: {question.kept}")
    rule = question.rule_for("session")
    if rule is not None:
        kept = [name for name in ("session", "project") if name in question.choices]
        lines.append(f"{' or '.join(kept)} allows from now on: {visible(describe(rule))}")
    return "\n".join(lines)


def choices_of(asked: Asked) -> str:
    """The words that answer."""
    words = {"once": "yes", "no": "no REASON"}
    offered = [words.get(one, one) for one in asked.question.choices if one != "run"]
    return f"Run it? [{' / '.join(offered)}] "


def reply_to(answer: str) -> str:
    """The choice, with its conditions, or the reason to refuse, in an answer."""
    reply = reply_of(answer)
    if isinstance(reply, Reply) or choice_of(reply) is not None:
        return reply
    return f"the person refused and said: {reply.strip()}"
