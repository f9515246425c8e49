"""`ScreenHost`: slash commands in the full screen, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from axio.context import ContextStore
from axio_tui import tools
from axio_tui.app.screen_commands import screen_commands
from axio_tui.app.screens.pager import Pager
from axio_tui.app.screens.pick import PickScreen
from axio_tui.app.widgets.notice import LINES
from axio_tui.chat.builtin import BUILTIN
from axio_tui.chat.commands import (
    CommandFailed,
    Edit,
    Leave,
    Outcome,
    Pick,
    Send,
    SlashCommand,
    run,
)
from axio_tui.chat.composer import Command, parse
from axio_tui.chat.session import ChatSession

if TYPE_CHECKING:
    from axio_tools_local.workspace import Workspace
    from axio_tui.app.app import AgentApp
    from axio_tui.chat.asking import Asker
    from axio_tui.chat.library import Library
    from axio_tui.chat.models import Models
    from axio_tui.chat.providers import Providers
    from axio_tui.extensions import Extensions
    from axio_tui.place import Place
    from axio_tui.server_tools import ServerTools

__all__ = ("ScreenHost",)


class ScreenHost:
    """The `Host` of commands. Those with a screen of their own open it, if nothing more is said."""

    def __init__(self, app: AgentApp) -> None:
        self._app = app
        tools.status_line_callback = app.status.doing
        self.commands: Mapping[str, SlashCommand] = {}
        self.add({**BUILTIN, **screen_commands(app)})

    def add(self, commands: Mapping[str, SlashCommand]) -> None:
        """Take these in, which are known only now. The way out stays the last of all."""
        known = {**self.commands, **commands}
        way_out = known.pop("quit")
        self.commands = {**known, "quit": way_out}

    @property
    def session(self) -> ChatSession:
        return self._app.session

    @property
    def workspace(self) -> Workspace:
        place = self._app.opened.place
        return self._app.opened.workspace if place is None else place.files

    @property
    def library(self) -> Library:
        return self._app.opened.library

    @property
    def models(self) -> Models:
        models = self._app.opened.models
        if models is None:
            raise CommandFailed("there is one model here")
        return models

    @property
    def providers(self) -> Providers:
        providers = self._app.opened.providers
        if providers is None:
            raise CommandFailed("there is nothing to set up here")
        return providers

    @property
    def asker(self) -> Asker:
        from axio_tui.app.asker import ScreenAsker

        return ScreenAsker(self._app)

    @property
    def servers(self) -> ServerTools:
        servers = self._app.opened.servers
        if servers is None:
            raise CommandFailed("there are no MCP servers here")
        return servers

    @property
    def extensions(self) -> Extensions | None:
        return self._app.opened.extensions

    @property
    def place(self) -> Place:
        if self._app.opened.place is None:
            raise CommandFailed("the tools stay where they are here")
        return self._app.opened.place

    @property
    def system_parts(self) -> Mapping[str, str]:
        return self._app.opened.system_parts or {"system prompt": self.session.agent.system}

    def make(self, store: ContextStore) -> ChatSession:
        return self._app.opened.make(store)

    async def show(self, session: ChatSession) -> None:
        await self._app.show_session(session)

    async def call(self, command: Command) -> None:
        """Do what a command says, and show what comes of it."""
        app = self._app
        before = app.session.conversation
        try:
            outcome = await run(self, command.name, command.arguments)
        except CommandFailed as error:
            app.say(str(error))
            return
        finally:
            if app.session.conversation is not before:
                app.transcript.show(app.session.conversation)
            app.refresh_lines()
        await self._take(outcome, f"/{command.name}")

    async def _take(self, outcome: Outcome, title: str) -> None:
        app = self._app
        match outcome:
            case str():
                if outcome.count("\n") < LINES:
                    app.say(outcome)
                else:
                    app.push_screen(Pager(title, outcome))
            case Pick():
                app.push_screen(PickScreen(outcome), self._picked)
            case Send(prompt=prompt):
                await app.runs.send(app.session, prompt)
            case Edit(text=text, said=said, message=message):
                if message is not None:
                    app.composer.pastes.learn(message)
                app.composer.load(text)
                app.transcript.follow()
                app.say(said)
            case Leave():
                app.action_leave()

    async def _picked(self, line: str | None) -> None:
        if line is not None and isinstance(command := parse(line), Command):
            await self.call(command)
