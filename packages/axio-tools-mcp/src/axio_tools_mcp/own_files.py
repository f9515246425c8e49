"""`FileRegistry`: servers that are kept in the files where people write them."""

from __future__ import annotations

from axio_tools_mcp.edit import add_entry, entry_of, file_for, remove_entry, switch_entry
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.registry import MCPRegistry, Server

__all__ = ("FileRegistry",)


class FileRegistry(MCPRegistry):
    """A registry whose servers are added to `mcp.json` of the user or, with the scope "project", of
    the working folder, changed there and taken out. `ConfigError` for a file that has to be edited
    by hand."""

    async def _write(self, server: Server) -> None:
        add_entry(file_for(server.scope), server.config.name, entry_of(server.config))

    async def _erase(self, server: Server) -> None:
        remove_entry(file_for(server.scope, server.config.name), server.config.name)

    async def _keep_switch(self, server: Server) -> None:
        name = server.config.name
        try:
            switch_entry(file_for(server.scope, name), name, server.config.enabled)
        except (ConfigError, OSError) as error:
            raise ConfigError(f"it holds until the program ends: {error}") from error
