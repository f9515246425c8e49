"""The servers as a part that an application finds: its tools and settings."""

from __future__ import annotations

import logging
from typing import Any

from axio.tool import Tool
from axio_tools_mcp.files import find_servers
from axio_tools_mcp.registry import ConfigRows, MCPRegistry

__all__ = ("MCPPlugin",)

logger = logging.getLogger(__name__)


class MCPPlugin:
    """`init`, `all_tools`, `close`. Set `trusted` before `init` when the working folder is."""

    def __init__(self) -> None:
        self.registry = MCPRegistry()
        self.trusted = False

    @property
    def label(self) -> str:
        return "MCP Servers"

    @property
    def all_tools(self) -> list[Tool[Any]]:
        return self.registry.all_tools

    async def init(
        self, config: ConfigRows | None = None, global_config: ConfigRows | None = None
    ) -> None:
        """Connect what is configured: in files, and in the rows that are handed over."""
        found = find_servers(trusted=self.trusted)
        for problem in found.problems:
            logger.warning("%s", problem)
        await self.registry.init(config, global_config, others=found.servers.values())

    def settings_screen(self) -> Any:
        """The screen that lists the servers."""
        from axio_tools_mcp.tui import MCPHubScreen

        return MCPHubScreen(self.registry)

    async def close(self) -> None:
        await self.registry.close()
