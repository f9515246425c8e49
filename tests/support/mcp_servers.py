"""MCP servers for tests: five that others wrote, and one of ours that can be told to misbehave."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from axio_tools_mcp.config import MCPServerConfig
from support.npm import MCP_SERVERS, installed, node

__all__ = ("children", "odd", "real", "said")

ODD = Path(__file__).with_name("odd_mcp_server.py")
_PROGRAMS = Path(sys.executable).parent


def real(name: str, *args: str, **fields: Any) -> MCPServerConfig:
    """The configuration of "everything", "filesystem", "memory" (npm), "time" or "git" (PyPI)."""
    if name in ("time", "git"):
        return MCPServerConfig(
            name, command=str(_PROGRAMS / f"mcp-server-{name}"), args=[*args], **fields
        )
    folder = installed(*MCP_SERVERS) / "node_modules" / "@modelcontextprotocol"
    program = str(folder / f"server-{name}" / "dist" / "index.js")
    return MCPServerConfig(name, command=str(node()), args=[program, *args], **fields)


def odd(name: str = "odd", *args: str, **fields: Any) -> MCPServerConfig:
    """The configuration of our own server, over stdio."""
    return MCPServerConfig(name, command=sys.executable, args=[str(ODD), *args], **fields)


def said(result: Any) -> str:
    """The text with which a result begins."""
    return str(result.content[0].text)


def children() -> list[str]:
    """The processes that this one has started and that are there, dead ones too."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == os.getpid():
                found.append(Path("/proc", pid, "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
