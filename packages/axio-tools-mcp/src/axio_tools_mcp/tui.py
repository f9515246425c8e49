"""The screens for servers. They come with the application that shows them."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ("MCPHubScreen", "MCPServerEditScreen")


def _not_yet(*_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError(
        "there is no screen for MCP servers yet: use `axio mcp add`, `axio mcp list` and "
        "`axio mcp remove`, or the file mcp.json"
    )


MCPHubScreen = _not_yet
MCPServerEditScreen = _not_yet
