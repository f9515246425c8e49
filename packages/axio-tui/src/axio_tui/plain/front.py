"""Conversations on a terminal, in lines: what is typed, what comes of it, what is asked.

Everything is printed once and stays as it is. What is typed while the model works is queued.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from axio.context import ContextStore
from axio.events import StreamEvent
from axio.messages import Prompt
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
from axio_tui.chat.completing import offers_for
from axio_tui.chat.composer import Command, Shell, Words, parse
from axio_tui.chat.file_index import FileIndex
from axio_tui.chat.library import Library
from axio_tui.chat.mentions import MentionRefused
from axio_tui.chat.models import Models
from axio_tui.chat.providers import Providers
from axio_tui.chat.session import ChatSession
from axio_tui.chat.shell_escape import run_command
from axio_tui.chat.sight import words_of_refusal
from axio_tui.chat.skills import skill_commands
from axio_tui.equip import Equipment
from axio_tui.errors import CommandError
from axio_tui.extensions import Extensions
from axio_tui.harmless import plain, visible
from axio_tui.limits import budget_of
from axio_tui.place import Place
from axio_tui.plain.asker import LineAsker
from axio_tui.plain.keyboard import Complete, Keyboard
from axio_tui.plain.opened import opened
from axio_tui.plain.person import Person, where_to_ask
from axio_tui.plain.recall import Recall
from axio_tui.plain.teller import AXIO, YOU
from axio_tui.plain.telling import Telling
from axio_tui.plain.waiting import wait_for
from axio_tui.plain.writing import Writing
from axio_tui.server_tools import ServerTools
from axio_tui.stopping import Interrupts

if TYPE_CHECKING:
    from axio_tools_local.workspace import Workspace

__all__ = ("Front",)


class Front:
    """The front end of lines. `because` says what has switched it on."""

    session: ChatSession
    library: Library

    def __init__(self, args: argparse.Namespace, because: str, interrupts: Interrupts) -> None:
        self._because = because
        self._budget = partial(budget_of, args)
        self._interrupts = interrupts
        self._telling = Telling(debug=args.debug)
        self._keyboard = Keyboard(self._typed)
        self._keyboard.take(args.typed_ahead)
        self.person = Person(
            where_to_ask(json=False), self._keyboard, self._keep, self._telling.head_of_question
        )
        self._telling.person = self.person
        self.asker = LineAsker(self._keyboard, interrupts, self._tell, self._print)
        self._entered: asyncio.Queue[str] = asyncio.Queue()
        self._files = FileIndex()
        self._writing = Writing(self._tell)
        self._recall = Recall(keeps=not args.no_save)
        self._picks: dict[str, Pick] = {}
        self._is_leaving = False

    # ── what commands need ────────────────────────────────────────────────────────────────────

    @property
    def models(self) -> Models:
        return self._parts.models

    @property
    def providers(self) -> Providers:
        return self._parts.providers

    @property
    def servers(self) -> ServerTools:
        return self._parts.servers

    @property
    def extensions(self) -> Extensions | None:
        return self._parts.extensions

    @property
    def place(self) -> Place:
        return self._parts.place

    @property
    def system_parts(self) -> Mapping[str, str]:
        return self._parts.system_parts

    @property
    def workspace(self) -> Workspace:
        return self._parts.workspace

    def make(self, store: ContextStore) -> ChatSession:
        return self._parts.session(store)

    async def show(self, session: ChatSession) -> None:
        """Open this conversation, close the one before, and go on with it."""
        session = await self._open(session)
        before, self.session = self.session, session
        await before.close()
        if [*before.conversation.entries] != [*session.conversation.entries]:
            self._begin_with(session)
        self._telling.session = session

    async def _open(self, session: ChatSession) -> ChatSession:
        return await opened(session, self._tell, self._answered)

    def _begin_with(self, session: ChatSession) -> None:
        self.session = session
        self._telling.begin(session)
        self._tell_waiting()

    # ── the conversation ──────────────────────────────────────────────────────────────────────

    async def converse(self, parts: Equipment, library: Library, session: ChatSession) -> int:
        """Go on until the person leaves."""
        self._parts, self.library, self.session = parts, library, session
        self.commands = {**BUILTIN, **skill_commands(parts.skills, BUILTIN)}
        self._tell(f"lines only, because of {self._because}; /help lists commands, exit leaves")
        background = [asyncio.create_task(self._attend()), asyncio.create_task(self._warm())]
        try:
            with self._keyboard.modes_restored():
                self._begin_with(await self._open(session))
                await self._recall.begin()
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
        self._tell_news()
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
                self._tell("the prompt is not UTF-8")

    async def _take(self, text: str) -> None:
        """Do what a text says that was entered while nothing goes on."""
        words = text.strip()
        await self._recall.add(text)
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
                    await self._send(given)
        elif self.session.inbox.waiting:
            self.session.inbox.unpark()
            await self._run(None)

    async def _send(self, words: Words) -> None:
        prompt = await self._writing.prompt(words, self._parts, self._agree)
        if prompt is None:
            self._keyboard.draft = words.text
            return
        self._telling.on_screen()
        await self._run(prompt)

    async def _agree(self, question: str) -> bool:
        return await self._asks(f"{AXIO}{plain(question)} [yes / no] ")

    async def _asks(self, question: str) -> bool:
        return (await self._answered(question)).strip().lower() in ("y", "yes")

    async def _answered(self, question: str) -> str:
        return await self._keyboard.line(question, lambda line: []) or ""

    async def _shell(self, command: str, is_shared: bool) -> None:
        running = asyncio.create_task(run_command(command, on_output=self._print_plain))
        with self._interrupts.ending(running.cancel):
            await asyncio.wait([running])
        if running.cancelled():
            self._tell("(stopped)")
        elif (error := running.exception()) is not None:
            self._tell(self._parts.explain(error))
        else:
            ran = running.result()
            if ran.ending:
                self._tell(f"({ran.ending})")
            if is_shared:
                await self._send(Words(ran.for_model()))

    def _print_plain(self, text: str) -> None:
        self._print(plain(text))

    async def _command(self, name: str, arguments: str) -> None:
        pick = self._picks.get(name)
        if pick is not None and arguments.isdecimal() and 0 < int(arguments) <= len(pick.options):
            arguments = pick.options[int(arguments) - 1].command.partition(" ")[2]
        try:
            outcome = await run(self, name, arguments)
        except CommandFailed as failed:
            self._tell(str(failed))
        else:
            if not self.session.is_busy:
                self._telling.begin_here()  # a command says itself what it has done
            await self._show(name, outcome)

    async def _show(self, name: str, outcome: Outcome) -> None:
        match outcome:
            case Pick(title=title, options=options, usage=usage):
                self._picks[name] = outcome
                labels = [f"  {n}  {visible(one.label)}" for n, one in enumerate(options, 1)]
                self._print("\n".join([f"{AXIO}{title}:", *labels, usage, ""]))
            case Send(prompt=prompt):
                await self._send(Words(prompt))
            case Edit(text=text, said=said, message=message):
                if message is not None:
                    self._writing.pastes.learn(message)
                self._keyboard.draft = text
                self._tell(said)
            case Leave():
                self._leave()
            case str(text) if text:
                self._tell(text)

    def _complete(self) -> Complete:
        """For the thread of the line editor."""
        loop = asyncio.get_running_loop()

        async def offered(line: str) -> list[str]:
            found = await offers_for(line, len(line), self._lines, self._files)
            return [] if found is None else [f"{line[: found.start]}{o.text}" for o in found.offers]

        def complete(line: str) -> list[str]:
            return asyncio.run_coroutine_threadsafe(offered(line), loop).result(5)

        return complete

    async def _lines(self, line: str) -> list[tuple[str, str]]:
        return [(one, "") for one in await completions(self, line)]

    async def _warm(self) -> None:
        """Let a transport that can do so get ready while the person types."""
        agent = self._parts.agent
        warm = getattr(agent.transport, "warm", None)
        if inspect.iscoroutinefunction(warm):
            with suppress(Exception):  # what is wrong will be said when it is asked something
                await warm(agent.tools)

    # ── runs ──────────────────────────────────────────────────────────────────────────────────

    async def _run(self, prompt: Prompt | None) -> None:
        """Answer the prompt, or the oldest that waits, and then all that are queued."""
        session = self.session
        with self._keyboard.listening():
            if prompt is not None and self._parts.servers.awaited:
                await session.queue(prompt)
                prompt = None
            await self._ready()
            stream = (
                await self._oldest()
                if prompt is None
                else session.send(prompt, budget=self._budget())
            )
            while stream is not None:
                with self._interrupts.ending(session.stop):
                    await self._telling.follow(stream, self._parts)
                await self._entered.join()
                await self._ready()
                stream = await self._oldest()
        self._tell_waiting()

    async def _oldest(self) -> AsyncGenerator[StreamEvent, None] | None:
        """The run that answers the oldest prompt that is queued, if it may be sent."""
        try:
            return self.session.next(budget=self._budget())
        except MentionRefused as refused:
            self._tell(await words_of_refusal(refused, self.models))
            return None

    async def _ready(self) -> None:
        """Wait for servers as long as a prompt does."""
        if not await wait_for(self._parts.servers, self._interrupts, self._tell):
            self.session.inbox.park()
        self._tell_news()

    def _tell_news(self) -> None:
        """Tell of servers that have come, or cannot be had."""
        for line in self._parts.servers.take_in():
            self._tell(line)

    # ── what is typed meanwhile ───────────────────────────────────────────────────────────────

    def _typed(self, text: str | None) -> None:
        if text is None or text.strip() in ("exit", "quit"):
            self._leave()
        elif text.strip():
            self._keep(text)

    def _leave(self) -> None:
        self._is_leaving = True
        if self.session.is_busy:
            self._tell("leaving when this is done; Ctrl-C stops it")

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
                        self._tell("commands of your own have to wait until it is done")
                    case given:
                        # Nothing can be asked meanwhile: what would be is not sent.
                        prompt = await self._writing.prompt(given, self._parts, None)
                        if prompt is not None:
                            await self.session.queue(prompt)
                            self._print(f"queued: {plain(text)}\n")
            except Exception as error:
                self._tell(f"error: {self._parts.explain(error)}")
            finally:
                self._entered.task_done()

    def _tell_waiting(self) -> None:
        waiting = self.session.inbox.waiting
        for one in waiting:
            self._print(f"parked: {plain(one.message.text)}\n")
        if waiting:
            self._print("(Enter sends what is parked, /back takes the last one back)\n")

    def _print(self, text: str) -> None:
        self._telling.print(text)

    def _tell(self, text: str) -> None:
        self._telling.say(text)
