"""The person at the terminal: lines they type, questions they answer, output they see."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TextIO, TypeAlias

from axio_tui.chat.permissions import Asked
from axio_tui.errors import CommandError
from axio_tui.harmless import describe_call, plain, visible
from axio_tui.plain.render import COLOUR, PLAIN, Style
from axio_tui_guards.rules import describe

__all__ = (
    "Line",
    "Output",
    "OutputClosed",
    "Person",
    "modes_restored",
    "read_line",
    "style_for",
    "type_line",
    "where_to_ask",
)

SHOWN_WITH_CHANGES = 100  # characters of an argument, where a diff shows it whole
NOBODY_TO_ASK = "not run: there is no terminal to ask a person on; --yes allows most calls"


Line: TypeAlias = Callable[[str], Awaitable[str]]
"""Shows a question, and returns the line that is typed then; "" at end of input."""


class OutputClosed(Exception):
    """The output is not read any more: the pipe is broken, or the terminal is gone."""


class Output:
    """A text stream that is flushed with each piece.

    Raises `OutputClosed` when its reader left, `CommandError` when it cannot be written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.errno == errno.EIO:
                raise OutputClosed from error
            raise CommandError(f"the output cannot be written: {error.strerror}") from error


def where_to_ask(*, json: bool) -> TextIO | None:
    """The stream for questions; None where no person would see one or could answer it."""
    streams = [sys.stderr] if json else [sys.stderr, sys.stdout]
    shown = (stream for stream in streams if stream.isatty())
    return next(shown, None) if sys.stdin.isatty() else None


class Person:
    """The person who may be asked before a call or in it. `busy` is held while a question stands,
    so that nothing is printed into it."""

    def __init__(self, questions: TextIO | None) -> None:
        self.busy = asyncio.Lock()
        self._questions = questions

    async def ask(self, asked: Asked) -> str:
        """Their answer: a choice of the question, or why they refuse. Only a plain yes allows."""
        if self._questions is None:
            return NOBODY_TO_ASK
        async with self.asking() as line:
            answer = await line(question_text(asked))
        word, _, reason = answer.strip().partition(" ")
        if not reason:
            return word
        said = reason if word.lower() in ("n", "no") else answer.strip()
        return f"the person refused and said: {said}"

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Line]:
        """Nothing else is printed or asked while the block lasts. There has to be a terminal."""
        async with self.busy:
            yield self._line

    async def _line(self, question: str) -> str:
        assert self._questions is not None
        # What was typed before the question could be read does not answer it.
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        Output(self._questions).write(question)
        answer = await read_line(sys.stdin.fileno())
        if not answer.endswith("\n"):  # end of input: the cursor still stands in the question
            Output(self._questions).write("\n")
        return answer


def question_text(asked: Asked) -> str:
    """The question on a terminal: the call, the changes, the reason, and what would be kept."""
    question = asked.question
    shown = SHOWN_WITH_CHANGES if asked.changes else None
    lines = [describe_call(question.call.tool, question.call.arguments, limit=shown)]
    lines += [plain(change.diff()).rstrip("\n") for change in asked.changes]
    if asked.problem:
        lines.append(f"It would fail: {visible(asked.problem)}")
    lines.append(f"It is asked about because {visible(question.reason)}.")
    rule = question.rule_for("session")
    if rule is not None:
        kept = [name for name in ("session", "project") if name in question.choices]
        lines.append(f"{' or '.join(kept)} allows from now on: {visible(describe(rule))}")
    choices = ["yes", *(name for name in ("session", "project") if name in question.choices)]
    lines.append(f"Run it? [{' / '.join([*choices, 'no REASON', 'never'])}] ")
    return "\n".join(lines)


async def read_line(terminal: int) -> str:
    """The next line of a terminal in its usual (canonical) mode; "" at end of input.

    Cancelling it works at once, unlike a `readline` in a thread.
    """
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(terminal, _settle, readable)
    try:
        await readable
    finally:
        loop.remove_reader(terminal)
    # One read gives at most one line, and as much of it as fits.
    return os.read(terminal, 4096).decode("utf-8", "replace")


def type_line(shown: bool) -> str:
    """The next line that is typed at the prompt `> `; raises `EOFError` at end of input.

    It may be edited while it is typed, where Python has a line editor. The prompt goes to stderr
    unless `shown`, when stdout is a terminal for people.
    """
    with suppress(ImportError):
        import readline  # noqa: F401 - makes input() a line editor

    if not shown:
        print("> ", end="", file=sys.stderr, flush=True)
        return input()
    # Lines typed ahead are read as the terminal has kept them: the line editor changes its mode,
    # and an end of input among them would become a NUL character.
    if not select.select([sys.stdin], [], [], 0)[0]:
        return input("> ")
    line = os.read(sys.stdin.fileno(), 4096)
    print(f"> {plain(line.decode('utf-8', 'replace'))}", end="", flush=True)
    if not line:
        raise EOFError
    return line.decode("utf-8").removesuffix("\n")


@contextmanager
def modes_restored(terminal: TextIO) -> Iterator[None]:
    """Put the terminal's modes back at the end: a line editor in a thread may not get to do it."""
    modes = termios.tcgetattr(terminal)
    try:
        yield
    finally:
        with suppress(termios.error):  # it may be gone
            termios.tcsetattr(terminal, termios.TCSANOW, modes)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def style_for(stream: TextIO) -> Style:
    """Colour on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb forbid it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return PLAIN if plain or not stream.isatty() else COLOUR
