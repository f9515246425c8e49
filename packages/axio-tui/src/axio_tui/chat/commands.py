"""Slash commands: what they are, and how one is called. `axio_tui.chat.builtin` has the table.

    outcome = await run(host, "rename", "the parser")

`axio_tui.chat.composer.parse` tells a command from a prompt. What a command has to say is text of
others too: a front end makes it harmless before it shows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol, TypeAlias

from axio.context import ContextStore
from axio.exceptions import AxioError
from axio_tui.chat.session import ChatSession
from axio_tui.errors import CommandError

if TYPE_CHECKING:
    from axio.messages import Message
    from axio_tools_local.workspace import Workspace
    from axio_tui.chat.asking import Asker
    from axio_tui.chat.library import Library
    from axio_tui.chat.models import Models
    from axio_tui.chat.providers import Providers
    from axio_tui.extensions import Extensions
    from axio_tui.place import Place
    from axio_tui.server_tools import ServerTools

__all__ = (
    "CommandFailed",
    "Edit",
    "Host",
    "Leave",
    "Option",
    "Outcome",
    "Pick",
    "Send",
    "SlashCommand",
    "completions",
    "find",
    "help_of",
    "run",
)


class Host(Protocol):
    """A front end, as far as commands need it."""

    @property
    def session(self) -> ChatSession:
        """The conversation that is open."""

    @property
    def workspace(self) -> Workspace:
        """Where the tools work."""

    @property
    def library(self) -> Library:
        """The conversations that are kept here."""

    @property
    def models(self) -> Models:
        """The models that a conversation can go on with."""

    @property
    def providers(self) -> Providers:
        """The transports that can be set up here."""

    @property
    def asker(self) -> Asker:
        """The way to let the person choose and fill in."""

    @property
    def servers(self) -> ServerTools:
        """The MCP servers."""

    @property
    def extensions(self) -> Extensions | None:
        """The plug-ins that bring tools."""

    @property
    def place(self) -> Place:
        """The place that the tools can be moved from."""

    @property
    def system_parts(self) -> Mapping[str, str]:
        """The parts of the system prompt, by their names."""

    @property
    def commands(self) -> Mapping[str, SlashCommand]:
        """All that may be called here, by their names."""

    def make(self, store: ContextStore) -> ChatSession:
        """A session in the store, not opened yet."""

    async def show(self, session: ChatSession) -> None:
        """Open this conversation, close the one before, and go on with it."""


# ── what comes of a command ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Option:
    """One of several, and the command that takes it."""

    label: str
    command: str


@dataclass(frozen=True, slots=True)
class Pick:
    """The person has to choose. In lines the options are numbered, and `usage` says how to go on;
    a full screen lets them be pointed at."""

    title: str
    options: Sequence[Option]
    usage: str


@dataclass(frozen=True, slots=True)
class Send:
    """A prompt for the model."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` goes into the line that is typed; `said` tells what was done. A prompt that comes back
    is `message`, for the pictures in it."""

    text: str
    said: str
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """The person wants to go."""


Outcome: TypeAlias = str | Pick | Send | Edit | Leave
"""A text is to be shown."""


class CommandFailed(Exception):
    """A command could not do what was asked for; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One entry of the table.

    `arguments` is how the help writes them. `complete` gives the first words that may follow. A
    command that is not `any_time` has to wait until no run goes on.
    """

    name: str
    arguments: str
    help: str
    run: Callable[[Host, str], Awaitable[Outcome]]
    complete: Callable[[Host], Awaitable[Iterable[str]]] | None = None
    any_time: bool = False


# ── from a name to a command ──────────────────────────────────────────────────────────────────


async def run(host: Host, name: str, arguments: str = "") -> Outcome:
    """Do what a command says. Raises `CommandFailed` for one that is not there, or cannot."""
    command = find(host.commands, name.lower())
    if host.session.is_busy and not command.any_time:
        raise CommandFailed(f"/{command.name} has to wait until the answer is there, or stopped")
    try:
        return await command.run(host, arguments.strip())
    except (ValueError, LookupError, RuntimeError, OSError, AxioError, CommandError) as error:
        raise CommandFailed(str(error)) from error


def find(commands: Mapping[str, SlashCommand], name: str) -> SlashCommand:
    """The command of this name. Raises `CommandFailed`, naming those that look like it."""
    if name in commands:
        return commands[name]
    near = [f"/{one}" for one in commands if one.startswith(name)]
    near += [f"/{one}" for one in get_close_matches(name, commands, n=3, cutoff=0.5)]
    hint = f"is it {', '.join(dict.fromkeys(near))}?" if near else "/help lists them"
    raise CommandFailed(f"no such command: /{name}; {hint} (// sends a prompt with a slash)")


async def completions(host: Host, text: str) -> list[str]:
    """The lines that `text`, which begins with a slash, may become."""
    name, blank, argument = text[1:].partition(" ")
    if not blank:
        return [f"/{one}" for one in host.commands if one.startswith(name.lower())]
    command = host.commands.get(name.lower())
    if command is None or command.complete is None:
        return []
    words = await command.complete(host)
    return [f"/{name} {word}" for word in words if word.startswith(argument.lstrip())]


def help_of(commands: Mapping[str, SlashCommand]) -> str:
    """All commands, a line each."""
    heads = {one.name: f"/{one.name} {one.arguments}".rstrip() for one in commands.values()}
    width = max(map(len, heads.values()))
    return "\n".join(f"{heads[one.name]:<{width}}  {one.help}" for one in commands.values())
