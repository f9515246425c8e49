"""The actions that the keys of the application stand for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, get_args

from textual.actions import SkipAction
from textual.app import App, SystemCommand
from textual.screen import Screen

from axio_tui.app.keys import EARLY, MAIN_ONLY, hint
from axio_tui.app.widgets.composer import Composer
from axio_tui.app.widgets.notice import Notice
from axio_tui.chat.composer import Command
from axio_tui.harmless import one_line

if TYPE_CHECKING:  # a first frame needs nothing of it
    from axio_tui.app.foreign import Foreign
    from axio_tui.app.host import ScreenHost
    from axio_tui.app.opening import Opened
    from axio_tui.app.runs import Runs
    from axio_tui.app.widgets.question import QuestionBar
    from axio_tui.app.widgets.transcript import Transcript
    from axio_tui.app.writing import Writing
    from axio_tui.chat.mentions import MentionRefused
    from axio_tui.chat.session import ChatSession
    from axio_tui.logs import RecentLog

__all__ = ("Actions",)

_TWICE = 0.6  # seconds between two presses that belong together


class Actions(App[None]):
    """They act on the parts of the application, which it sets."""

    session: ChatSession
    opened: Opened
    runs: Runs
    writing: Writing
    host: ScreenHost
    transcript: Transcript
    question_bar: QuestionBar
    composer: Composer
    notice: Notice
    ready: asyncio.Event
    """Set once there is a session, or none can be had."""
    log_kept: RecentLog | None
    foreign: Foreign | None = None
    """The screen of a plug-in that is shown."""
    is_complete = False
    """True once all parts are there."""
    is_open = False
    """True once there is a session."""
    _escaped = 0.0
    _has_mouse = True

    def refresh_lines(self) -> None:
        """Say in the lines around the composer how things stand."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Tell the person something, until they go on."""
        self.notice.say(text)

    def tell_error(self, error: BaseException) -> None:
        from axio.exceptions import SessionLost
        from axio_tui.chat.mentions import MentionRefused
        from axio_tui.errors import explain

        if isinstance(error, MentionRefused):
            self.run_worker(self._tell_refusal(error))
            return
        hint = "; /fork goes on in a copy of it" if isinstance(error, SessionLost) else ""
        self.say(f"error: {explain(error, self.session.agent.transport)}{hint}")

    async def _tell_refusal(self, error: MentionRefused) -> None:
        from axio_tui.chat.sight import words_of_refusal

        self.say(await words_of_refusal(error, self.opened.models))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell an error of what is done inside: a store that is full, or lost to another program,
        ends no application."""
        try:
            yield
        except Exception as error:
            self.tell_error(error)

    async def _call(self, command: Command) -> None:
        with self.telling():
            await self.host.call(command)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in MAIN_ONLY:
            is_early = not self.is_complete and action not in EARLY
            if is_early or len(self.screen_stack) > 1:
                return False
        return super().check_action(action, parameters)

    def action_escape(self) -> None:
        """Refuse the question that stands, else stop the run; twice when nothing goes on: choose a
        prompt to go back to."""
        if self.writing.stop() or self.question_bar.refuse():
            return
        if self.runs.is_busy:
            self.runs.stop(self.session)
            self._escaped = 0.0
            return
        self.notice.say("")
        now = time.monotonic()
        if now - self._escaped < _TWICE and self.composer.is_empty and self.is_open:
            self._escaped = 0.0
            self.run_worker(self._call(Command("rewind")))
        else:
            self._escaped = now

    async def _once_open(self, act: Callable[[], object]) -> None:
        await self.ready.wait()
        if self.is_open:
            act()

    def action_next_mode(self) -> None:
        if not self.is_open:  # a key that came early counts all the same
            self.run_worker(self._once_open(self.action_next_mode))
        elif (permissions := self.session.permissions) is not None:
            from axio_tui.chat.permissions import Mode

            modes: tuple[Mode, ...] = get_args(Mode)
            permissions.mode = modes[(modes.index(permissions.mode) + 1) % len(modes)]
            self.refresh_lines()

    def action_select_entry(self, by: int) -> None:
        self.transcript.action_select(by)

    def action_toggle_calls(self) -> None:
        self.transcript.toggle_all()

    def action_scroll_page(self, by: int) -> None:
        self.transcript.action_page(by)

    def action_follow(self) -> None:
        if not self.composer.is_empty and self.composer.has_focus_within:
            raise SkipAction
        self.transcript.follow()

    def action_follow_always(self) -> None:
        self.transcript.follow()

    def action_to_top(self) -> None:
        self.transcript.scroll_home(animate=False)

    def action_clear_view(self) -> None:
        self.transcript.clear_view()

    async def action_rename(self) -> None:
        from axio_tui.app.screens.rename import Rename

        async def renamed(name: str | None) -> None:
            if name is not None:
                await self.host.call(Command("rename", name))

        if self.is_open:
            name = await self.host.library.name(self.session.store.session_id)
            await self.push_screen(Rename(name or ""), renamed)

    def action_log(self) -> None:
        from axio_tui.app.screens.log import LogScreen
        from axio_tui.logs import RecentLog

        self.push_screen(LogScreen(self.log_kept or RecentLog(), self.secrets))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that are shown nowhere."""
        transport = self.session.agent.transport if self.is_open else None
        key = getattr(transport, "api_key", None)
        return (str(key),) if key else ()

    def action_toggle_mouse(self) -> None:
        driver: Any = self._driver
        self._has_mouse = not self._has_mouse
        name = "_enable_mouse_support" if self._has_mouse else "_disable_mouse_support"
        getattr(driver, name, lambda: None)()
        told = "the application takes the mouse" if self._has_mouse else "the mouse is free"
        self.say("; ".join(filter(None, [told, hint(self, "mouse", "changes it")])))

    def action_copy_or_stop(self) -> None:
        focused = self.focused
        text = getattr(focused, "selected_text", "") or self.screen.get_selected_text()
        if text:
            self.copy_to_clipboard(text.encode("utf-8", "replace").decode("utf-8"))
            self.screen.clear_selection()
            self.say("sent to the clipboard of the terminal")
        elif self.is_complete and self.writing.stop():
            pass
        elif self.is_complete and self.runs.is_busy:
            self.runs.stop(self.session)
        elif len(self.screen_stack) > 1:
            self.screen.dismiss(None)
        else:
            from axio_tui.app.screens.ask import QuitDialog

            self.push_screen(QuitDialog(), self._quit_answered)

    def _quit_answered(self, answer: bool | None) -> None:
        if answer:
            self.action_leave()

    def action_leave_if_empty(self) -> None:
        if not self.composer.is_empty:
            raise SkipAction
        self.action_leave()

    def action_leave(self) -> None:
        self.exit()

    def action_suspend(self) -> None:
        if os.getsid(0) == os.getpid():  # its terminal has nothing but it
            self.say("there is no shell to go back to")
            return
        with suppress(Exception):  # a terminal that cannot, such as one in a browser
            self.action_suspend_process()

    def action_help(self) -> None:
        from axio_tui.app.screens.help import help_on

        self.push_screen(help_on(self.screen))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The commands in the palette: those that slashes call, and themes."""
        if self.is_open:
            for command in self.host.commands.values():
                call = Command(command.name)
                yield SystemCommand(
                    f"/{command.name}",
                    one_line(command.help),
                    lambda call=call: self.run_worker(self._call(call)),
                )
        yield SystemCommand("Theme", "change the colours", self.action_change_theme)
