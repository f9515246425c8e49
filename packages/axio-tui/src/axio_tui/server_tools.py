"""The tools of configured MCP servers, for as long as a command runs.

Without the package `axio-tools-mcp`, and without a server, nothing is imported and nothing happens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from importlib.util import find_spec

from axio.tool import AnyTool
from axio_tui.errors import WrongUse
from axio_tui.plain import visible

__all__ = ("server_tools",)


@asynccontextmanager
async def server_tools(
    patterns: Sequence[str] | None, trusted: bool, say: Callable[[str], None]
) -> AsyncIterator[list[AnyTool]]:
    """The tools whose names fit one of `patterns`, or all; the servers run inside the block.

    Servers of the working folder are used only when it is `trusted`. A server that cannot be used
    is told in one line and left out. `WrongUse` when a pattern fits none.
    """
    if patterns == [] or find_spec("axio_tools_mcp") is None:
        yield []
        return
    from axio_tools_mcp.files import find_servers

    found = find_servers(trusted=trusted)
    for path in found.untrusted:
        say(f"the MCP servers in {path} are left out; --trust uses what this folder brings")
    for problem in found.problems:
        say(problem)
    if not found.servers:
        _refuse_missing(patterns, [])
        yield []
        return
    from axio_tools_mcp.registry import MCPRegistry

    registry = MCPRegistry()
    try:
        await registry.connect_all(found.servers.values())
        for name in registry.server_names:
            if error := registry.server_error(name):
                say(f"left out: {error}")
        tools = registry.all_tools
        _refuse_missing(patterns, tools)
        yield [tool for tool in tools if patterns is None or _is_wanted(tool.name, patterns)]
    finally:
        await registry.close()


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
