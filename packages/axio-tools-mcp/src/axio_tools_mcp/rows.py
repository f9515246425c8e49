"""Servers kept as texts under keys: `mcp.SERVER.SETTING`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Protocol

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.files import Found

__all__ = ("ConfigRows", "erase_rows", "read_rows", "server_of", "servers_in", "write_rows")

logger = logging.getLogger(__name__)

_PREFIX = "mcp."


class ConfigRows(Protocol):
    """Where settings are kept, as texts under keys."""

    async def get_prefix(self, prefix: str) -> dict[str, str]: ...

    async def set(self, key: str, value: str) -> None: ...

    async def delete_prefix(self, prefix: str) -> None: ...


async def read_rows(rows: ConfigRows, scope: str) -> list[MCPServerConfig]:
    """The servers that are kept. One that makes no sense is logged and left out."""
    found = servers_in(await rows.get_prefix(_PREFIX), scope)
    for problem in found.problems:
        logger.warning("%s", problem)
    return list(found.servers.values())


def servers_in(rows: Mapping[str, str], scope: str, source: str = "") -> Found:
    """The servers that rows describe, and the problems of those that make no sense."""
    servers: dict[str, dict[str, str]] = {}
    for key, value in rows.items():
        servers.setdefault(server_of(key), {})[key.rpartition(".")[2]] = value
    found = Found()
    for name, settings in servers.items():
        try:
            config = MCPServerConfig.from_dict(name, settings)
            found.servers[name] = dataclasses.replace(config, scope=scope, source=source)
        except ConfigError as error:
            found.problems.append(f"{source}: {error}" if source else str(error))
    return found


def server_of(key: str) -> str:
    """The name of the server that a row belongs to. Release 0.9.6 wrote dots as they are."""
    name = key.removeprefix(_PREFIX).rpartition(".")[0]
    return name.replace("=2E", ".").replace("=3D", "=")


async def write_rows(rows: ConfigRows, config: MCPServerConfig) -> None:
    """Keep a server, in place of the one of this name."""
    prefix = _prefix(config.name)
    settings = {prefix + key: value for key, value in config.to_dict().items()}
    for row, value in settings.items():
        await rows.set(row, value)
    # At the end, so that a fault on the way loses nothing.
    await _erase(rows, config.name, but=settings)


async def erase_rows(rows: ConfigRows, config: MCPServerConfig) -> None:
    """Keep a server no longer."""
    await _erase(rows, config.name)


async def _erase(rows: ConfigRows, name: str, but: Mapping[str, str] | None = None) -> None:
    for row in (await rows.get_prefix(_PREFIX)).keys() - (but or {}).keys():
        if server_of(row) == name:
            await rows.delete_prefix(row)


def _prefix(name: str) -> str:
    """The begin of the keys of a server, where a dot stands between parts."""
    return f"{_PREFIX}{name.replace('=', '=3D').replace('.', '=2E')}."
