"""Commands that have a screen of their own here; with more words they do as everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from axio_tui.app.agent_lines import AgentAt, agent_line, agents_of, live
from axio_tui.chat.builtin import BUILTIN, permissions_of
from axio_tui.chat.commands import CommandFailed, Host, Outcome, SlashCommand
from axio_tui.chat.composer import Command

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp

__all__ = ("open_agent", "screen_commands")


def screen_commands(app: AgentApp) -> Mapping[str, SlashCommand]:
    """The commands that open screens of the application."""

    def own(name: str, show: Callable[[AgentApp], Awaitable[str | None]]) -> SlashCommand:
        known = BUILTIN[name]

        async def run(host: Host, arguments: str) -> Outcome:
            if arguments:
                return await known.run(host, arguments)
            return await show(app) or ""

        return SlashCommand(name, known.arguments, known.help, run, known.complete, known.any_time)

    async def tasks(host: Host, arguments: str) -> Outcome:
        await _tasks(app)
        return ""

    commands = [
        own("resume", _sessions),
        own("rewind", _rewind),
        own("permissions", _permissions),
        own("model", _models),
        own("plugins", _plugins),
        own("mcp", _servers),
        SlashCommand("tasks", "", "the agents that work for this conversation", tasks, None, True),
    ]
    return {command.name: command for command in commands}


async def _sessions(app: AgentApp) -> None:
    from axio_tui.app.screens.sessions import Choice, SessionsScreen

    async def chosen(choice: Choice | None) -> None:
        if choice is None:
            return
        what, session_id = choice
        session = app.opened.make(await app.opened.library.store(session_id))
        # Not in the queue of the screen, which has to paint meanwhile.
        app.run_worker(app.change_to(await session.fork() if what == "fork" else session))

    current = app.session.store.session_id
    app.push_screen(SessionsScreen(app.opened.library, current), chosen)


async def _rewind(app: AgentApp) -> None:
    from axio_tui.app.screens.rewind import RewindScreen, what_question

    points = await app.session.points()
    if not points:
        raise CommandFailed("there is nothing to go back to")

    def chosen(number: int | None) -> None:
        async def what(key: str | None) -> None:
            words = {"c": "conversation", "f": "files", "b": "both"}
            if key is not None:
                await app.host.call(Command("rewind", f"{number} {words[key]}"))

        if number is not None:
            app.push_screen(what_question(), what)

    app.push_screen(RewindScreen(points), chosen)


async def _permissions(app: AgentApp) -> None:
    from axio_tui.app.screens.permissions import PermissionsScreen

    permissions = permissions_of(app.host)
    app.push_screen(PermissionsScreen(permissions, app.session.store.session_id))


async def _servers(app: AgentApp) -> None:
    from axio_tui.app.screens.servers import ServersScreen

    app.push_screen(ServersScreen(app.host.servers))


async def _models(app: AgentApp) -> None:
    from axio.transport import model_of
    from axio_tui.app.screens.models import ModelsScreen
    from axio_tui.chat.models import Role

    async def chosen(choice: tuple[Role, str] | None) -> None:
        if choice is not None:
            await app.host.call(Command("model", " ".join(choice)))

    model = model_of(app.session.agent.transport)
    app.push_screen(ModelsScreen(app.host.models.offers, model.id if model else ""), chosen)


async def _plugins(app: AgentApp) -> str:
    from axio_tui.app.plugin_screens import show_plugins

    return await show_plugins(app)


async def _tasks(app: AgentApp) -> None:
    from axio_tui.app.screens.agents import TasksScreen

    def find() -> list[tuple[AgentAt, str]]:
        conversation = app.session.conversation
        return [
            (at, f"{agent_line(conversation, at.agent)}{', works' * at.is_running}")
            for at in agents_of(conversation)
        ]

    def stop(call_id: str) -> bool:
        subagents = app.opened.subagents
        return subagents is not None and subagents.stop(call_id)

    async def chosen(at: AgentAt | None) -> None:
        if at is not None:
            await open_agent(app, at)

    app.push_screen(TasksScreen(find, stop), chosen)


async def open_agent(app: AgentApp, at: AgentAt) -> None:
    """Show the transcript of an agent: as it grows, or as it is kept."""
    from axio_tui.app.screens.agents import AgentScreen

    conversation = live(app.session.conversation, at.agent)
    if conversation is None:
        session = app.opened.make(app.session.beside(at.agent.session_id))
        await session.load()
        conversation = session.conversation
    app.push_screen(AgentScreen(at.agent.name, conversation, is_ascii=app.is_ascii))
