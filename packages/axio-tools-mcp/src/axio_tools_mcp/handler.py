"""The function behind a tool of a server."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from axio.results import Content
from axio_tools_mcp.content import content_of, is_error, text_of
from axio_tools_mcp.errors import ToolCallError

__all__ = ("build_handler",)

_MOST = 200_000  # characters, for a session that does not say


def build_handler(
    tool_name: str, mcp_tool_name: str, description: str, session: Any
) -> Callable[..., Coroutine[Any, Any, Content]]:
    """A coroutine function that calls `mcp_tool_name` of the session's server.

    It returns the text of the result, or blocks where there is more than text. A result that is an
    error is raised as `ToolCallError`.
    """
    config = getattr(session, "config", None)
    limit = getattr(config, "max_result", None)
    limit = limit if isinstance(limit, int) else _MOST

    async def handler(**kwargs: Any) -> Content:
        result = await session.call_tool(mcp_tool_name, kwargs)
        if is_error(result):
            words = text_of(result, limit) or "MCP tool error"
            raise ToolCallError(f"MCP server {_name(config)}, tool {mcp_tool_name!r}: {words}")
        return content_of(result, limit)

    handler.__name__ = handler.__qualname__ = tool_name
    handler.__doc__ = description
    return handler


def _name(config: Any) -> str:
    name = getattr(config, "name", None)
    return repr(name) if isinstance(name, str) else "(of no name)"
