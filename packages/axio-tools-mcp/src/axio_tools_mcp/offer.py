"""`axio mcp serve`: which tools are offered, and what may be called where nobody can be asked."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from axio.agent import Agent
from axio.exceptions import GuardError
from axio.permission import PermissionGuard
from axio.plugins import Installed, PluginError
from axio.subagents import make_agent_tools
from axio.tool import AnyTool
from axio_tools_mcp.errors import ConfigError

__all__ = ("TOKEN", "NobodyToAsk", "agent_tools", "serve")

TOKEN = "AXIO_MCP_TOKEN"
"""The variable that holds the token of a server over HTTP."""


class NobodyToAsk(PermissionGuard):
    """Refuses what a person would have to be asked about."""

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        raise GuardError(
            f"{tool.name} changes something, and nobody can be asked here: "
            "axio mcp serve --yes allows it"
        )


async def serve(
    names: str | None,
    agent: str | None,
    *,
    yes: bool,
    port: int | None,
    token: str,
    say: Callable[[str], None],
) -> None:
    """Serve the tools of these names, or an agent: over HTTP where there is a port."""
    from axio_tools_mcp.server import serve_http, serve_stdio  # the library is imported late

    tools = _installed(names or "", say) if agent is None else agent_tools(agent)
    if not yes:
        tools = [tool if tool.read_only else _guarded(tool) for tool in tools]
    if port is None:
        await serve_stdio(tools)
    else:
        try:
            await serve_http(
                tools, token=token, port=port, started=lambda url: say(f"serving at {url}")
            )
        except OSError as error:
            raise ConfigError(f"port {port} cannot be served at: {error.strerror}") from error


def agent_tools(place: str) -> list[AnyTool]:
    """The agent at `module:name` as a tool of that name. `ConfigError` where there is none.

    Its own tools are what decides about their calls, so the tool counts as one that reads.
    """
    module, _, name = place.partition(":")
    sys.path.insert(0, "")
    try:
        agent = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"there is no agent at {place!r}: {error}") from error
    finally:
        sys.path.remove("")
    if not isinstance(agent, Agent):
        raise ConfigError(f"{place!r} is {type(agent).__name__}, not an Agent")
    description = f"Give a task to the agent {name!r} and get its answer."
    tools = make_agent_tools({name: (description, agent)}, agent.transport)
    return [dataclasses.replace(tool, read_only=True) for tool in tools]


def _installed(names: str, say: Callable[[str], None]) -> list[AnyTool]:
    parts = Installed(say)
    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    try:
        tools = [parts.load_tool(name) for name in wanted]
    except PluginError as error:
        raise ConfigError(str(error)) from error
    if not tools:
        raise ConfigError("no tool is named")
    return tools


def _guarded(tool: AnyTool) -> AnyTool:
    return dataclasses.replace(tool, guards=(*tool.guards, NobodyToAsk()))
