"""The parts of a command: model, tools, place and permissions, as its options name them."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from axio.agent import Agent
from axio.context import ContextStore
from axio.tool import AnyTool
from axio.transport import CompletionTransport, model_of
from axio_tui.beginning import Beginning
from axio_tui.chat.hooked import make_session
from axio_tui.chat.hooks import Hooks, read_hooks
from axio_tui.chat.instructions import instructions_of
from axio_tui.chat.models import Models, Role
from axio_tui.chat.offers import is_free
from axio_tui.chat.permissions import Ask, Permissions
from axio_tui.chat.providers import Providers
from axio_tui.chat.session import ChatSession
from axio_tui.chat.skills import Skill, Skills, find_skills
from axio_tui.chat.subagents import NAME as SUBAGENT, SubAgents
from axio_tui.choose import NOTHING, OFFLINE, Choice
from axio_tui.config.paths import data_folder, own_folder
from axio_tui.config.secrets import Secrets
from axio_tui.connect import reach_loopback_directly
from axio_tui.errors import CommandError, WrongUse, explain
from axio_tui.extensions import Extensions, in_turn
from axio_tui.hosting import host_tools, hosted
from axio_tui.offered import extensions_for, guards_for, names_in, once, server_tools_in, tools_of
from axio_tui.parts import Parts, disabled_in
from axio_tui.permissions import decisions_file
from axio_tui.place import Place, placed, rules_of
from axio_tui.prompt import GUARD_SYSTEM_PROMPT, build_system_prompt, facts
from axio_tui.server_tools import NOBODY, ServersAsk, ServerTools, server_tools
from axio_tui.session import make_agent
from axio_tui.tools import SUBAGENT_SYSTEM_PROMPT
from axio_tui_guards import Decisions

if TYPE_CHECKING:  # loaded by the tools, and by a place that is asked for
    from axio_tools_local.workspace import Workspace

__all__ = ("Equipment", "Say", "equipped")

GRACE = 1.0
"""Seconds for which a conversation that begins waits for plug-ins."""

Say: TypeAlias = Callable[[str], None]
"""Prints a notice as one line."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """An agent that is ready, what guards its tools, and where its model is."""

    agent: Agent
    permissions: Permissions
    models: Models
    subagents: SubAgents
    servers: ServerTools
    providers: Providers
    place: Place
    extensions: Extensions
    """The plug-ins that bring tools."""
    skills: Mapping[str, Skill] = field(default_factory=dict)
    hooks: Hooks | None = None
    system_parts: dict[str, str] = field(default_factory=dict)
    """The parts of the system prompt, by their names."""

    @property
    def choice(self) -> Choice:
        """Where the model of the conversation is."""
        return self.models.choice

    @property
    def workspace(self) -> Workspace:
        """Where the tools work."""
        return self.place.files

    def session(self, store: ContextStore | None = None) -> ChatSession:
        """A session of the agent in a store, not opened yet."""
        session = make_session(
            self.agent,
            store,
            hooks=self.hooks,
            explain=self.explain,
            permissions=self.permissions,
        )
        session.meter.free = self.models.free
        return session

    def explain(self, error: BaseException) -> str:
        """The words of a failure: never a secret."""
        return explain(error, self.agent.transport)


@asynccontextmanager
async def equipped(
    args: argparse.Namespace,
    ask: Ask,
    say: Say,
    *,
    keeps: bool,
    servers: ServersAsk = NOBODY,
    patience: float | None = None,
    shows_status: bool = False,
) -> AsyncIterator[Equipment]:
    """The parts that the options of `axio run` name, open while the block lasts.

    `ask` puts questions to the person. With `keeps`, what they answer for good is kept. `servers`
    puts those of MCP servers. With `patience` these are connected in the background. The tool
    `status_line` is offered where the front end `shows_status`.
    """
    if args.model is not None and not args.model.strip():
        raise WrongUse("the name of the model is empty")
    parts = Parts(say, off=disabled_in(args.config))
    reach_loopback_directly()
    trusted = args.project.covers(Path.cwd())
    secrets = Secrets(say=say)
    known, keys = Providers(parts, args.config, secrets), secrets.sources
    beginning = Beginning(args, parts, secrets, say)
    choice = await beginning.choice()
    roles = {role: name for role, name in args.config.below("models").items() if name}
    async with (
        AsyncExitStack() as opened,
        Place(args.sandbox) as place,
        extensions_for(args, parts, say) as extensions,
        server_tools(
            server_tools_in(args.tools, parts), trusted, say, servers, patience=patience
        ) as more,
        Models(parts, choice, beginning.model, roles, kept=known.kept, keys=keys) as models,
    ):
        transport = await beginning.transport(models)
        _tell_of_model(args, models.choice, transport, say)
        instructions, skills, hooks = _brought(args, say)
        tools = await tools_of(args.tools, parts, extensions, say)
        permissions = _permissions(args, ask, keeps, hooks)
        permissions.reviewer = Agent(GUARD_SYSTEM_PROMPT, await models.of("guard"))
        permissions.add(await opened.enter_async_context(guards_for(args, parts, permissions)))
        system = _system(args, instructions, skills.text)
        agent = make_agent(transport, [], system="", max_iterations=args.max_iterations)
        subagents = _subagents(args, models, instructions, hooks)
        equipment = Equipment(
            agent, permissions, models, subagents, more, known, place, extensions,
            skills=skills.by_name, hooks=hooks, system_parts=system,
        )  # fmt: skip
        of_host = host_tools(parts, models, shows_status) if args.tools is None else list
        outfit = _Outfit(equipment, args.tools, tools, of_host, once(say))
        if patience is not None:
            extensions.import_transports()
        await extensions.arrived(None if patience is None else GRACE)
        outfit()
        more.on_change = extensions.on_change = place.on_change = outfit
        models.changed = outfit.role_changed
        opened.enter_context(hosted(agent, subagents, models, permissions))
        yield equipment


@dataclass(frozen=True, slots=True)
class _Outfit:
    """Called, it lets the agent have all tools that there are now, from its next request on."""

    parts: Equipment
    named: str | None
    """The tools as the person has named them."""
    own: Sequence[AnyTool]
    of_host: Callable[[], list[AnyTool]]
    say: Say

    def __call__(self) -> None:
        parts, extensions, servers = self.parts, self.parts.extensions, self.parts.servers
        off = extensions.off
        own = [*_without(off, self.own), *servers.tools]
        host = _without(off, self.of_host())
        taken = [SUBAGENT, *(tool.name for tool in (*own, *host))]
        parts.permissions.rules = rules_of(parts.place.sandbox, self.own)
        given = placed([*own, *extensions.tools(taken)], parts.place.workspace, self.say)
        with_agents = SUBAGENT not in off and _wants_subagents(self.named, parts.choice)
        helpers = [parts.subagents.tool] if with_agents else []
        parts.agent.tools = [*parts.permissions.guarded([*given, *host]), *helpers]
        parts.agent.selector = in_turn(servers.selector, extensions.selector)
        if "MCP servers" in parts.system_parts:
            parts.system_parts["MCP servers"] = servers.instructions
        parts.agent.system = "".join(parts.system_parts.values())

    def role_changed(self, role: Role, transport: CompletionTransport) -> None:
        """Let the reviewer have the model of its role, and the agent the tools that it may have."""
        follows = role == "chat" and "guard" not in self.parts.models.roles
        reviewer = self.parts.permissions.reviewer
        if reviewer is not None and (role == "guard" or follows):
            reviewer.transport = transport
        self()


def _without(off: Collection[str], tools: Iterable[AnyTool]) -> list[AnyTool]:
    return [tool for tool in tools if tool.name not in off]


def _brought(args: argparse.Namespace, say: Say) -> tuple[str, Skills, Hooks | None]:
    """Instructions of trusted folders, and skills and hooks of theirs and of the person."""
    folders = [one.folder for one in args.project.trusted]
    instructions, skills = instructions_of(folders), find_skills(folders)
    hooks, problems = read_hooks(args.config.hooks, args.project.trusted)
    for problem in (*problems, *instructions.problems, *skills.problems):
        say(problem)
    return instructions.text, skills, Hooks(hooks, say) if hooks else None


def _permissions(
    args: argparse.Namespace, ask: Ask, keeps: bool, hooks: Hooks | None
) -> Permissions:
    return Permissions(
        ask,
        root=os.getcwd(),
        mode=args.mode,
        yes=args.yes,
        decisions=_decisions(keeps),
        guards=hooks.guards if hooks else (),
    )


def _wants_subagents(names: str | None, choice: Choice) -> bool:
    """True if they were asked for, or nothing was and the model is large enough for them."""
    return choice.name != OFFLINE if names is None else SUBAGENT in names_in(names)


def _system(args: argparse.Namespace, instructions: str, skills: str) -> dict[str, str]:
    """The parts of the system prompt, by their names."""
    if args.system is not None:
        return {"system prompt": args.system, "AGENTS.md": instructions, "skills": skills}
    own = {"system prompt": build_system_prompt(), "AGENTS.md": instructions, "skills": skills}
    return {**own, "MCP servers": ""}


def _subagents(
    args: argparse.Namespace, models: Models, instructions: str, hooks: Hooks | None
) -> SubAgents:
    return SubAgents(
        partial(models.of, "subagent"),
        system=f"{SUBAGENT_SYSTEM_PROMPT}\n{facts()}{instructions}",
        max_iterations=args.max_iterations,
        guards=hooks.guards if hooks else (),
    )


def _tell_of_model(args: argparse.Namespace, choice: Choice, transport: object, say: Say) -> None:
    if args.transport is None and choice is not NOTHING:
        say(_what_was_chosen(choice, transport))
    if args.max_cost is not None:
        _check_price(choice, transport, say)


def _check_price(choice: Choice, transport: object, say: Say) -> None:
    model = model_of(transport)
    is_priced = model is not None and (model.input_cost or model.output_cost)
    if model is not None and not is_priced and not is_free(choice.name):
        say(f"the price of {model.id} is not known: --max-cost does not limit it")


def _what_was_chosen(choice: Choice, transport: object) -> str:
    model = model_of(transport)
    which = "" if model is None else f", model {model.id}"
    return f"using {choice.title}{which} ({choice.reason}); axio models lists others"


def _decisions(keeps: bool) -> Decisions:
    """The decisions of the person in this project."""
    try:
        if keeps:
            own_folder(data_folder())
        return Decisions(decisions_file())
    except OSError:  # a home that may not be written: it holds for this session
        return Decisions()
    except ValueError as error:
        raise CommandError(str(error)) from error
