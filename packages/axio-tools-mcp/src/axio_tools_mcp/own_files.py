"""`FileRegistry`: servers that are kept in the files where people write them."""

from __future__ import annotations

import asyncio

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.edit import (
    add_entry,
    change_entry,
    entry_of,
    file_for,
    remove_entry,
    switch_entry,
)
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.registry import MCPRegistry
from axio_tools_mcp.saved import is_saved, remove_saved, switch_saved

__all__ = ("FileRegistry",)


class FileRegistry(MCPRegistry):
    """A registry whose servers are added to `mcp.json` of the user or, with the scope "project", of
    the working folder, changed there and taken out. `ConfigError` for a file that has to be edited
    by hand. One that is saved in the database is switched and taken out there; any other change
    moves it into a file."""

    async def _write(self, config: MCPServerConfig) -> None:
        add_entry(file_for(config.scope), config.name, entry_of(config))

    async def _erase(self, config: MCPServerConfig) -> None:
        if is_saved(config):
            await asyncio.to_thread(remove_saved, config)
        else:
            remove_entry(file_for(config.scope, config.name), config.name)

    async def _replace(self, old: MCPServerConfig, new: MCPServerConfig) -> None:
        if is_saved(old) or (old.name, old.scope) != (new.name, new.scope):
            await self._write(new)
            await self._erase(old)
        else:
            change_entry(file_for(new.scope, new.name), new.name, entry_of(new))

    async def _keep_switch(self, config: MCPServerConfig) -> None:
        name = config.name
        try:
            if is_saved(config):
                await asyncio.to_thread(switch_saved, config, config.enabled)
            else:
                switch_entry(file_for(config.scope, name), name, config.enabled)
        except (ConfigError, OSError) as error:
            raise ConfigError(f"it holds until the program ends: {error}") from error
