"""The servers of a program: added, changed and removed by name, with all their tools."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from axio.tool import Tool
from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.elicitation import Elicit
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.rows import ConfigRows, erase_rows, read_rows, write_rows
from axio_tools_mcp.session import MCPSession
from axio_tools_mcp.tools import load_tools
from axio_tools_mcp.trust import Approvals, ChangedTool, ToolChange

if TYPE_CHECKING:
    from axio_tools_mcp.signing_in import ReadLine

__all__ = ("ConfigRows", "MCPRegistry")

logger = logging.getLogger(__name__)

_SAID = 4000  # characters of what a server may say of itself
_MOST_LINES = 20  # on tools of one server that are left out


@dataclass(slots=True)
class Server:
    config: MCPServerConfig
    scope: str
    session: MCPSession
    tools: list[Tool[Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    error: str = ""
    connecting: int = 0
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)


class MCPRegistry:
    """Servers by name. One that cannot be connected is kept with its error, and so is one that is
    switched off.

    `on_change`, when it is set, is called after the tools of a server have changed, by themselves
    or because something was done with the server.
    `approvals` remember how tools were described, and `elicit` asks a person for a server.
    """

    def __init__(self, *, approvals: Approvals | None = None, elicit: Elicit | None = None) -> None:
        self.on_change: Callable[[], object] | None = None
        self._approvals = approvals
        self._elicit = elicit
        self._servers: dict[str, Server] = {}
        self._rows: dict[str, ConfigRows | None] = {"project": None, "global": None}
        self._refreshing: set[asyncio.Task[None]] = set()
        self._of_files: set[str] = set()

    async def init(
        self,
        config: ConfigRows | None = None,
        global_config: ConfigRows | None = None,
        *,
        others: Iterable[MCPServerConfig] = (),
    ) -> None:
        """Load what is configured, and connect it side by side with `others`.

        Of servers with one name that of `others` is used, else the global one. Those of `others`
        come from files, and are changed there alone: `ConfigError` names the file.
        """
        self._rows = {"project": config, "global": global_config}
        servers = [*others]
        self._of_files.update(config.name for config in servers)
        for scope in ("global", "project"):
            rows = self._rows[scope]
            if rows is not None:
                servers += await read_rows(rows, scope)
        await self.connect_all(servers)

    async def connect_all(self, servers: Iterable[MCPServerConfig]) -> None:
        """Add servers without keeping them, and connect them side by side, except for those that
        are switched off. Names that are taken are left out."""
        await _all(self.connect(name) for name in self.hold(servers))

    def hold(self, servers: Iterable[MCPServerConfig]) -> list[str]:
        """Add servers without keeping or connecting them; the names that are new."""
        new = []
        for config in servers:
            if config.name not in self._servers:
                self._put(config, config.scope)
                new.append(config.name)
        return new

    async def connect(self, name: str) -> None:
        """Connect a server anew, whatever its state, unless it is switched off."""
        server = self._servers[name]
        await server.session.close()
        server.tools, server.left_out = [], []
        await self._connect(server)

    async def add_server(self, cfg: MCPServerConfig, scope: str | None = None) -> None:
        """Keep and connect a server. `ValueError` when there is one of this name."""
        if cfg.name in self._servers:
            raise ValueError(f"MCP server {cfg.name!r} already exists")
        server = self._put(cfg, scope or cfg.scope)
        try:
            await _whole(self._write(server.config))
        except Exception:
            del self._servers[cfg.name]
            raise
        await self._connect(server)
        self._tell()

    async def remove_server(self, name: str) -> None:
        """Close a server and forget it. `KeyError` when there is none of this name."""
        self._check_own(name)
        await _whole(self._erase(self._servers[name].config))
        server = self._servers.pop(name)
        await server.session.close()
        self._tell()

    async def update_server(
        self, name: str, cfg: MCPServerConfig, scope: str | None = None
    ) -> None:
        """Replace a server. It is connected anew only if its name or its connection has changed."""
        old = self._servers[name]
        self._check_own(name)
        if cfg.name != name and cfg.name in self._servers:
            raise ValueError(f"MCP server {cfg.name!r} already exists")
        same = _connection_of(old.config) == _connection_of(cfg)
        cfg = dataclasses.replace(cfg, scope=scope or old.scope, source="")
        await _whole(self._replace(old.config, cfg))
        if same:
            old.scope = cfg.scope
            old.config = cfg
            old.session.config = cfg
            if old.session.is_connected:
                await self._load(old)
            self._tell()
            return
        await old.session.close()
        server = self._put(cfg, cfg.scope)
        order = {cfg.name if key == name else key: value for key, value in self._servers.items()}
        self._servers = {**order, cfg.name: server}
        await self._connect(server)
        self._tell()

    async def reconnect(self, name: str) -> None:
        """As `connect`, and tell that its tools have changed."""
        await self.connect(name)
        self._tell()

    async def switch(self, name: str, on: bool) -> None:
        """Switch a server on or off, and keep that."""
        server = self._servers[name]
        self._check_own(name)
        server.config = dataclasses.replace(server.config, enabled=on)
        server.session.config = server.config
        if on:
            await self.reconnect(name)
        else:
            await server.session.close()
            server.tools, server.left_out = [], []
            server.error = server.session.error = ""
            self._tell()
        await _whole(self._keep_switch(server.config))

    async def sign_in(
        self,
        name: str,
        say: Callable[[str], object],
        open_browser: bool | Callable[[str], object] = True,
        read_line: ReadLine | None = None,
    ) -> None:
        """Let a person sign in to a server, as `BrowserLogin` does, and connect it anew. Raises
        `MCPServerError`."""
        from axio_tools_mcp.signing_in import sign_in

        await sign_in(self._servers[name].config, say, open_browser, read_line)
        await self.reconnect(name)

    async def approve(self, name: str) -> None:
        """From now on the tools of a server are approved as it describes them now."""
        server = self._servers[name]
        if self._approvals is not None:
            for change in self.changes(name):
                self._approvals.approve_change(server.config, change)
            await self._load(server)
        self._tell()

    async def close(self) -> None:
        """Close all connections; nothing that is kept changes."""
        servers = [*self._servers.values()]
        self._servers.clear()
        for task in self._refreshing:
            task.cancel()
        await _all(server.session.close() for server in servers)

    # ── what there is ─────────────────────────────────────────────────────────────────────────

    @property
    def all_tools(self) -> list[Tool[Any]]:
        """The tools of all servers, in the order of the servers."""
        tools: dict[str, Tool[Any]] = {}
        for server in self._servers.values():
            for tool in server.tools:
                tools.setdefault(tool.name, tool)
        return list(tools.values())

    @property
    def changed_tools(self) -> list[str]:
        """The tools that are described otherwise than when they were approved."""
        return [tool.name for tool in self.all_tools if _change_of(tool) is not None]

    def changes(self, name: str) -> list[ToolChange]:
        """The changes of the tools of a server that no person has approved."""
        return [c for tool in self._servers[name].tools if (c := _change_of(tool)) is not None]

    @property
    def server_names(self) -> list[str]:
        return list(self._servers)

    def server_status(self, name: str) -> str:
        """ "connected", "error" or "disconnected"."""
        server = self._servers.get(name)
        if server is None:
            return "disconnected"
        if server.session.is_connected:
            return "connected"
        return "error" if self.server_error(name) else "disconnected"

    def is_connecting(self, name: str) -> bool:
        """True while a server is on its way."""
        server = self._servers.get(name)
        return server is not None and server.connecting > 0

    def server_tools(self, name: str) -> list[Tool[Any]]:
        """The tools of one server."""
        return list(self._servers[name].tools)

    def server_error(self, name: str) -> str:
        """Why a server is not connected, or its tools cannot be had, on one line; "" when there is
        nothing to say."""
        server = self._servers[name]
        return server.error if server.session.is_connected else server.session.error or server.error

    def server_tool_count(self, name: str) -> int:
        server = self._servers.get(name)
        return 0 if server is None else len(server.tools)

    def left_out(self, name: str) -> list[str]:
        """A line for each tool of a server that is not among `server_tools`, as it is listed twice
        or described in a way that cannot be used."""
        return list(self._servers[name].left_out)

    @property
    def instructions(self) -> str:
        """The words of the servers on themselves, for a system prompt; "" when they say nothing."""
        parts = [
            f"The MCP server {name!r} says of itself:\n{words[:_SAID]}"
            for name, server in self._servers.items()
            if (words := server.session.instructions.strip())
        ]
        return "\n\n" + "\n\n".join(parts) + "\n" if parts else ""

    def is_always_shown(self, tool: str) -> bool:
        """True for a tool of a server that is configured so."""
        servers = self._servers.values()
        return any(s.config.always and any(t.name == tool for t in s.tools) for s in servers)

    def server_config(self, name: str) -> MCPServerConfig:
        return self._servers[name].config

    def get_server_scope(self, name: str) -> str:
        return self._servers[name].scope

    def _check_own(self, name: str) -> None:
        """Refuse what would hold here only until the file of the server is read again."""
        if name in self._of_files:
            from axio_tools_mcp.edit import file_for, quoted

            file = file_for(self._servers[name].scope, name)
            raise ConfigError(f"MCP server {quoted(name)} comes from a file: edit {file}")

    # ── one server ────────────────────────────────────────────────────────────────────────────

    def _put(self, config: MCPServerConfig, scope: str) -> Server:
        if config.scope != scope:
            config = dataclasses.replace(config, scope=scope)
        session = MCPSession(config, elicit=self._elicit)
        server = self._servers[config.name] = Server(config, scope, session)
        session.on_change = lambda kind: self._changed(server, kind)
        return server

    async def _connect(self, server: Server) -> None:
        if not server.config.enabled:
            return
        server.connecting += 1
        try:
            await self._connect_now(server)
        finally:
            server.connecting -= 1

    async def _connect_now(self, server: Server) -> None:
        try:
            await server.session.connect()
        except Exception as error:
            server.error = str(error)
            logger.warning("%s", error)
        else:
            await self._load(server)

    async def _load(self, server: Server) -> None:
        left_out: list[str] = []
        try:
            async with server.loading:  # so that the last list is the one that stays
                tools = await load_tools(server.session, self._approvals, left_out.append)
        except Exception as error:
            server.error = str(error)
            logger.warning("%s", error)
        else:
            if server.config.enabled:  # else it was switched off meanwhile
                server.tools, server.left_out, server.error = tools, _shortened(left_out), ""
        for line in _shortened(left_out):
            logger.warning("%s", line)

    def _changed(self, server: Server, kind: str) -> None:
        if kind == "tools" and self._servers.get(server.config.name) is server:
            task = asyncio.create_task(self._refresh(server))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)

    async def _refresh(self, server: Server) -> None:
        await self._load(server)
        self._tell()

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()

    async def _write(self, config: MCPServerConfig) -> None:
        rows = self._rows.get(config.scope)
        if rows is not None:
            await write_rows(rows, config)

    async def _erase(self, config: MCPServerConfig) -> None:
        rows = self._rows.get(config.scope)
        if rows is not None:
            await erase_rows(rows, config)

    async def _replace(self, old: MCPServerConfig, new: MCPServerConfig) -> None:
        await self._write(new)
        if (old.name, old.scope) != (new.name, new.scope):
            await self._erase(old)

    async def _keep_switch(self, config: MCPServerConfig) -> None:
        await self._write(config)


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do all of it, also when this is cancelled meanwhile: a part of a server is of no use."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _all(work: Iterable[Any]) -> None:
    """Do it side by side; when this is cancelled, all of it is, and is waited for."""
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)


def _shortened(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {more} more are left out"] if more > 0 else lines


def _change_of(tool: Tool[Any]) -> ToolChange | None:
    """The change of a tool that no person has approved."""
    for guard in tool.guards:
        if isinstance(guard, ChangedTool) and not guard.approved:
            return guard.change
    return None


def _connection_of(config: MCPServerConfig) -> MCPServerConfig:
    """The part of a configuration for which a server has to be connected anew."""
    kept = MCPServerConfig("-", command="-")
    names = ("timeout", "total_timeout", "scope", "tools", "without", "always", "max_result")
    return dataclasses.replace(config, **{name: getattr(kept, name) for name in names})
