"""One server for as long as it is wanted: connected, connected again when it went away, closed.

A task of its own, the owner, opens and closes every connection. Calls are made by their own tasks,
so that what happens to a connection never cancels the one who waits for an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from axio.run import RUN
from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.content import bytes_of
from axio_tools_mcp.elicitation import Elicit
from axio_tools_mcp.errors import (
    CallTimeout,
    ConnectError,
    ConnectionLost,
    MCPServerError,
    ToolCallError,
)
from axio_tools_mcp.library import require_library
from axio_tools_mcp.patience import Patience
from axio_tools_mcp.questions import Questions
from axio_tools_mcp.skills import Skill, checked, skill_of
from axio_tools_mcp.variables import expanded

if TYPE_CHECKING:
    from axio_tools_mcp.wire import CallToolResult, Connection, ListedTool

__all__ = ("BACK_OFF", "MCPSession")

logger = logging.getLogger(__name__)

T = TypeVar("T")

BACK_OFF = (0.2, 1.0, 3.0, 10.0, 30.0)
"""Seconds before each attempt to connect again; then it is given up until something is asked."""

_STEADY = 60.0  # seconds after which a connection was a good one, and attempts are counted anew
_BURST = 0.1  # seconds in which changes of a list are one


class MCPSession:
    """`connect`, ask, `close`: in one event loop, by any of its tasks.

    `on_change` is called with the kind of a list that may have changed ("tools", "prompts" or
    "resources"). `elicit` is asked when the server wants something of a person in the middle of a
    call, whose limits do not count that time; without it the server is told that nobody is there.
    """

    def __init__(
        self,
        config: MCPServerConfig,
        *,
        on_change: Callable[[str], object] | None = None,
        elicit: Elicit | None = None,
    ) -> None:
        self.config = config
        self.on_change = on_change
        self.elicit = elicit
        self.error = ""
        """Why it is not connected, on one line."""
        self._connection: Connection | None = None
        self._owner: asyncio.Task[None] | None = None
        self._questions = Questions()
        self._leaving = False
        self._changed: set[str] = set()
        self._listed: dict[str, ListedTool] = {}

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    @property
    def protocol_version(self) -> str:
        """The revision of the protocol that is spoken, a date; "" while it is not connected."""
        return "" if self._connection is None else self._connection.client.protocol_version

    @property
    def instructions(self) -> str:
        """The server's own words on how to use it; "" when it has none, or is not connected."""
        return "" if self._connection is None else self._connection.client.instructions or ""

    async def connect(self) -> None:
        """Connect, unless it is connected. Raises `MCPServerError`, and then nothing is left."""
        if self._connection is not None:
            return
        if self._owner is None or self._owner.done():
            self._start()
        try:
            await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            await self.close()
            raise
        except MCPServerError:
            self._owner = None
            raise

    async def close(self) -> None:
        """End the connection, and with it the server if it was started here."""
        owner, self._owner = self._owner, None
        if owner is None or owner.done():
            return
        self._leaving = True
        if self._connection is None:
            owner.cancel()
        else:
            self._lost.set()
        try:
            await asyncio.wait([owner])
        except asyncio.CancelledError:
            owner.cancel()  # what it closes ends by force
            await asyncio.wait([owner])
            raise

    # ── requests ──────────────────────────────────────────────────────────────────────────────

    async def list_tools(self) -> list[ListedTool]:
        """All tools that the server has now."""
        tools = await self._ask("its tools", lambda connection, _: connection.list_tools())
        self._listed = {tool.name: tool for tool in tools}
        return tools

    async def list_resources(self) -> list[Any]:
        """The resources of the server, each with `uri`, `name` and `description`."""
        return await self._ask("its resources", lambda c, _: c.list_resources())

    async def list_resource_templates(self) -> list[Any]:
        """Patterns of addresses, each with `uri_template`, `name` and `description`."""
        return await self._ask("its resource templates", lambda c, _: c.list_resource_templates())

    async def read_resource(self, uri: str) -> Any:
        """The `contents` of a resource, each with `uri` and `text` or `blob`."""
        return await self._ask(f"resource {uri!r}", lambda c, _: c.read_resource(uri))

    async def list_prompts(self) -> list[Any]:
        """The prompts of the server, each with `name`, `description` and `arguments`."""
        return await self._ask("its prompts", lambda c, _: c.list_prompts())

    async def get_prompt(self, name: str, arguments: dict[str, str] | None = None) -> Any:
        """The `messages` of a prompt, each with a `role` and `content`."""
        return await self._ask(f"prompt {name!r}", lambda c, _: c.get_prompt(name, arguments))

    async def list_skills(self) -> list[Skill]:
        """The skills that the server serves, without their files. Those that may not be loaded are
        logged and left out."""
        found = []
        for entry in await self._ask("its skills", lambda c, _: c.list_skills()):
            try:
                found.append(skill_of(entry))
            except ValueError as error:
                logger.warning("MCP server %r, left out a skill: %s", self.config.name, error)
        return found

    async def get_skill(self, uri: str) -> Skill:
        """The skill at this address, as it is now; it need not be listed."""
        for skill in await self.list_skills():
            if skill.uri == uri:
                return skill
        entry = await self._ask(f"skill {uri!r}", lambda c, _: c.get_skill(uri))
        with self._telling(f"skill {uri!r}"):
            return skill_of(entry)

    async def read_skill(self, skill: Skill, file: str = "") -> bytes:
        """A file of a skill, SKILL.md unless another is named. Raises `ToolCallError` for a file
        that is not the one that `skill` describes."""
        with self._telling(f"skill {skill.uri!r}"):
            uri = skill.address(file)
        read = await self.read_resource(uri)
        with self._telling(f"skill {skill.uri!r}"):
            return checked(skill, uri, b"".join(bytes_of(part) for part in read.contents))

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Tell what is wrong with an answer, and of which server it is."""
        try:
            yield
        except ValueError as error:
            raise ToolCallError(f"MCP server {self.config.name!r}, {what}: {error}") from None

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> CallToolResult:
        """The server's result, which may be an error. Raises `MCPServerError` where there is none.

        Inside of a run its progress is shown as output of the call. When the server goes away, the
        call is made again only if its tool calls itself idempotent or read-only.
        """
        run = RUN.get(None)
        shown = run if run is not None and run.call_id is not None else None

        async def ask(connection: Connection, patience: Patience) -> CallToolResult:
            async def progressed(progress: float, total: float | None, message: str | None) -> None:
                patience.heard()
                if shown is not None:
                    shown.progress(progress_line(progress, total, message))

            return await connection.call_tool(name, arguments or {}, progressed)

        try:
            return await self._ask(f"tool {name!r}", ask)
        except ConnectionLost as lost:
            if not self._may_repeat(name):
                raise ConnectionLost(
                    f"{lost}. It may have done its work or not: look before calling it again"
                ) from lost
        return await self._ask(f"tool {name!r}", ask)

    async def _ask(self, what: str, ask: Callable[[Connection, Patience], Awaitable[T]]) -> T:
        config = self.config
        connection = await self._connected()
        try:
            async with Patience(idle=config.timeout, total=config.total_timeout) as patience:
                with self._questions.during(patience):
                    return await ask(connection, patience)
        except TimeoutError as error:
            raise CallTimeout(f"MCP server {config.name!r}, {what}: {error}") from None
        except ConnectionLost:
            if connection is self._connection:
                self._lose()
            raise

    def _may_repeat(self, name: str) -> bool:
        listed = self._listed.get(name)
        hints = None if listed is None else listed.annotations
        return hints is not None and bool(hints.idempotent_hint or hints.read_only_hint)

    # ── the connection ────────────────────────────────────────────────────────────────────────

    async def _connected(self) -> Connection:
        """The connection; while it is made again it is waited for."""
        if self._connection is not None:
            return self._connection
        if self._owner is None:
            raise RuntimeError("Not connected")
        if self._owner.done():
            self._start()
        try:
            async with asyncio.timeout(self.config.timeout):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            why = self.error or f"MCP server {self.config.name!r}: it is not connected yet"
            raise ConnectError(why) from None

    def _start(self) -> None:
        config = expanded(self.config)
        self._leaving = self._was_connected = False
        self._renew()
        self._owner = asyncio.create_task(self._own(config), name=f"mcp {self.config.name}")

    def _renew(self) -> None:
        """From here on a connection is waited for."""
        self._connection = None
        self._ready: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(_retrieve)

    def _lose(self) -> None:
        """The connection is of no use any more."""
        if self._connection is not None:
            self._renew()
            self._lost.set()

    async def _own(self, config: MCPServerConfig) -> None:
        """Connect, and again whenever the connection ends, until it is left or given up."""
        loop = asyncio.get_running_loop()
        pauses = iter(BACK_OFF)
        failure: Exception = RuntimeError("Not connected")
        try:
            # The library takes a second to import, in which the loop goes on.
            try:
                require_library()
                wire = await asyncio.to_thread(import_module, "axio_tools_mcp.wire")
            except ImportError as error:
                failure = ConnectError(f"MCP server {config.name!r}: {error}")
                return
            while True:
                began = loop.time()
                failure = await self._live(wire, config)
                self.error = str(failure)
                if loop.time() - began > _STEADY:
                    pauses = iter(BACK_OFF)
                pause = next(pauses, None) if self._was_connected else None
                if self._leaving or pause is None:
                    return
                logger.warning("%s; connecting again in %g s", failure, pause)
                await asyncio.sleep(pause)
        finally:
            if not self._ready.done():
                self._ready.set_exception(failure)

    async def _live(self, wire: Any, config: MCPServerConfig) -> MCPServerError:
        """Be connected for as long as it goes; returns why it does not any more."""
        lost = self._lost = asyncio.Event()
        elicit = None if self.elicit is None else partial(self._questions.ask, self.elicit)
        hooks = wire.Hooks(self._said, self._note_change, self._lose, elicit)
        try:
            async with wire.connect(config, hooks) as connection:
                self._connection = connection
                self.error = ""
                self._ready.set_result(connection)
                if self._was_connected:
                    for kind in ("tools", "prompts", "resources"):
                        self._note_change(kind)
                self._was_connected = True
                await lost.wait()
            why = connection.witness.ended or "the connection has ended"
            return ConnectError(f"MCP server {config.name!r}: {why}")
        except MCPServerError as error:
            return error
        finally:
            if self._connection is not None:
                self._renew()

    def _said(self, line: str) -> None:
        logger.warning("[mcp:%s] %s", self.config.name, line)

    def _note_change(self, kind: str) -> None:
        """Tell of a burst of changes once."""
        if not self._changed:
            asyncio.get_running_loop().call_later(_BURST, self._tell_changes)
        self._changed.add(kind)

    def _tell_changes(self) -> None:
        changed, self._changed = self._changed, set()
        if self.on_change is not None:
            for kind in sorted(changed):
                self.on_change(kind)


def progress_line(progress: float, total: float | None, message: str | None) -> str:
    """A line that shows how far a server is."""
    how_far = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
    return f"{how_far}: {message}\n" if message else f"{how_far}\n"


def _retrieve(ready: asyncio.Future[Any]) -> None:
    """A failure that nobody waits for is in `error`, and asyncio need not report it."""
    if not ready.cancelled():
        ready.exception()
