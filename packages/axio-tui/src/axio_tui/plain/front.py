"""Conversations on a terminal, in lines: what is typed, what comes of it, what is asked.

Everything is printed once and stays as it is. What is typed while the model works is queued.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from axio.context import ContextStore
from axio.events import Error, IterationEnd, SessionEndEvent, StreamEvent
from axio.run import RUN
from axio_context_sqlite import SessionInUse
from axio_tui.chat.builtin import BUILTIN
from axio_tui.chat.commands import (
    CommandFailed,
    Edit,
    Leave,
    Outcome,
    Pick,
    Send,
    completions,
    help_of,
    run,
)
from axio_tui.chat.composer import Command, Shell, parse
from axio_tui.chat.library import Library
from axio_tui.chat.permissions import Asked
from axio_tui.chat.session import ChatSession
from axio_tui.equip import Equipment, Say
from axio_tui.errors import CommandError, traceback_of
from axio_tui.harmless import plain, visible
from axio_tui.plain.failing import hint_for
from axio_tui.plain.footer import footer
from axio_tui.plain.keyboard import Complete, Keyboard
from axio_tui.plain.output import Output
from axio_tui.plain.person import Person, where_to_ask
from axio_tui.plain.shell import run_here, run_to_tell
from axio_tui.plain.style import style_for
from axio_tui.plain.teller import AXIO, YOU, Teller
from axio_tui.stopping import Interrupts

if TYPE_CHECKING:
    from axio_tools_local.workspace import Workspace

__all__ = ("Front",)

FRAME = 0.015
"""Seconds at most between something that happens and its line."""
SHOWN_AGAIN = 20
"""Entries of a conversation that is gone on with."""
SILENCE = 10.0
"""Seconds without a word after which the person is told that the model still works."""


class Front:
    """The front end of lines. `because` says what has switched it on."""

    commands = BUILTIN

    def __init__(
        self, args: argparse.Namespace, because: str, interrupts: Interrupts, say: Say
    ) -> None:
        self._args = args
        self._because = because
        self._interrupts = interrupts
        self._say = say
        self._style = style_for(sys.stdout)
        self._out = Output(sys.stdout)
        self._keyboard = Keyboard(self._typed)
        self.person = Person(
            where_to_ask(json=False), self._keyboard, self._keep, self._head_of_question
        )
        self._teller = Teller(self._style)
        self._entered: asyncio.Queue[str] = asyncio.Queue()
        self._picks: dict[str, Pick] = {}
        self._is_leaving = False
        self._paint: asyncio.TimerHandle | None = None
        self._broken: Exception | None = None

    # ── what commands need ────────────────────────────────────────────────────────────────────

    @property
    def workspace(self) -> Workspace:
        return self._parts.workspace

    def make(self, store: ContextStore) -> ChatSession:
        return self._parts.session(store)

    async def show(self, session: ChatSession) -> None:
        """Open this conversation, close the one before, and go on with it."""
        await self._open(session)
        await self.session.close()
        self._begin_with(session)

    async def _open(self, session: ChatSession) -> None:
        try:
            await session.open()
        except SessionInUse as error:
            self._print(f"{AXIO}{plain(str(error))}\n")
            answer = await self._keyboard.line("Take it over? [yes / no] ", lambda line: [])
            if (answer or "").strip().lower() not in ("y", "yes"):
                raise CommandFailed("it was left where it is") from error
            await session.open(take_over=True)

    def _begin_with(self, session: ChatSession) -> None:
        self.session = session
        entries = session.conversation.entries
        start = max(len(entries) - SHOWN_AGAIN, 0)
        self._teller = Teller(self._style, start)
        if start:
            self._print(f"({start} earlier entries)\n")
        self._print(self._teller.tell(entries, over=True))
        self._tell_waiting()

    # ── the conversation ──────────────────────────────────────────────────────────────────────

    async def converse(self, parts: Equipment, library: Library, session: ChatSession) -> int:
        """Go on until the person leaves."""
        self._parts, self.library, self.session = parts, library, session
        self._print(f"{AXIO}lines only, because of {self._because}; /help lists commands, ")
        self._print("exit leaves\n")
        background = [asyncio.create_task(self._attend()), asyncio.create_task(self._warm())]
        try:
            with self._keyboard.modes_restored():
                await self._open(session)
                self._begin_with(session)
                while not self._is_leaving:
                    await self._next()
        except CommandFailed as failed:
            raise CommandError(str(failed)) from failed
        finally:
            for task in background:
                task.cancel()
            await self.session.close()
        return 0

    async def _next(self) -> None:
        """One text of the person, and all that comes of it."""
        ahead = self._keyboard.typed_ahead()
        for text in ahead or [await self._prompted()]:
            if text is None:
                self._is_leaving = True
                self._print("\n")
            elif ahead:
                self._print(f"{YOU}{plain(text)}\n")
            if self._is_leaving or text is None:
                return
            await self._take(text)

    async def _prompted(self) -> str | None:
        while True:
            try:
                text = await self._keyboard.line(YOU, self._complete())
                if text is not None:
                    text.encode()
                return text
            except UnicodeError:
                self._say("the prompt is not UTF-8")

    async def _take(self, text: str) -> None:
        """Do what a text says that was entered while nothing goes on."""
        words = text.strip()
        if words in ("exit", "quit"):
            self._is_leaving = True
        elif words == "/":
            self._print(f"{plain(help_of(self.commands))}\n")
        elif words:
            match parse(text):
                case Command(name=name, arguments=arguments):
                    await self._command(name, arguments)
                case Shell(command=command, is_shared=is_shared):
                    await self._shell(command, is_shared)
                case given:
                    await self._send(given.text)
        elif self.session.inbox.waiting:
            self.session.inbox.unpark()
            await self._run(None)

    async def _send(self, text: str) -> None:
        self._teller.on_screen()
        await self._run(text[1:] if text.startswith("//") else text)

    async def _shell(self, command: str, is_shared: bool) -> None:
        told = ""
        with self._interrupts.ending(lambda: None):  # Ctrl-C is for the command
            if is_shared:
                output, told = await run_to_tell(command)
                self._print(plain(output))
            elif code := await run_here(command):
                self._print(f"{AXIO}exit code {code}\n")
        if told:
            await self._send(told)

    async def _command(self, name: str, arguments: str) -> None:
        pick = self._picks.get(name)
        if pick is not None and arguments.isdecimal() and 0 < int(arguments) <= len(pick.options):
            arguments = pick.options[int(arguments) - 1].command.partition(" ")[2]
        try:
            outcome = await run(self, name, arguments)
        except CommandFailed as failed:
            self._print(f"{AXIO}{plain(str(failed))}\n")
        else:
            await self._show(name, outcome)

    async def _show(self, name: str, outcome: Outcome) -> None:
        match outcome:
            case Pick(title=title, options=options, usage=usage):
                self._picks[name] = outcome
                labels = [f"  {n}  {visible(one.label)}" for n, one in enumerate(options, 1)]
                self._print("\n".join([f"{AXIO}{title}:", *labels, usage, ""]))
            case Send(prompt=prompt):
                await self._send(prompt)
            case Edit(text=text, said=said):
                self._keyboard.draft = text
                self._teller = Teller(self._style, len(self.session.conversation.entries))
                self._print(f"{AXIO}{plain(said)}\n")
            case Leave():
                self._is_leaving = True
            case str(text) if text:
                self._print(f"{AXIO}{plain(text)}\n")

    def _complete(self) -> Complete:
        """For the thread of the line editor."""
        loop = asyncio.get_running_loop()

        def complete(line: str) -> list[str]:
            if not line.startswith("/"):
                return []
            return asyncio.run_coroutine_threadsafe(completions(self, line), loop).result(5)

        return complete

    async def _warm(self) -> None:
        """Let a transport that can do so get ready while the person types."""
        agent = self._parts.agent
        warm = getattr(agent.transport, "warm", None)
        if inspect.iscoroutinefunction(warm):
            with suppress(Exception):  # what is wrong will be said when it is asked something
                await warm(agent.tools)

    # ── runs ──────────────────────────────────────────────────────────────────────────────────

    async def _run(self, prompt: str | None) -> None:
        """Answer the prompt, or the oldest that waits, and then all that are queued."""
        session = self.session
        stream = session.next() if prompt is None else session.send(prompt)
        with self._keyboard.listening():
            while stream is not None:
                with self._interrupts.ending(session.stop):
                    await self._follow(stream)
                await self._entered.join()
                stream = session.next()
        self._tell_waiting()

    async def _follow(self, stream: AsyncGenerator[StreamEvent, None]) -> None:
        """Print what happens in a run, and how it ended."""
        time = asyncio.get_running_loop().time
        began, waited = time(), self.person.waited
        silence = asyncio.create_task(self._break_silence())
        end: SessionEndEvent | None = None
        failure: BaseException | None = None
        try:
            async with aclosing(stream):
                async for event in stream:
                    silence.cancel()
                    self._changed()
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
        self._print(self._teller.tell(self.session.conversation.entries, over=True))
        if failure is not None:
            if self._args.debug:
                self._say_traceback(failure)
            if hint := await hint_for(failure, self._parts):
                self._print(f"{AXIO}{hint}\n")
        if end is not None:
            seconds = time() - began - (self.person.waited - waited)
            self._print(self._style.put(self._style.dim, footer(end, seconds)))

    def _say_traceback(self, failure: BaseException) -> None:
        with suppress(OSError):
            sys.stderr.write(traceback_of(failure))

    async def _break_silence(self) -> None:
        await asyncio.sleep(SILENCE)
        self._print(f"{AXIO}(waiting for {self._parts.choice.title})\n")

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
            self._print(self._teller.tell(self.session.conversation.entries))
        except Exception as error:  # raised where the run is followed
            self._broken = error
            self.session.stop()

    def _head_of_question(self, asked: Asked, limit: int | None) -> str | None:
        run = RUN.get(None)
        if run is None or run.call_id is None:
            return None
        self._stop_painting()
        return self._teller.tell_call(self.session.conversation.entries, run.call_id, limit)

    # ── what is typed meanwhile ───────────────────────────────────────────────────────────────

    def _typed(self, text: str | None) -> None:
        if text is None or text.strip() in ("exit", "quit"):
            self._is_leaving = True
            self._print(f"{AXIO}leaving when this is done; Ctrl-C stops it\n")
        elif text.strip():
            self._keep(text)

    def _keep(self, text: str) -> None:
        self._entered.put_nowait(text)

    async def _attend(self) -> None:
        """Queue prompts, and do what commands say that may be given at any time."""
        while True:
            text = await self._entered.get()
            try:
                match parse(text):
                    case Command(name=name, arguments=arguments):
                        await self._command(name, arguments)
                    case Shell():
                        self._print(f"{AXIO}commands of your own have to wait until it is done\n")
                    case _:
                        await self.session.queue(text)
                        self._print(f"queued: {plain(text)}\n")
            except Exception as error:
                self._say(f"error: {self._parts.explain(error)}")
            finally:
                self._entered.task_done()

    def _tell_waiting(self) -> None:
        waiting = self.session.inbox.waiting
        for one in waiting:
            self._print(f"parked: {plain(one.message.text)}\n")
        if waiting:
            self._print("(Enter sends what is parked, /back takes the last one back)\n")

    def _print(self, text: str) -> None:
        if text:
            self._out.write(text)
