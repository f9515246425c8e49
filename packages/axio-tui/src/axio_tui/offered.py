"""The tools and guards that options and settings name, or all that are installed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from axio.permission import PermissionGuard
from axio.plugins import (
    GUARDS_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    Installed,
    PluginError,
    is_own,
)
from axio.tool import AnyTool
from axio_tui.chat.installed import OWN_GUARDS, installed_guards, limited, own_guards
from axio_tui.chat.permissions import Permissions
from axio_tui.chat.subagents import NAME as SUBAGENT
from axio_tui.errors import CommandError, WrongUse
from axio_tui.extensions import Extensions
from axio_tui.harmless import visible
from axio_tui.parts import Parts, load_tool

__all__ = ("extensions_for", "guards_for", "names_in", "once", "server_tools_in", "tools_of")

# They act on an application around the conversation.
NEED_A_HOST = frozenset({"status_line", "confirm", "subagent", "vision"})

Say = Callable[[str], object]


def once(say: Say) -> Callable[[str], None]:
    """Say each line only once."""
    told: set[str] = set()

    def tell(words: str) -> None:
        if words not in told:
            told.add(words)
            say(words)

    return tell


def names_in(names: str) -> list[str]:
    """Names separated by commas, each once."""
    return list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))


# ── tools ─────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def extensions_for(
    args: argparse.Namespace, parts: Parts, say: Say
) -> AsyncIterator[Extensions]:
    """The plug-ins of others, which begin to load, and are closed after the block. Those that bring
    several tools are loaded where no tool is named, or one that is not known without them."""
    extensions = Extensions(parts, say)
    if args.tools is None:
        extensions.off.update(args.config["plugins.disabled"] or ())
    tools = [name for name in parts.names(TOOLS_GROUP) if not _is_own(parts, TOOLS_GROUP, name)]
    plugins = [
        name
        for name in parts.names(TOOLS_SETTINGS_GROUP)
        if not _is_own(parts, TOOLS_SETTINGS_GROUP, name)
    ]
    if args.tools is not None:
        tools, named = [], names_in(args.tools)
        known = {SUBAGENT, "none", *parts.names(TOOLS_GROUP)}
        extensions.only = frozenset(named) - known
        plugins = plugins if extensions.only else []
    extensions.load(tools, plugins, args.config["selector.active"] or "")
    try:
        yield extensions
    finally:
        await extensions.close()


def _is_own(parts: Installed, group: str, name: str) -> bool:
    entry = parts.entry(group, name)
    return entry is not None and is_own(entry)


async def tools_of(
    names: str | None, parts: Parts, extensions: Extensions, say: Say
) -> list[AnyTool]:
    """The tools that were named, or all of axio itself; those of others are `extensions`."""
    offered = parts.names(TOOLS_GROUP)
    if names is None:
        own = [name for name in offered if _is_own(parts, TOOLS_GROUP, name)]
        return _all_tools([name for name in own if name not in NEED_A_HOST], parts, say)
    of_servers = server_tools_in(names, parts) or ()
    wanted = [name for name in names_in(names) if name not in (*of_servers, SUBAGENT)]
    if wanted == ["none"]:
        return []
    unknown = [name for name in wanted if name not in offered]
    if unknown:
        await extensions.arrived()
        brought = [tool.name for tool in extensions.tools()]
        unknown = [name for name in unknown if name not in brought]
    if unknown:
        there_is = ", ".join(offered) or "none is installed"
        wrong = ", ".join(repr(visible(name)) for name in unknown)
        raise WrongUse(f"no tool {wrong}; there is: {there_is}")
    entries = [parts.entry(TOOLS_GROUP, name) for name in wanted if name in offered]
    try:
        return await asyncio.gather(*(load_tool(entry) for entry in entries if entry is not None))
    except PluginError as error:
        raise CommandError(str(error)) from error


def server_tools_in(names: str | None, parts: Installed) -> list[str] | None:
    """The names, or patterns, of tools of MCP servers; None for all of them."""
    if names is None:
        return None
    offered = parts.names(TOOLS_GROUP)
    return [name for name in names_in(names) if "__" in name and name not in offered]


def _all_tools(names: Iterable[str], parts: Installed, say: Say) -> list[AnyTool]:
    tools = []
    for name in names:
        try:
            tools.append(parts.load_tool(name))
        except PluginError as error:
            say(f"leaving out a tool: {error}")
    return tools


# ── guards ────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def guards_for(
    args: argparse.Namespace, parts: Parts, permissions: Permissions
) -> AsyncIterator[list[PermissionGuard]]:
    """The guards that were named, or all of others and those of axio that have tools assigned.
    Those of others are made while the block lasts."""
    offered = parts.names(GUARDS_GROUP)
    assigned = {
        name: frozenset(args.config[f"guards.{name}.tools"])
        for name in offered
        if f"guards.{name}.tools" in args.config.values
    }
    if args.guards is None:
        wanted = [name for name in offered if name not in OWN_GUARDS or assigned.get(name)]
    else:
        named = names_in(args.guards)
        wanted = [] if named == ["none"] else named
    if unknown := [visible(name) for name in wanted if name not in offered]:
        there_is = ", ".join(offered) or "none is installed"
        raise WrongUse(f"no guard {', '.join(map(repr, unknown))}; there is: {there_is}")
    others = [name for name in wanted if name not in OWN_GUARDS]
    own = [name for name in wanted if name in OWN_GUARDS]
    async with installed_guards(parts, others) as guards:
        guards |= own_guards(own, permissions)
        yield [limited(guard, assigned.get(name)) for name, guard in guards.items()]
