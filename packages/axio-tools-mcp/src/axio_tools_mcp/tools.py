"""The tools of a server as tools of axio."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from axio.tool import Tool
from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import MCPServerError, ToolCallError
from axio_tools_mcp.handler import build_handler
from axio_tools_mcp.names import tool_name
from axio_tools_mcp.resources import prompts_tool, resources_tool, skills_tool
from axio_tools_mcp.session import MCPSession
from axio_tools_mcp.trust import Approvals, ChangedTool

if TYPE_CHECKING:
    from axio_tools_mcp.wire import ListedTool

__all__ = ("load_mcp_tools", "load_tools", "make_tool")

logger = logging.getLogger(__name__)

_MORE = {"resources": resources_tool, "prompts": prompts_tool, "skills": skills_tool}
_AT_ONCE = 25  # tools that are made without a pause for what else is to be done
_NO_ARGUMENTS = {"type": "object", "properties": {}}


async def load_mcp_tools(
    servers: Sequence[MCPServerConfig],
) -> tuple[list[Tool[Any]], list[MCPSession]]:
    """Connect servers side by side; gives their tools, in the order of `servers`, and the sessions.

    A server that cannot be used is logged and left out. The caller closes the sessions.
    """
    sessions = [MCPSession(config) for config in servers if config.enabled]
    loading = [asyncio.create_task(_load(session)) for session in sessions]
    try:
        loaded = await asyncio.gather(*loading)
    except BaseException:
        for task in loading:
            task.cancel()
        await asyncio.wait(loading)
        await asyncio.gather(*(session.close() for session in sessions))
        raise
    found = [
        (tools, session)
        for tools, session in zip(loaded, sessions, strict=True)
        if session.is_connected
    ]
    return [tool for tools, _ in found for tool in tools], [session for _, session in found]


async def _load(session: MCPSession) -> list[Tool[Any]]:
    try:
        await session.connect()
        return await load_tools(session)
    except (MCPServerError, RuntimeError) as error:
        logger.warning("left out: %s", error)
        await session.close()
        return []


def _warn(line: str) -> None:
    logger.warning("%s", line)


async def load_tools(
    session: MCPSession,
    approvals: Approvals | None = None,
    tell: Callable[[str], object] = _warn,
) -> list[Tool[Any]]:
    """The tools that a connected server offers and its configuration allows, and tools for its
    resources, prompts and skills. With `approvals`, one that is not what was approved asks first,
    or refuses its calls. `tell` is called with a line for each that is left out.
    """
    all_listed = await session.list_tools()
    changes = {}
    if approvals is not None:
        changes = await asyncio.to_thread(approvals.changes, session.config, all_listed)
    tools: dict[str, Tool[Any]] = {}
    for number, listed in enumerate(all_listed):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # thousands of them take seconds
        if not session.config.offers(listed.name):
            continue
        try:
            tool = make_tool(session, listed)
            if approvals is not None and listed.name in changes:
                guard = ChangedTool(approvals, session.config, changes[listed.name])
                tool = dataclasses.replace(tool, guards=(guard,))
        except (TypeError, ValueError) as error:
            tell(f"{_place(session, listed)}, is left out: {error}")
            continue
        if tool.name in tools:
            tell(f"{_place(session, listed)}, is listed twice; the first one is used")
            continue
        tools[tool.name] = tool
    for kind, make in _MORE.items():
        if not session.config.offers(kind):
            continue
        try:
            more = await make(session)
        except ToolCallError as error:  # it has its tools all the same
            tell(str(error))
            continue
        if more is None:
            continue
        if more.name in tools:
            tell(f"{_place(session, more)}, hides that of axio for its {kind}")
            continue
        tools[more.name] = more
    return list(tools.values())


def make_tool(session: MCPSession, listed: ListedTool) -> Tool[Any]:
    """A tool that calls the listed one.

    It is never marked as read-only: what a server says of its tools is the word of a stranger.
    """
    name = tool_name(session.config.name, listed.name)
    description = listed.description or listed.name
    return Tool(
        name=name,
        description=description,
        handler=build_handler(name, listed.name, description, session),
        schema=MappingProxyType(listed.input_schema or _NO_ARGUMENTS),
    )


def _place(session: MCPSession, listed: ListedTool | Tool[Any]) -> str:
    return f"MCP server {session.config.name!r}, tool {listed.name!r}"
