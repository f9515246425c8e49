"""Servers kept as texts under keys: `mcp.SERVER.SETTING`."""

from __future__ import annotations

import dataclasses
import logging
from typing import Protocol

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError

__all__ = ("ConfigRows", "erase_rows", "read_rows", "write_rows")

logger = logging.getLogger(__name__)

_PREFIX = "mcp."


class ConfigRows(Protocol):
    """Where settings are kept, as texts under keys."""

    async def get_prefix(self, prefix: str) -> dict[str, str]: ...

    async def set(self, key: str, value: str) -> None: ...

    async def delete_prefix(self, prefix: str) -> None: ...


async def read_rows(rows: ConfigRows, scope: str) -> list[MCPServerConfig]:
    """The servers that are kept. One that makes no sense is logged and left out."""
    servers: dict[str, dict[str, str]] = {}
    for row, value in (await rows.get_prefix(_PREFIX)).items():
        server, _, setting = row.removeprefix(_PREFIX).rpartition(".")
        servers.setdefault(_name(server), {})[setting] = value
    configs = []
    for name, settings in servers.items():
        try:
            config = MCPServerConfig.from_dict(name, settings)
            configs.append(dataclasses.replace(config, scope=scope))
        except ConfigError as error:
            logger.warning("%s", error)
    return configs


async def write_rows(rows: ConfigRows, config: MCPServerConfig) -> None:
    """Keep a server, in place of the one of this name."""
    prefix = _prefix(config.name)
    settings = {prefix + key: value for key, value in config.to_dict().items()}
    for row, value in settings.items():
        await rows.set(row, value)
    # At the end, so that a fault on the way loses nothing.
    for row in (await rows.get_prefix(prefix)).keys() - settings.keys():
        await rows.delete_prefix(row)


async def erase_rows(rows: ConfigRows, config: MCPServerConfig) -> None:
    """Keep a server no longer."""
    await rows.delete_prefix(_prefix(config.name))


def _prefix(name: str) -> str:
    """The begin of the keys of a server, where a dot stands between parts."""
    return f"{_PREFIX}{name.replace('=', '=3D').replace('.', '=2E')}."


def _name(key: str) -> str:
    return key.replace("=2E", ".").replace("=3D", "=")
