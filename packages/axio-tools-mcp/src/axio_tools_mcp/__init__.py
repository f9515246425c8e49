"""Tools of MCP servers for axio agents.

Nothing here imports the `mcp` library before the first server is connected, and the parts of this
package are imported when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axio_tools_mcp.config import MCPServerConfig
    from axio_tools_mcp.plugin import MCPPlugin
    from axio_tools_mcp.registry import MCPRegistry
    from axio_tools_mcp.session import MCPSession
    from axio_tools_mcp.tools import load_mcp_tools

__version__ = "1.0.0a1"

__all__ = ("MCPPlugin", "MCPRegistry", "MCPServerConfig", "MCPSession", "load_mcp_tools")

if not TYPE_CHECKING:
    _HOMES = {
        "MCPPlugin": "plugin",
        "MCPRegistry": "registry",
        "MCPServerConfig": "config",
        "MCPSession": "session",
        "load_mcp_tools": "tools",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
