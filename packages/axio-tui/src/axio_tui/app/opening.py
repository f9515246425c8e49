"""From the options of the command to all that the application works with, while it is open."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # a first frame needs nothing of it
    from axio.budget import Budget
    from axio.context import ContextStore
    from axio_tools_local.workspace import Workspace
    from axio_tui.app.server_person import ServerPerson
    from axio_tui.chat.library import Library
    from axio_tui.chat.models import Models
    from axio_tui.chat.permissions import Ask
    from axio_tui.chat.providers import Providers
    from axio_tui.chat.session import ChatSession
    from axio_tui.chat.skills import Skill
    from axio_tui.chat.subagents import SubAgents
    from axio_tui.extensions import Extensions
    from axio_tui.place import Place
    from axio_tui.server_tools import ServerTools

__all__ = ("Open", "Opened", "opening", "usual")


@dataclass(frozen=True, slots=True)
class Opened:
    """`first` is the conversation to begin with, not opened yet; `make` makes others, in a store of
    `library` or any other. `title` names where the model is, `budget` limits one prompt. `problems`
    tell what was wrong in the configuration. `servers` are those of MCP, and
    `place` is where the tools work."""

    first: ChatSession
    make: Callable[[ContextStore], ChatSession]
    library: Library
    workspace: Workspace
    title: Callable[[], str]
    budget: Callable[[], Budget | None] = lambda: None
    models: Models | None = None
    subagents: SubAgents | None = None
    system_parts: Mapping[str, str] | None = None
    skills: Mapping[str, Skill] = field(default_factory=dict)
    problems: Sequence[str] = ()
    servers: ServerTools | None = None
    extensions: Extensions | None = None
    """The plug-ins that bring tools."""
    providers: Providers | None = None
    place: Place | None = None

    @property
    def sandbox(self) -> str:
        """The name of the place."""
        return "none" if self.place is None else self.place.sandbox


Open: TypeAlias = "Callable[[Ask, Callable[[str], object]], AbstractAsyncContextManager[Opened]]"
"""Given the way to ask the person, and a way to tell them something in a line."""


def opening(args: argparse.Namespace, person: ServerPerson | None = None) -> Open:
    """All that the options name. Nothing is imported for it before it is opened: the first frame is
    on the screen by then. `person` answers the questions of MCP servers."""

    @asynccontextmanager
    async def opened(ask: Ask, say: Callable[[str], object]) -> AsyncIterator[Opened]:
        from axio_tui.choose import OFFLINE
        from axio_tui.equip import equipped
        from axio_tui.kept import library_for, store_for
        from axio_tui.limits import budget_of
        from axio_tui.server_tools import NOBODY

        def tell(words: str) -> None:
            if not words.startswith("using "):  # the status line says so
                say(words)

        patience = args.config["servers_wait"]
        asks = NOBODY if person is None else person.asks
        async with (
            equipped(
                args,
                ask,
                tell,
                keeps=True,
                servers=asks,
                patience=patience,
                shows_status=True,
            ) as parts,
            library_for(args, say) as library,
        ):
            models = parts.models

            def title() -> str:
                is_offline = models.choice.name == OFFLINE
                return "offline model" if is_offline else models.choice.title

            first = parts.session(await store_for(args, library, say))
            yield Opened(
                first,
                parts.session,
                library,
                parts.workspace,
                title,
                budget=lambda: budget_of(args),
                models=models,
                subagents=parts.subagents,
                system_parts=parts.system_parts,
                skills=parts.skills,
                problems=[problem.text for problem in args.config.problems],
                servers=parts.servers,
                extensions=parts.extensions,
                providers=parts.providers,
                place=parts.place,
            )

    return opened


def usual() -> Open:
    """All that `axio` opens without options. What a folder brings is not used, if it is not trusted
    already."""

    @asynccontextmanager
    async def opened(ask: Ask, say: Callable[[str], object]) -> AsyncIterator[Opened]:
        from pathlib import Path

        from axio_tui.args import build_parser
        from axio_tui.chat.trust import trusted_project
        from axio_tui.config.load import configure

        args = build_parser().parse_args([])
        args.project = trusted_project(Path.cwd())
        configure(args, lambda words: None, args.project.configs)
        async with opening(args)(ask, say) as everything:
            yield everything

    return opened
