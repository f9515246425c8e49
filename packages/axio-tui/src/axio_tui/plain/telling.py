"""A session on the screen, in lines: its transcript, and each run as it goes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from axio.events import Error, IterationEnd, SessionEndEvent, StreamEvent, ToolUseStart
from axio.run import RUN
from axio_tui.chat.permissions import Asked
from axio_tui.chat.session import ChatSession
from axio_tui.equip import Equipment
from axio_tui.errors import traceback_of
from axio_tui.harmless import plain
from axio_tui.plain.failing import hint_for
from axio_tui.plain.footer import footer
from axio_tui.plain.output import Output
from axio_tui.plain.person import Person
from axio_tui.plain.style import style_for
from axio_tui.plain.teller import AXIO, Teller

__all__ = ("Telling",)

FRAME = 0.015
"""Seconds at most between something that happens and its line."""
SHOWN_AGAIN = 20
"""Entries of a conversation that is gone on with."""
SILENCE = 10.0
"""Seconds without a word after which the person is told that the model still works."""


class Telling:
    """Prints a session to standard output. Nothing is printed while the person is asked."""

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug
        self._style = style_for(sys.stdout)
        self._out = Output(sys.stdout)
        self._teller = Teller(self._style)
        self._paint: asyncio.TimerHandle | None = None
        self._broken: Exception | None = None
        self._agents = 0
        self._level = "fine"
        self.person: Person
        """To be set before something is followed."""

    def begin(self, session: ChatSession) -> None:
        """Show a conversation that was opened, or the end of a long one."""
        self.session = session
        entries = session.conversation.entries
        start = max(len(entries) - SHOWN_AGAIN, 0)
        self._teller = Teller(self._style, start)
        if start:
            self.print(f"({start} earlier entries)\n")
        self.print(self._teller.tell(entries, over=True))

    def begin_here(self) -> None:
        """All that the conversation holds now is known to the person."""
        self._teller = Teller(self._style, len(self.session.conversation.entries))

    def on_screen(self) -> None:
        """The next words of the person stand there already."""
        self._teller.on_screen()

    def print(self, text: str) -> None:
        if text:
            self._out.write(text)

    def say(self, text: str) -> None:
        """Words of the program; if they have several lines, below the label."""
        label = f"{AXIO.rstrip()}\n" if "\n" in text else AXIO
        self.print(f"{self._teller.break_line()}{label}{plain(text)}\n")

    # ── runs ──────────────────────────────────────────────────────────────────────────────────

    async def follow(self, stream: AsyncGenerator[StreamEvent, None], parts: Equipment) -> None:
        """Print what happens in a run, and how it ended."""
        time = asyncio.get_running_loop().time
        began, waited = time(), self.person.waited
        silence = asyncio.get_running_loop().call_later(
            SILENCE, self.say, f"(waiting for {parts.choice.title})"
        )
        calls = 0
        end: SessionEndEvent | None = None
        failure: BaseException | None = None
        try:
            async with aclosing(stream):
                async for event in stream:
                    silence.cancel()
                    self._changed()
                    calls += type(event) is ToolUseStart
                    if isinstance(event, IterationEnd):  # its tools start now, and may take long
                        self._print_new()
                    if isinstance(event, SessionEndEvent):
                        end = event
                    elif isinstance(event, Error):
                        failure = event.exception
        finally:
            silence.cancel()
            self._stop_painting()
        if self._broken is not None:
            raise self._broken
        self.print(self._new(over=True))
        if failure is not None:
            if self._debug:
                self._say_traceback(failure)
            if hint := await hint_for(failure, parts):
                self.say(hint)
        self._warn()
        if end is not None:
            seconds = time() - began - (self.person.waited - waited)
            self.print(self._style.put(self._style.dim, footer(end, seconds, calls)))

    def _warn(self) -> None:
        """Say once that the window fills up, and once that it is almost full."""
        window = self.session.window
        if window.level != self._level and window.level != "fine":
            self.say(f"(the model's window holds {window}: /compact shortens what is in it)")
        self._level = window.level

    def _say_traceback(self, failure: BaseException) -> None:
        with suppress(OSError):
            sys.stderr.write(traceback_of(failure))

    def _changed(self) -> None:
        """Something has come: print it soon, together with what comes until then."""
        if self._paint is None:
            self._paint = asyncio.get_running_loop().call_later(FRAME, self._print_new)

    def _stop_painting(self) -> None:
        if self._paint is not None:
            self._paint.cancel()
            self._paint = None

    def _print_new(self) -> None:
        self._stop_painting()
        if self.person.busy.locked():
            self._changed()
            return
        try:
            self.print(self._new())
        except Exception as error:  # raised where the run is followed
            self._broken = error
            self.session.stop()

    def _new(self, over: bool = False) -> str:
        conversation = self.session.conversation
        agents = [
            (agent.session_id, f"agent {number}", agent.entries)
            for number, agent in enumerate(conversation.agents.values(), 1)
        ]
        # Those that have begun before a result comes that may be theirs; others behind their call.
        known, self._agents = self._agents, len(agents)
        told = self._teller.tell_agents(agents[:known])
        told += self._teller.tell(conversation.entries, over)
        return told + self._teller.tell_agents(agents[known:])

    def head_of_question(self, asked: Asked, limit: int | None) -> str | None:
        run = RUN.get(None)
        if run is None or run.call_id is None:
            return None
        self._stop_painting()
        return self._teller.tell_call(self.session.conversation.entries, run.call_id, limit)
