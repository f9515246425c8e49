"""`AgentApp`: the application of the full screen, over one conversation at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.driver import Driver
from textual.timer import Timer

from axio_tui.app.actions import Actions
from axio_tui.app.crash import report_crash
from axio_tui.app.driver import TerminalDriver
from axio_tui.app.keys import KEYS, keymap
from axio_tui.app.opening import Open, Opened, usual
from axio_tui.app.widgets.activity import Activity
from axio_tui.app.widgets.composer import Composer
from axio_tui.app.widgets.notice import Notice
from axio_tui.app.widgets.queue import QueueLines
from axio_tui.app.widgets.status import StatusLine
from axio_tui.chat.composer import Command, Input, Shell, Words

if TYPE_CHECKING:  # a first frame needs nothing of it
    from axio.events import StreamEvent
    from axio_tui.app.widgets.question import QuestionBar
    from axio_tui.app.widgets.transcript import Transcript
    from axio_tui.chat.questions import Questions
    from axio_tui.chat.session import ChatSession
    from axio_tui.chat.shell_escape import Ran
    from axio_tui.logs import RecentLog

__all__ = ("AgentApp",)

_LEAVING = ("exit", "quit")


class AgentApp(Actions):
    """`open` gives what it works with, once the first frame is on the screen; `ready` is set then.

    `failure` is the reason why that could not be had, and the application has ended.
    """

    TITLE = "axio"
    CSS_PATH = Path(__file__).with_name("theme.tcss")
    BINDINGS: ClassVar[list[BindingType]] = KEYS
    NOTIFICATION_TIMEOUT = 4

    def __init__(
        self,
        open: Open | None = None,
        *,
        theme: str = "",
        is_ascii: bool = False,
        keys: Mapping[str, Sequence[str]] = MappingProxyType({}),
        log: RecentLog | None = None,
        notify: str = "bell",
        typed_ahead: str = "",
    ) -> None:
        super().__init__()
        self._notify_how = notify
        self._typed_ahead = typed_ahead
        self.log_kept = log
        self.keys = keys
        self._open = usual() if open is None else open
        self._wanted_theme = theme
        self.is_ascii = is_ascii
        self.ready = asyncio.Event()
        self.failure: BaseException | None = None
        self.crash_words = ""
        self.opened: Opened
        self.session: ChatSession
        self.life: asyncio.Task[None] | None = None
        self._is_to_close = asyncio.Event()
        self._inputs: asyncio.Queue[Composer.Sent] = asyncio.Queue()
        self.questions: Questions[Any]
        self.question_bar: QuestionBar
        self.stage = Vertical(id="stage")
        self.activity = Activity(is_ascii=is_ascii)
        self.queue_lines = QueueLines()
        self.notice = Notice()
        self.composer = Composer()
        self.status = StatusLine(is_ascii=is_ascii)
        self._ticking: Timer | None = None
        self._is_new_below = False

    def compose(self) -> ComposeResult:
        yield self.stage
        yield self.activity
        yield self.queue_lines
        yield self.notice
        yield self.composer
        yield self.status

    def get_driver_class(self) -> type[Driver]:
        usual = super().get_driver_class()
        return TerminalDriver if issubclass(TerminalDriver, usual) else usual

    # ── beginning and end ─────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        if self._wanted_theme in self.available_themes:
            self.theme = self._wanted_theme
        self.set_keymap(keymap(self.keys))
        self.set_class(self.is_ascii, "-ascii-borders")
        self.status.tell(os.getcwd())
        self._ticking = self.set_interval(1, self._tick, pause=True)
        self.composer.focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self._typed_ahead:
            self.composer.write(self._typed_ahead.rstrip("\n"))
        self.life = asyncio.create_task(self._live())

    async def _live(self) -> None:
        """Have all parts open until the application closes."""
        try:
            await self._complete()
            async with self._open(self.questions.ask, self.say) as self.opened:
                from axio_tui.chat.entries import Note
                from axio_tui.chat.skills import skill_commands

                self.host.add(skill_commands(self.opened.skills, taken=self.host.commands))
                await self.show_session(self.opened.first)
                for problem in self.opened.problems:  # told before the screen was there
                    self.session.conversation.note(Note("configuration", problem))
                self.arrivals.begin()
                self.refresh_lines()
                self.ready.set()
                inputs = asyncio.create_task(self._take_inputs())
                try:
                    await self._is_to_close.wait()
                finally:
                    inputs.cancel()
                    self.questions.refuse_all()
                    await self.runs.close(self.session)
                    await self.session.close()
        except Exception as error:
            self.failure = error
            self.exit(return_code=1)
        finally:
            self.ready.set()

    async def _complete(self) -> None:
        """The parts that the first frame does without: importing them takes longest."""
        from axio_tui.app.agent_lines import agent_line
        from axio_tui.app.arrivals import Arrivals
        from axio_tui.app.host import ScreenHost
        from axio_tui.app.runs import Runs
        from axio_tui.app.widgets.question import QuestionBar
        from axio_tui.app.widgets.transcript import Transcript
        from axio_tui.app.writing import Writing
        from axio_tui.chat.file_index import FileIndex
        from axio_tui.chat.questions import Questions

        self.arrivals = Arrivals(self)
        self.runs = Runs(
            on_event=self._on_event,
            on_change=self.refresh_lines,
            on_error=self.tell_error,
            budget=lambda: self.opened.budget(),
            waits_for=self.arrivals,
            on_end=lambda: self._call_back("the run has ended"),
        )
        self.host = ScreenHost(self)
        self.transcript = Transcript(is_ascii=self.is_ascii, id="transcript")
        self.questions = Questions(self.transcript.place_of)
        self.transcript.agents_of = lambda call: [
            agent_line(self.session.conversation, agent) for agent in call.agents
        ]
        self.question_bar = QuestionBar(self.questions, self.composer, waiting=self._undecided)
        self.question_bar.call_back = self._call_back
        self.writing = Writing(self)
        self.composer.lines = self.writing.lines
        self.composer.take_back = self.writing.take_back
        self.composer.recall = self.writing.recall
        self.composer.know(FileIndex(os.getcwd()))
        await self.stage.mount(self.transcript)
        await self.mount(self.question_bar, before=self.composer)
        self.is_complete = True

    async def close(self) -> None:
        """After the screen is gone: stop what runs, and close all parts."""
        self._is_to_close.set()
        if self.life is not None:
            await self.life

    def parting_words(self, what: str) -> str:
        """The words that stay in the terminal."""
        from axio_tui.app.leaving import parting_words

        if not self.is_open:
            return ""
        return parting_words(
            self.session.conversation.entries,
            self.session.store.session_id,
            what,
            is_kept=self.opened.library.is_kept,
        )

    async def show_session(self, session: ChatSession) -> None:
        """Open a conversation, close the one before, and show it."""
        from axio.exceptions import SessionBusy
        from axio_tui.chat.crash_note import note_crash

        before = getattr(self, "session", None)
        try:
            await session.open(seen=lambda: self.transcript.show_first(session.conversation))
        except SessionBusy as error:
            from axio_tui.app.in_use import instead_of

            other = await instead_of(self, session, error, before)
            if other is before:
                return
            session = other
        if before is not None and before is not session:
            await self.runs.close(before)
            await before.close()
        self.session = session
        self.is_open = True
        await note_crash(session)
        self.transcript.show_rest(session.conversation)
        draft = await session.draft()
        if draft and self.composer.is_empty:  # what was typed meanwhile stays
            self.composer.pastes.know(session.drawn)
            self.composer.load(draft)
        self.refresh_lines()

    async def change_to(self, session: ChatSession) -> None:
        """Go on with another conversation, as the person has chosen it."""
        with self.telling():
            await self.show_session(session)

    def _handle_exception(self, error: Exception) -> None:
        """A fault of the application: a report without values of variables, and exit status 1."""
        if self.foreign is not None and self.foreign.has_failed(error):
            return
        self._return_code = 1
        if not self.crash_words:
            self._exception = error  # raised again in a test
            self.crash_words = report_crash(error, self.secrets)
        self._close_messages_no_wait()

    def _fatal_error(self) -> None:
        """Never with the values of variables."""
        self._return_code = 1
        self.crash_words = self.crash_words or "the application has failed"
        self._close_messages_no_wait()

    # ── runs ──────────────────────────────────────────────────────────────────────────────────

    def _on_event(self, event: StreamEvent) -> None:
        if self.transcript.is_behind and not self._is_new_below:
            self._is_new_below = True
            self._tell_activity()
        self.transcript.touch()
        if self.queue_lines.display:  # a prompt that steers may be before the model now
            self.queue_lines.tell(self.session.inbox.waiting)
        if len(self.screen_stack) > 1 and hasattr(self.screen, "touch"):
            self.screen.touch()

    def _call_back(self, words: str) -> None:
        from axio_tui.app.calling import call_back

        call_back(self, self._notify_how, words)

    def _tick(self) -> None:
        """Once a second while a run goes on."""
        self.transcript.tick()
        self._tell_activity()
        self._tell_status()

    def refresh_lines(self) -> None:
        """Say in the lines around the composer how things stand."""
        if not self.is_open or not self.is_running:
            return
        if self._ticking is not None:
            (self._ticking.resume if self.runs.is_busy else self._ticking.pause)()
        (self.transcript.touch if self.runs.is_busy else self.transcript.paint)()
        self.queue_lines.tell(self.session.inbox.waiting)
        self._tell_activity()
        self._tell_status()

    def _tell_activity(self) -> None:
        since = self.runs.began if self.runs.is_busy else None
        if not self.transcript.is_behind:
            self._is_new_below = False
        words = self.arrivals.words if self.runs.is_waiting or since is None else ""
        self.activity.tell(since, words, self.transcript.is_behind, self._is_new_below)

    def _tell_status(self) -> None:
        from axio_tui.app.status_words import status_words

        words = status_words(self.session, self.opened.title(), self.opened.sandbox)
        self.status.tell(*words.parts, is_busy=self.runs.is_busy)
        self.status.set_classes(words.classes)

    def _undecided(self) -> int:
        permissions = self.session.permissions if self.is_open else None
        return 0 if permissions is None else permissions.waiting

    # ── what is typed ─────────────────────────────────────────────────────────────────────────

    def on_composer_submitted(self, message: Composer.Submitted) -> None:
        self._inputs.put_nowait(message)
        if not self.is_open:
            self.queue_lines.ahead(message.kept)
            self.activity.tell(None, "starting", False, False)

    def on_composer_steered(self, message: Composer.Steered) -> None:
        self._inputs.put_nowait(message)

    async def _take_inputs(self) -> None:
        """Do what is sent, one after the other, also what came before all parts were there."""
        while True:
            message = await self._inputs.get()
            self.notice.say("")
            with self.telling():
                await self.writing.remember(message.kept)
                await self._sent(message.input, isinstance(message, Composer.Steered))

    async def _sent(self, input: Input, steers: bool) -> None:
        match input:
            case Words(text=text) if text.strip().lower() in _LEAVING:
                self.action_leave()
            case Words():
                self.transcript.follow()
                await self._send_words(input, steers)
            case Shell():
                self._run_shell(input)
            case Command() as command:
                await self.host.call(command)

    async def _send_words(self, words: Words, steers: bool) -> None:
        content = await self.writing.content(words)
        if content is None:
            self.composer.give_back(words.text)
        else:
            send = self.runs.steer if steers else self.runs.send
            await send(self.session, content, lambda: self.composer.give_back(words.text))

    @work(group="shell")
    async def _run_shell(self, shell: Shell) -> None:
        with self.telling():
            if (ran := await self.writing.run(shell)) is not None:
                await self._show_ran(ran, shell.is_shared)

    async def _show_ran(self, ran: Ran, is_shared: bool) -> None:
        self.transcript.follow()
        if is_shared:
            await self.runs.send(self.session, ran.for_model())
        elif self.runs.is_busy:
            self.say(ran.for_person())
        else:
            from axio_tui.chat.entries import Note

            await self.session.note(Note("shell", ran.for_person()))
            self.refresh_lines()

    def on_composer_sent_nothing(self) -> None:
        if self.is_open and self.session.inbox.waiting:
            self.transcript.follow()
            self.runs.send_parked(self.session)

    async def on_composer_draft_changed(self, message: Composer.DraftChanged) -> None:
        if self.is_open:
            with self.telling():
                await self.session.keep_draft(message.kept, message.pictures)

    def on_composer_said(self, message: Composer.Said) -> None:
        self.say(message.words)

    # ── what the transcript says ──────────────────────────────────────────────────────────────

    def on_transcript_left(self) -> None:
        self.composer.focus()

    def on_transcript_moved(self) -> None:
        self._tell_activity()

    async def on_transcript_detail(self, message: Transcript.Detail) -> None:
        """A call is shown whole; one with agents shows what the first of them does."""
        from axio_tui.app.agent_lines import agents_of
        from axio_tui.app.screen_commands import open_agent
        from axio_tui.app.screens.tool_detail import tool_detail

        for at in agents_of(self.session.conversation) if self.is_open else ():
            if message.of_agents and at.call_id == message.call.call_id:
                await open_agent(self, at)
                return
        self.push_screen(tool_detail(message.call))
