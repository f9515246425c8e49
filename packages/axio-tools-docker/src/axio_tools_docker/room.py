"""A room: one container, from the moment it is needed until it is needed no more, and its commands.

What a program that was killed has left behind is removed by the next one that opens a room.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress

from axio_tools_docker import inside, owner
from axio_tools_docker._engine import Engine
from axio_tools_docker.command import Command
from axio_tools_docker.container import Container, sweep
from axio_tools_docker.errors import ContainerGone, EngineError, EngineUnavailable
from axio_tools_docker.settings import Settings

_KILL_SECONDS = 8.0  # for a program that ends others to start and to do it; a tenth is usual
_MORE_PROCESSES = 16  # than the limit, so that there is room for what ends the others


class Room:
    """Opened and closed once, in one event loop."""

    def __init__(self, settings: Settings, *, url: str | None, name: str | None) -> None:
        self.settings = settings
        self.user = settings.user
        self._url = url
        self._engine: Engine | None = None
        self._container = Container(settings, name)
        self._is_there = False
        self._is_left = False
        self._making = asyncio.Lock()
        self._running: set[Command] = set()
        self._unended: list[Command] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._turn = asyncio.Lock()

    # ── opening and closing ───────────────────────────────────────────────────────────────────

    @property
    def container(self) -> str:
        """The name of the container."""
        return self._container.name

    @property
    def has_marks(self) -> bool:
        return self._container.has_marks

    async def open(self) -> None:
        self._engine = Engine(self._url)
        try:
            await self._engine.ping()
            await sweep(self._engine)
            await self._be_there()
        except BaseException:
            with suppress(EngineError):  # the first error is the one to be told
                await self.close()
            raise

    async def close(self) -> None:
        """Remove all that was made here. A container with a name is left to be used again."""
        if self._engine is not None:
            # Goes on if this is cancelled: nothing may be left.
            await asyncio.shield(asyncio.ensure_future(self._close(self._engine)))

    async def _close(self, engine: Engine) -> None:
        self._is_left = True
        try:
            if self._endings:
                await asyncio.wait(self._endings)
            with suppress(EngineError):
                await self._catch_up(engine)
            await self._container.remove(engine)
        finally:
            self._engine = None
            await engine.close()

    async def _be_there(self) -> Engine:
        engine = self._engine
        if engine is None or self._is_left:
            raise RuntimeError("the workspace is used outside of its `async with` block")
        async with self._making:
            if not self._is_there:
                await self._container.be_there(engine)
                self._is_there = True
                await self._end_what_is_left(engine)
            try:
                await self._catch_up(engine)
            except ContainerGone as error:
                raise await self.gone(self._container.id) or error from None
        return engine

    async def _end_what_is_left(self, engine: Engine) -> None:
        """End what programs that were killed have left running in a container with a name."""
        if self._container.keeps:
            for argv in await engine.executed(self._container.id):
                if inside.LAUNCH in argv[:3] and owner.lives(argv[3]) is False:
                    await self._kill(engine, argv[5], ())

    async def _catch_up(self, engine: Engine) -> None:
        """End the commands that could not be ended when it was time, since no engine answered."""
        while self._unended:
            command = self._unended[-1]
            await self._kill(engine, str(command.mark), command.tidy, not self.has_marks)
            self._unended.remove(command)

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    async def admit(self, command: Command) -> tuple[Engine, str]:
        engine = await self._be_there()
        if not self.has_marks:  # what belongs to which command could not be told
            await self._turn.acquire()
        while not self._quiet.is_set():
            await self._quiet.wait()
        self._running.add(command)
        return engine, self._container.id

    def leave(self, command: Command) -> None:
        if command in self._running:
            self._running.remove(command)
            if self._turn.locked():
                self._turn.release()

    def remember(self, ending: asyncio.Task[None]) -> None:
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def gone(self, container: str) -> ContainerGone | None:
        if self._engine is None:
            return None
        gone = await self._container.gone(self._engine, container)
        if gone is not None and container == self._container.id:
            self._is_there = False
        return gone

    async def end(self, command: Command) -> None:
        """End all that the command has started: alone if that is possible, at any cost if not."""
        engine = self._engine
        try:
            if engine is not None and command in self._running:
                await self._end(engine, command)
        except EngineError as error:
            is_gone = isinstance(error, ContainerGone)
            if command.tidy or not is_gone:
                self._unended.append(command)
            if not is_gone:
                raise
        finally:
            self._quiet.set()
            self.leave(command)

    async def _end(self, engine: Engine, command: Command) -> None:
        mark, tidy = str(command.mark), command.tidy
        company = self._running - {command}
        shares = company or self._container.keeps or self._is_root
        if shares and await self._kill(engine, mark, tidy):
            return
        self._quiet.clear()  # nothing is started from here on, so nothing else can be hit
        company = self._running - {command}
        for other in company:
            other.notes.append("ended with another command, which could not be ended by itself")
        if not self._is_root:
            if await self._kill(engine, mark, tidy, everything=True):
                return
            if await self._kill_with_room(engine, mark, tidy):
                return
        await self._container.restart(engine)
        await self._kill(engine, mark, tidy)
        for each in self._running:
            each.notes.append(
                "the container had to be started again to end this; its temporary folders are empty"
            )

    @property
    def _is_root(self) -> bool:
        return self.user.partition(":")[0] in ("0", "root")

    async def _kill(
        self, engine: Engine, mark: str, tidy: Sequence[str], everything: bool = False
    ) -> bool:
        """True if nothing is left."""
        token = secrets.token_hex(4)
        argv = ["/bin/sh", "-c", inside.KILL, "sh", token, mark, "1" if everything else ""]
        argv += tidy or (":",)
        said = b""
        try:
            async with (
                asyncio.timeout(_KILL_SECONDS),
                engine.execute(self._container.id, argv, user=self.user) as execution,
            ):
                while (output := await execution.read()) is not None:
                    said += output.data
        except TimeoutError:
            return False
        except EngineError as error:
            if isinstance(error, (ContainerGone, EngineUnavailable)):
                raise
            return False
        return said.decode("utf-8", "replace").split()[:2] == [token, inside.CLEAN]

    async def _kill_with_room(self, engine: Engine, mark: str, tidy: Sequence[str]) -> bool:
        """Where no process may be started any more, allow some for what ends the others."""
        limit = self.settings.limits.processes
        if limit is None:
            return False
        try:
            await engine.allow_processes(self._container.id, limit + _MORE_PROCESSES)
            ended = await self._kill(engine, mark, tidy, everything=True)
            await engine.allow_processes(self._container.id, limit)
        except EngineError:  # not every engine can
            return False
        return ended
