"""MCP servers: which are configured, if their folder is trusted, and, if asked, if they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from axio_tui.chat.trust import Trust, look_at
from axio_tui.doctor.findings import Finding, State
from axio_tui.errors import words_of_others

if TYPE_CHECKING:
    from axio_tools_mcp.config import MCPServerConfig

__all__ = ("look_at_servers",)

_Tried = tuple[State, str]


def look_at_servers(limit: float, *, online: bool) -> Iterator[Finding]:
    """Those of this folder only if it is trusted. They are started only if `online`."""
    if find_spec("axio_tools_mcp") is None:
        yield Finding("ok", "MCP servers", "axio-tools-mcp is not installed")
        return
    from axio_tools_mcp.saved import find_all_servers, is_saved

    found = find_all_servers(trusted=_is_trusted())
    for problem in found.problems:
        yield Finding("warning", "MCP servers", words_of_others(problem), "mend the file")
    for path in found.untrusted:
        words = f"{path} is left out: the folder is not trusted"
        yield Finding("warning", "MCP servers", words, "axio config trust")
    used = [config for config in found.servers.values() if config.enabled]
    states = asyncio.run(_tried(used, limit)) if online and used else {}
    for name, config in found.servers.items():
        told = f"{config.scope}, {config.transport}, {config.target}"
        told += f", in {config.source}" * is_saved(config)
        if not config.enabled:
            yield Finding("ok", f"MCP {name}", f"{told}: switched off")
        elif not online:
            yield Finding("ok", f"MCP {name}", f"{told}: not tried", "axio doctor --online")
        else:
            state, words = states[name]
            advice = "" if state == "ok" else "its tools are left out until it is mended"
            yield Finding(state, f"MCP {name}", f"{told}: {words_of_others(words)}", advice)
    if not found.servers and not found.problems and not found.untrusted:
        yield Finding("ok", "MCP servers", "none is configured")


def _is_trusted() -> bool:
    brought = look_at(Path.cwd().resolve())
    if brought is None or brought.problems:
        return False
    return Trust().state(brought) == "trusted"


async def _tried(servers: list[MCPServerConfig], limit: float) -> dict[str, _Tried]:
    """By name. All are tried at the same time."""
    return dict(await asyncio.gather(*(_try(server, limit * 0.7) for server in servers)))


async def _try(server: MCPServerConfig, patience: float) -> tuple[str, _Tried]:
    from axio_tools_mcp.errors import ConfigError, MCPServerError
    from axio_tools_mcp.session import MCPSession
    from axio_tools_mcp.tools import load_tools

    session, left_out = MCPSession(server), list[str]()
    try:
        async with asyncio.timeout(patience):
            await session.connect()
            tools = await load_tools(session, tell=left_out.append)
        more = f"; {len(left_out)} left out: {left_out[0]}" if left_out else ""
        return server.name, ("ok", f"answers, {len(tools)} tools{more}")
    except TimeoutError:
        return server.name, ("warning", f"no answer within {patience:.1f} s")
    except (ConfigError, MCPServerError, OSError, ValueError) as error:
        return server.name, ("warning", str(error))
    finally:
        await session.close()
