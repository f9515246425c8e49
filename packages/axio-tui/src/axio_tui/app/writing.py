"""`Writing`: what the composer offers and what becomes of its texts, for the application."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from axio.blocks import ContentBlock, TextBlock
from axio_tui.app.keys import hint
from axio_tui.chat.attached import typed_in
from axio_tui.chat.composer import Shell, Words
from axio_tui.chat.prompt_history import PromptHistory
from axio_tui.config.paths import data_folder

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp
    from axio_tui.chat.shell_escape import Ran

__all__ = ("Writing",)

_SHOWN_OUTPUT = 8  # lines of a command that runs
_EVERY = 0.1  # seconds between two paintings of them
_USUAL = ("/model", "/new", "/resume", "/compact", "/fork", "/rewind")


def _usage(line: str) -> int:
    """The commands that are called most come first."""
    return _USUAL.index(line) if line in _USUAL else len(_USUAL)


class Writing:
    """Texts of the person, before they are sent. `app` shows what is said about them."""

    def __init__(self, app: AgentApp) -> None:
        self._app = app
        self.history = PromptHistory(data_folder() / "prompts", os.getcwd())
        self._unkept: list[str] = []
        """Of a conversation of which nothing is kept."""
        self._command: asyncio.Task[Ran] | None = None

    # ── what is offered ───────────────────────────────────────────────────────────────────────

    async def lines(self, text: str) -> list[tuple[str, str]]:
        """The commands that may be meant, each with its help."""
        await self._app.ready.wait()
        if not self._app.is_open:
            return []
        from axio_tui.chat.commands import completions

        found = await completions(self._app.host, text)
        return [(line, self._help(line)) for line in sorted(found, key=_usage)]

    def _help(self, line: str) -> str:
        command = self._app.host.commands.get(line[1:])
        return "" if command is None else f"{command.arguments} {command.help}".strip()

    async def recall(self) -> list[str]:
        """The prompts of this project, oldest first."""
        return [*await asyncio.to_thread(self.history.read), *self._unkept]

    async def remember(self, kept: str) -> None:
        if not self._app.opened.library.is_kept:
            self._unkept.append(kept)
            return
        with suppress(OSError):  # a disk that is full costs no prompt
            await asyncio.to_thread(self.history.add, kept)

    async def take_back(self) -> str | None:
        """The newest prompt that waits, to be edited."""
        if not self._app.is_open:
            return None
        message = None
        with self._app.telling():
            message = await self._app.session.inbox.take_back()
        self._app.refresh_lines()
        if message is None:
            return None
        self._app.composer.pastes.learn(message)
        return typed_in(message)

    # ── what is sent ──────────────────────────────────────────────────────────────────────────

    async def content(self, words: Words) -> list[ContentBlock] | None:
        """The words, and the files that they mention; None if they are not to be sent."""
        from axio_tui.chat.attached import drawn
        from axio_tui.chat.mentions import MentionRefused, attach
        from axio_tui.chat.sight import can_see, check_pictures, words_of_refusal

        transport = self._app.session.agent.transport
        try:
            check_pictures(words.pictures, transport)
            found = await attach(
                words.mentions, os.getcwd(), can_see=can_see(transport), agree=self._agree
            )
        except MentionRefused as error:
            self._app.say(await words_of_refusal(error, self._app.opened.models))
            return None
        if found.notes:
            self._app.say("\n".join(found.notes))
        return [TextBlock(words.text), *found.blocks, *drawn(words.pictures)]

    async def _agree(self, question: str) -> bool:
        from axio_tui.app.asker import answer_of
        from axio_tui.app.screens.ask import Ask

        return await answer_of(self._app, Ask(question, {"y": "send it", "n": "do not"})) == "y"

    # ── commands of the person's own ──────────────────────────────────────────────────────────

    async def run(self, shell: Shell) -> Ran | None:
        """Run a command and show its output; None if it was stopped, or could not be started."""
        if self._command is not None:
            self._app.say(f"a command runs already: {hint(self._app, 'stop', 'stops it')}")
            return None
        from axio_tui.chat.shell_escape import run_command

        shown: deque[str] = deque(maxlen=_SHOWN_OUTPUT)
        command = asyncio.create_task(run_command(shell.command, os.getcwd(), shown.append))
        self._command = command
        stops = hint(self._app, "stop", "stops it")
        try:
            while not command.done():
                words = f"$ {shell.command} ({stops})\n{''.join(shown)}"
                if words.strip() != self._app.notice.text:
                    self._app.say(words)
                await asyncio.wait([command], timeout=_EVERY)
        finally:
            self._command = None
            command.cancel()
            await asyncio.wait([command])  # until nothing of it is alive
        if command.cancelled():
            self._app.say(f"stopped: $ {shell.command}")
            return None
        try:
            ran = command.result()
        except (OSError, ValueError) as error:
            self._app.say(f"the command could not be started: {error}")
            return None
        self._app.say("")
        return ran

    def stop(self) -> bool:
        """Stop the command that runs; False if none does."""
        return self._command is not None and self._command.cancel()
