"""The tools of configured MCP servers, for as long as a command runs.

Servers are connected in the background: who sends a prompt meanwhile waits for them a short time,
and a server that comes later brings its tools for the next prompt. Without the package
`axio-tools-mcp`, and without a server, nothing is imported and nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from axio.selector import ToolSelector
from axio.tool import AnyTool
from axio_tui.errors import WrongUse
from axio_tui.harmless import visible
from axio_tui.how_many import how_many

if TYPE_CHECKING:
    from axio_tools_mcp.config import MCPServerConfig
    from axio_tools_mcp.elicitation import Elicit
    from axio_tools_mcp.registry import MCPRegistry
    from axio_tools_mcp.trust import AskChange

__all__ = ("NOBODY", "WAIT", "ServerTools", "ServersAsk", "server_tools")

WAIT = 5.0
"""Seconds for which a prompt waits for servers that are being connected."""


@dataclass(frozen=True, slots=True)
class ServersAsk:
    """The ways to the person: `elicit` for what a server wants to know, `approve` for a tool that a
    server describes otherwise than before. Where there is none, the answer is no."""

    elicit: Elicit | None = None
    approve: AskChange | None = None


NOBODY = ServersAsk()


class ServerTools:
    """`tools` for an agent. Where they are many, `selector` shows those that the model has searched
    for. `instructions` are for its system prompt: what the servers say of themselves.

    `on_change` is called after these are new, `on_arrival` after a server has been connected or
    cannot be. `take_in` then makes its tools part of `tools`, which is for the time between two
    prompts. `patience` is how many seconds a prompt waits. `say` tells what cannot wait for that.
    """

    def __init__(
        self, patterns: Sequence[str] | None, asks: ServersAsk = NOBODY, patience: float = WAIT
    ) -> None:
        self.tools: list[AnyTool] = []
        self.selector: ToolSelector | None = None
        self.instructions = ""
        self.on_change: Callable[[], object] = lambda: None
        self.on_arrival: Callable[[], object] = lambda: None
        self.patience = patience
        self.say: Callable[[str], object] = lambda words: None
        self.registry: MCPRegistry | None = None
        """The servers; None until there is one."""
        self.left_out: list[str] = []
        """Lines on what was found and is not used."""
        self.typed: dict[str, asyncio.Queue[str]] = {}
        """The addresses that are typed for servers that are signed in to."""
        self._patterns = patterns
        self._asks = asks
        self._connecting: dict[str, asyncio.Task[None]] = {}
        self._late: set[str] = set()  # no prompt waits for them any more
        self._told: set[str] = set()  # changed tools, and lines on those that are left out
        self._news: list[str] = []
        self._is_stale = False

    @property
    def connecting(self) -> list[str]:
        """The servers that are being connected."""
        return list(self._connecting)

    @property
    def awaited(self) -> list[str]:
        """Those of them that the next prompt waits for."""
        return [name for name in self._connecting if name not in self._late]

    def limit(self, name: str) -> float:
        """The seconds that a server has, to be connected."""
        assert self.registry is not None
        config = self.registry.server_config(name)
        return config.timeout if config.start_timeout is None else config.start_timeout

    def connect(self, configs: Iterable[MCPServerConfig]) -> None:
        """Begin to connect servers, which have names of their own."""
        registry = self.made()
        for name in registry.hold(configs):
            if registry.server_config(name).enabled:
                self.begin(name, partial(registry.connect, name), is_awaited=True)

    def begin(
        self, name: str, work: Callable[[], Awaitable[object]], is_awaited: bool = False
    ) -> None:
        """Do something after which a server has arrived, or cannot be had. The next prompt waits
        for it if it is awaited."""

        async def connect() -> None:
            try:
                await work()
            except MCPServerError as error:
                self._news.append(str(error))
            finally:
                if self._connecting.get(name) is asyncio.current_task():
                    del self._connecting[name]
            self._arrived(name)

        from axio_tools_mcp.errors import MCPServerError

        self.cancel(name)
        (self._late.discard if is_awaited else self._late.add)(name)
        self._connecting[name] = asyncio.create_task(connect(), name=f"connect {name}")

    def cancel(self, name: str) -> None:
        """Give up what was begun with a server."""
        if (task := self._connecting.pop(name, None)) is not None:
            task.cancel()

    def made(self) -> MCPRegistry:
        """The registry, also where there is no server yet. `WrongUse` without the package."""
        if self.registry is None:
            if find_spec("axio_tools_mcp") is None:
                raise WrongUse("MCP servers need axio-tools-mcp, which is not installed")
            from axio_tools_mcp.own_files import FileRegistry
            from axio_tools_mcp.trust import Approvals, approvals_file

            approvals = Approvals(approvals_file(), self._asks.approve)
            self.registry = FileRegistry(approvals=approvals, elicit=self._asks.elicit)
            self.registry.on_change = self._changed
        return self.registry

    def _arrived(self, name: str) -> None:
        registry = self.made()
        if name not in registry.server_names:  # removed meanwhile
            return
        if (error := registry.server_error(name)) and error not in self._news:
            self._news.append(f"left out: {error}")
        elif name in self._late:
            count = registry.server_tool_count(name)
            self._news.append(f"{visible(name)}: {how_many(count, 'tool')}")
        self._late.discard(name)
        if not self._connecting and (missing := self.missing()):
            self._news.append(missing)
        self._is_stale = True
        self.on_arrival()

    def _changed(self) -> None:
        """A server has changed its tools: they hold at once, also in a run that goes on."""
        self._offer()
        self.on_arrival()

    async def ready(self) -> None:
        """Return when all servers are there that a prompt waits for, or have had their time."""
        awaited = self.awaited
        if awaited and self.patience > 0:
            tasks = [self._connecting[name] for name in awaited]
            await asyncio.wait(tasks, timeout=self.patience)
        self._late.update(self._connecting)

    async def settled(self) -> None:
        """Return when every server is there, or cannot be."""
        while self._connecting:
            await asyncio.wait(self._connecting.values())

    def take_in(self) -> list[str]:
        """Let the servers that have arrived be part of `tools`; the lines to tell about them."""
        if self._is_stale:
            self._offer()
        news, self._news = self._news, []
        return news

    def _offer(self) -> None:
        assert self.registry is not None
        registry = self.registry
        self._is_stale = False
        changed = registry.changed_tools
        what = "are refused" if self._asks.approve is None else "ask first"
        self._news += [
            f"{name} is described otherwise than when it was approved, so its calls {what}"
            for name in changed
            if name not in self._told
        ]
        self._told.update(changed)
        left_out = [o for name in registry.server_names for o in registry.left_out(name)]
        self._news += [line for line in left_out if line not in self._told]
        self._told.update(left_out)
        self.instructions = registry.instructions
        self.tools, self.selector = _wanted(registry, self._patterns)
        self.on_change()

    def missing(self) -> str:
        """The words on patterns that fit no tool; "" if all fit one."""
        names = [tool.name for tool in self.registry.all_tools] if self.registry else []
        missing = [
            pattern
            for pattern in self._patterns or ()
            if not any(fnmatchcase(name, pattern) for name in names)
        ]
        if not missing:
            return ""
        there_is = ", ".join(names) or "none"
        named = ", ".join(repr(visible(name)) for name in missing)
        return f"no tool {named}; of MCP servers there is: {there_is}"

    async def close(self) -> None:
        """Close all servers, also those that are being connected."""
        tasks = [*self._connecting.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self.registry is not None:
            await self.registry.close()


@asynccontextmanager
async def server_tools(
    patterns: Sequence[str] | None,
    trusted: bool,
    say: Callable[[str], None],
    asks: ServersAsk = NOBODY,
    *,
    patience: float | None = None,
) -> AsyncIterator[ServerTools]:
    """The tools whose names fit one of `patterns`, or all; the servers run inside the block.

    With `patience` they are connected meanwhile, and no prompt waits longer for them. Without it
    they all are there, or told in one line and left out; `WrongUse` when a pattern fits none.

    Servers of the working folder are used only when it is `trusted`; `open_project` says which are
    left out. `asks` puts questions to the person.
    """
    servers = ServerTools(patterns, asks, patience or 0)
    if patterns == [] or find_spec("axio_tools_mcp") is None:
        yield servers
        return
    from axio_tools_mcp.saved import find_all_servers

    servers.say = say
    found = find_all_servers(trusted=trusted)
    for problem in found.problems:
        say(problem)
    servers.left_out = [*found.problems, *(f"{path}: not trusted" for path in found.untrusted)]
    try:
        if found.servers:
            servers.connect(found.servers.values())
        if patience is None or not found.servers:
            await _all_there(servers, say)
        yield servers
    finally:
        await servers.close()


_SILENCE = 3.0  # seconds after which a person is told what is waited for


async def _all_there(servers: ServerTools, say: Callable[[str], None]) -> None:
    """Wait for all servers, and tell of those that are slow how long they have."""

    def tell() -> None:
        named = [f"{visible(n)} (at most {servers.limit(n):g} s)" for n in servers.connecting]
        say(f"waiting for MCP servers: {', '.join(named)}; their start_timeout sets it")

    telling = asyncio.get_running_loop().call_later(_SILENCE, tell)
    try:
        await servers.settled()
    finally:
        telling.cancel()
    missing = servers.missing()
    for line in servers.take_in():
        if line != missing:
            say(line)
    if missing:
        raise WrongUse(missing)


def _wanted(
    registry: MCPRegistry, patterns: Sequence[str] | None
) -> tuple[list[AnyTool], ToolSelector | None]:
    """The tools that the servers have now, behind a search where they are many."""
    from axio_tools_mcp.search import ToolSearch

    tools = [t for t in registry.all_tools if patterns is None or _is_wanted(t.name, patterns)]
    always = [tool.name for tool in tools if registry.is_always_shown(tool.name)]
    search = ToolSearch.past_threshold(tools, always=always)
    return (tools, None) if search is None else ([search.tool, *tools], search)


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
