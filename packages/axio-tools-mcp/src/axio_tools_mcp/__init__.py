"""Tools of MCP servers for axio agents.

Nothing here imports the `mcp` library before the first server is connected.
"""

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.session import MCPSession
from axio_tools_mcp.tools import load_mcp_tools

__version__ = "1.0.0a1"

__all__ = ("MCPServerConfig", "MCPSession", "load_mcp_tools")
