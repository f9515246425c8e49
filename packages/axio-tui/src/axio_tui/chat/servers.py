"""`/mcp`: the MCP servers of the program, how they are, and what is done with them."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from axio_tui.browser import open_page
from axio_tui.chat.commands import CommandFailed, Host, Outcome, SlashCommand
from axio_tui.harmless import visible
from axio_tui.how_many import how_many

if TYPE_CHECKING:
    from axio_tools_mcp.registry import MCPRegistry
    from axio_tui.server_tools import ServerTools

__all__ = ("MCP", "act", "add", "differences", "told", "whole_of", "words_of")

_USAGE = (
    "/mcp NAME shows the tools of one; /mcp try, on, off, login, approve or remove NAME; "
    "/mcp add NAME URL, or /mcp add NAME COMMAND ARGUMENTS"
)
_MOST_LINES = 60  # of a difference
_ADDRESS = re.compile(r"\s*(.+?)\s+(https?://\S+)\s*")


async def _mcp(host: Host, arguments: str) -> Outcome:
    servers = host.servers
    word, _, rest = arguments.partition(" ")
    if not arguments:
        return told(servers)
    if word == "add":
        return add(servers, rest)
    if word == "login" and (found := _ADDRESS.fullmatch(rest)) is not None:
        return _paste(servers, *found.groups())
    if word in _ACTIONS and rest.strip():
        return await act(servers, word, rest.strip())
    return whole_of(servers, arguments)


async def _words(host: Host) -> Iterable[str]:
    names = _names(host.servers)
    return [*names, *(f"{word} {name}" for word in _ACTIONS for name in names), "add"]


def _names(servers: ServerTools) -> list[str]:
    return servers.registry.server_names if servers.registry is not None else []


# ── what there is ─────────────────────────────────────────────────────────────────────────────


def told(servers: ServerTools) -> str:
    """All servers, a line each, and what was left out."""
    lines = ["  ".join((name, *words_of(servers, name))) for name in _names(servers)]
    if not lines:
        lines.append("There is no MCP server yet.")
    return "\n".join([*lines, *servers.left_out, _USAGE])


def words_of(servers: ServerTools, name: str) -> tuple[str, str]:
    """The state of a server, and how it is reached."""
    from axio_tools_mcp.saved import is_saved

    registry = _registry(servers)
    config = registry.server_config(name)
    way = f"{config.transport} {config.target}"
    way += " (of this folder)" * (config.scope == "project")
    way += f" in {config.source}" * is_saved(config)
    return _state(servers, registry, name), way


def _state(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    if name in servers.connecting:
        return "connecting"
    if not registry.server_config(name).enabled:
        return "off"
    if error := registry.server_error(name):
        return f"error: {error.removeprefix(f'MCP server {name!r}: ')}"
    if registry.server_status(name) != "connected":
        return "not connected"
    tools = how_many(registry.server_tool_count(name), "tool")
    changed = len(registry.changes(name))
    return f"{tools}, {changed} of them changed: approve first" if changed else tools


def whole_of(servers: ServerTools, name: str) -> str:
    """A server with its tools, and what has changed in them."""
    registry = _known(servers, name)
    lines = [f"{name}: {', '.join(words_of(servers, name))}"]
    for tool in registry.server_tools(name):
        first = (tool.description.strip().splitlines() or [""])[0]
        lines.append(f"  {tool.name}  {visible(first)}")
    lines += map(visible, registry.left_out(name))
    return "\n".join([*lines, *differences(servers, name)])


def differences(servers: ServerTools, name: str) -> list[str]:
    """The lines in which tools differ from what was approved."""
    lines = []
    for change in _known(servers, name).changes(name):
        lines.append(f"{visible(change.tool)} is described otherwise than when it was approved:")
        found = change.difference()
        lines += [f"  {visible(line)}" for line in found[:_MOST_LINES]]
        if len(found) > _MOST_LINES:
            lines.append(f"  ... and {len(found) - _MOST_LINES} more lines")
    return lines


def _registry(servers: ServerTools) -> MCPRegistry:
    assert servers.registry is not None
    return servers.registry


def _known(servers: ServerTools, name: str) -> MCPRegistry:
    if name not in _names(servers):
        there_is = ", ".join(_names(servers)) or "none"
        raise CommandFailed(f"no MCP server {name}; there is: {there_is}. {_USAGE}")
    return _registry(servers)


# ── what is done with them ────────────────────────────────────────────────────────────────────


async def act(servers: ServerTools, word: str, name: str) -> str:
    """Do one of `try`, `on`, `off`, `login`, `approve` and `remove` with a server; what is said of
    it. That a server has been connected is told when it is so."""
    registry = _known(servers, name)
    return await _ACTIONS[word](servers, registry, name)


async def _try(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    if not registry.server_config(name).enabled:
        raise CommandFailed(f"{name} is off: /mcp on {name}")
    servers.begin(name, partial(registry.connect, name))
    return f"connecting to {name}"


async def _on(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    servers.begin(name, partial(registry.switch, name, True))
    return f"connecting to {name}"


async def _off(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    servers.cancel(name)
    await registry.switch(name, False)
    return f"{name} is off, and stays so"


async def _login(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    from axio_tools_mcp.signing_in import check_sign_in

    check_sign_in(registry.server_config(name))
    typed = servers.typed[name] = asyncio.Queue()
    servers.begin(name, partial(registry.sign_in, name, servers.say, open_page, typed.get))
    return (
        f"signing in to {name} in a browser; /mcp off {name} gives it up. If the browser is on "
        f"another machine: /mcp login {name} ADDRESS, with the address it ends at"
    )


def _paste(servers: ServerTools, name: str, address: str) -> str:
    """Let an address be the end of what was begun in a browser on another machine."""
    _known(servers, name)
    if name not in servers.connecting or name not in servers.typed:
        raise CommandFailed(f"{name} is not being signed in to: /mcp login {name} first")
    servers.typed[name].put_nowait(address)
    return f"{name} gets that address"


async def _approve(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    lines = differences(servers, name)
    if not lines:
        return f"no tool of {name} has changed since it was approved"
    await registry.approve(name)
    return "\n".join([*lines, f"The tools of {name} are approved as they are described now."])


async def _remove(servers: ServerTools, registry: MCPRegistry, name: str) -> str:
    servers.cancel(name)
    await registry.remove_server(name)
    return f"{name} is removed"


_Action = Callable[["ServerTools", "MCPRegistry", str], Awaitable[str]]
_ACTIONS: Mapping[str, _Action] = {
    "try": _try,
    "on": _on,
    "off": _off,
    "login": _login,
    "approve": _approve,
    "remove": _remove,
}


def add(servers: ServerTools, line: str) -> str:
    """Keep the server that a line names, as `NAME URL` or `NAME COMMAND ARGUMENTS`, in the file of
    the user, and begin to connect it."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise CommandFailed(f"that cannot be read: {error}") from error
    if len(words) < 2:
        raise CommandFailed("/mcp add NAME URL, or /mcp add NAME COMMAND ARGUMENTS")
    registry = servers.made()
    from axio_tools_mcp.dialects import config_of
    from axio_tools_mcp.edit import add_entry, entry_from, file_for

    name, *target = words
    entry = entry_from(name, target)
    config = config_of(name, entry, "global")
    if name in registry.server_names:
        raise CommandFailed(f"there is a server {name} already: /mcp remove {name} first")
    add_entry(file_for("global"), name, entry)
    registry.hold([config])
    servers.begin(name, partial(registry.connect, name))
    return f"connecting to {name}"


MCP = SlashCommand("mcp", "[WORDS]", "MCP servers: list, try, add, sign in", _mcp, _words, True)
