"""The tools of configured MCP servers, for as long as a command runs.

Without the package `axio-tools-mcp`, and without a server, nothing is imported and nothing happens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import TYPE_CHECKING

from axio.selector import ToolSelector
from axio.tool import AnyTool
from axio_tui.errors import WrongUse
from axio_tui.harmless import visible

if TYPE_CHECKING:
    from axio_tools_mcp.elicitation import Elicit
    from axio_tools_mcp.registry import MCPRegistry
    from axio_tools_mcp.trust import AskChange

__all__ = ("NOBODY", "ServerTools", "ServersAsk", "server_tools")


@dataclass(frozen=True, slots=True)
class ServersAsk:
    """The ways to the person: `elicit` for what a server wants to know, `approve` for a tool that a
    server describes otherwise than before. Where there is none, the answer is no."""

    elicit: Elicit | None = None
    approve: AskChange | None = None


NOBODY = ServersAsk()


@dataclass(slots=True)
class ServerTools:
    """`tools` for an agent. Where they are many, `selector` shows those that the model has searched
    for. `instructions` are for its system prompt: what the servers say of themselves.

    `on_change`, when it is set, is called after a server has changed its tools and `tools` are new.
    """

    tools: list[AnyTool] = field(default_factory=list)
    selector: ToolSelector | None = None
    instructions: str = ""
    on_change: Callable[[], object] | None = None


@asynccontextmanager
async def server_tools(
    patterns: Sequence[str] | None,
    trusted: bool,
    say: Callable[[str], None],
    asks: ServersAsk = NOBODY,
) -> AsyncIterator[ServerTools]:
    """The tools whose names fit one of `patterns`, or all; the servers run inside the block.

    Servers of the working folder are used only when it is `trusted`; `open_project` says which are
    left out. A server that cannot be used is told in one line and left out. `WrongUse` when a
    pattern fits none. `asks` puts questions to the person.
    """
    if patterns == [] or find_spec("axio_tools_mcp") is None:
        yield ServerTools()
        return
    from axio_tools_mcp.files import find_servers

    found = find_servers(trusted=trusted)
    for problem in found.problems:
        say(problem)
    if not found.servers:
        _refuse_missing(patterns, [])
        yield ServerTools()
        return
    from axio_tools_mcp.registry import MCPRegistry
    from axio_tools_mcp.trust import Approvals, approvals_file

    registry = MCPRegistry(approvals=Approvals(approvals_file(), asks.approve), elicit=asks.elicit)
    try:
        await registry.connect_all(found.servers.values())
        for name in registry.server_names:
            if error := registry.server_error(name):
                say(f"left out: {error}")
        _refuse_missing(patterns, registry.all_tools)
        told: set[str] = set()
        offered = ServerTools(instructions=registry.instructions)

        def offer() -> None:
            for name in registry.changed_tools:
                if name not in told:
                    say(
                        f"{name} is described otherwise than when it was approved, so its calls "
                        f"{'are refused' if asks.approve is None else 'ask first'}"
                    )
            told.update(registry.changed_tools)
            offered.tools, offered.selector = _wanted(registry, patterns)
            if offered.on_change is not None:
                offered.on_change()

        offer()
        registry.on_change = offer
        yield offered
    finally:
        await registry.close()


def _wanted(
    registry: MCPRegistry, patterns: Sequence[str] | None
) -> tuple[list[AnyTool], ToolSelector | None]:
    """The tools that the servers have now, behind a search where they are many."""
    from axio_tools_mcp.search import ToolSearch

    tools = [t for t in registry.all_tools if patterns is None or _is_wanted(t.name, patterns)]
    always = [tool.name for tool in tools if registry.is_always_shown(tool.name)]
    search = ToolSearch.past_threshold(tools, always=always)
    return (tools, None) if search is None else ([search.tool, *tools], search)


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_missing(patterns: Sequence[str] | None, tools: Sequence[AnyTool]) -> None:
    names = [tool.name for tool in tools]
    missing = [p for p in patterns or () if not any(fnmatchcase(name, p) for name in names)]
    if missing:
        there_is = ", ".join(names) or "none"
        raise WrongUse(
            f"no tool {', '.join(repr(visible(name)) for name in missing)}; "
            f"of MCP servers there is: {there_is}"
        )
