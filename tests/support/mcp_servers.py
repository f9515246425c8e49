"""MCP servers for tests: five that others wrote, and one of ours that can be told to misbehave."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.registry import MCPRegistry
from support.npm import MCP_SERVERS, installed, node

__all__ = (
    "assert_nothing_left",
    "children",
    "forget_children",
    "free_port",
    "gated",
    "odd",
    "real",
    "said",
    "serving",
)

GATED = Path(__file__).with_name("mcp_gated_server.py")
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


def gated(gate: Path, name: str = "late", **fields: Any) -> MCPServerConfig:
    """The configuration of our own server, which does nothing before the file `gate` is there."""
    return MCPServerConfig(name, command=sys.executable, args=[str(GATED), str(gate)], **fields)


def said(result: Any) -> str:
    """The text with which a result begins."""
    return str(result.content[0].text)


_others: set[str] = set()


def forget_children() -> None:
    """Count only what is started from now on: other tests leave servers that all of them share."""
    _others.clear()
    _others.update(_started())


def assert_nothing_left(seconds: float = 30) -> None:
    """Fail unless all that was started has ended, at once or on a busy machine a little later."""
    end = time.monotonic() + seconds
    while (left := children()) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []


def children() -> list[str]:
    """The processes that this one has started and that are there, dead ones too."""
    return [command for pid, command in _started().items() if pid not in _others]


def _started() -> dict[str, str]:
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == os.getpid():
                found[pid] = Path("/proc", pid, "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


@contextmanager
def serving(kind: str = "odd", port: int = 0, mode: str = "streamableHttp") -> Iterator[int]:
    """Run our server, or "everything", over HTTP while the block lasts; gives its port."""
    port = port or free_port()
    if kind == "odd":
        command = [sys.executable, str(ODD), "http", str(port)]
    else:
        config = real(kind)
        command = [str(config.command), *config.args, mode]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.kill()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 40) -> None:
    """Return when something listens there."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"the server does not listen at {port} (exit code {process.poll()})")


async def called(registry: MCPRegistry, server: str, tool: str, /, **arguments: Any) -> Any:
    """The result of a tool of a server in a registry, by the server's own name for it."""
    (found,) = (one for one in registry.server_tools(server) if f"__{tool}" in one.name)
    return await found(**arguments)


class Rows(dict[str, str]):
    """Settings in memory."""

    async def get_prefix(self, prefix: str) -> dict[str, str]:
        return {key: value for key, value in self.items() if key.startswith(prefix)}

    async def set(self, key: str, value: str) -> None:
        self[key] = value

    async def delete_prefix(self, prefix: str) -> None:
        for key in [key for key in self if key.startswith(prefix)]:
            del self[key]
