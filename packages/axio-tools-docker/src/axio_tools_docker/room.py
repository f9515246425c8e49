"""A room: one container, from the moment it is needed until it is needed no more.

It is made when the room is opened, made again when it has gone, and removed when it is closed. What
a program that was killed has left behind is removed by the next one that opens a room.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from axio_tools_docker import inside, owner
from axio_tools_docker._engine import Engine, Found
from axio_tools_docker.command import Command
from axio_tools_docker.copy import archive_of, tag_of
from axio_tools_docker.errors import (
    ContainerGone,
    EngineError,
    EngineUnavailable,
    ImageUnavailable,
    NameInUse,
)
from axio_tools_docker.settings import Settings

KEPT = "axio.kept"
"""The label of a container with a name of its own: the digest of its settings."""

_KILL_SECONDS = 8.0  # for a program that ends others to start and to do it; a tenth is usual
_STOP_LOOKS = 500  # until a container must be seen to have ended
_MADE_SECONDS = 30.0  # for the engine to make what it was asked for
_MORE_PROCESSES = 16  # than the limit, so that there is room for what ends the others
_ROOT = "0:0"


class Room:
    """Opened and closed once, in one event loop."""

    def __init__(self, settings: Settings, *, url: str | None, name: str | None) -> None:
        self.settings = settings
        self.user = settings.user
        self._url = url
        self._keeps = name is not None
        self._name = name or f"axio-{secrets.token_hex(6)}"
        self._engine: Engine | None = None
        self._is_there = False
        self._has_volume = False
        self._making = asyncio.Lock()
        self._running: set[Command] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.has_marks = True
        self._turn = asyncio.Lock()

    # ── opening and closing ───────────────────────────────────────────────────────────────────

    @property
    def container(self) -> str:
        """The name of the container."""
        return self._name

    async def open(self) -> None:
        self._engine = Engine(self._url)
        try:
            await self._engine.ping()
            await sweep(self._engine)
            await self._be_there()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Remove all that was made here. A container with a name is left to be used again."""
        if self._engine is not None:
            # Goes on if this is cancelled: nothing may be left.
            await asyncio.shield(asyncio.ensure_future(self._close(self._engine)))

    async def _close(self, engine: Engine) -> None:
        self._engine = None
        try:
            if not self._keeps:
                await engine.remove(self._name)
                if self.settings.is_copy:
                    await engine.remove_volume(self._name)
            if self._endings:
                await asyncio.wait(self._endings)
        finally:
            await engine.close()

    async def _be_there(self) -> Engine:
        engine = self._engine
        if engine is None:
            raise RuntimeError("the workspace is used outside of its `async with` block")
        async with self._making:
            if not self._is_there:
                await self._make(engine)
                self._is_there = True
        return engine

    async def _make(self, engine: Engine) -> None:
        settings = self.settings
        found = await engine.find(self._name) if self._keeps else None
        if found is not None and found.labels.get(KEPT) != settings.digest:
            raise NameInUse(
                f"there is a container {self._name} that was not made with these settings: choose "
                f"another name, or remove it (docker rm -f {self._name})"
            )
        if found is None:
            await self._create(engine, await self._image(engine))
        try:
            if found is None or found.state != "running":
                await engine.start(self._name)
            await self._prepare(engine)
        except BaseException as error:
            ended = isinstance(error, EngineError) and await self._ended_at_once(engine, error)
            if found is None:
                await asyncio.shield(asyncio.ensure_future(engine.remove(self._name)))
            if ended:
                raise ImageUnavailable(
                    f"the container ended at once: the image {settings.image} has no shell "
                    "(/bin/sh), which the tools need, or the limits are too low for one"
                ) from error
            raise

    async def _image(self, engine: Engine) -> str:
        dockerfile = self.settings.dockerfile
        if dockerfile is None:
            if not await engine.has_image(self.settings.image):
                await engine.pull(self.settings.image)
            return self.settings.image
        folder, name = os.path.split(dockerfile)
        with await asyncio.to_thread(archive_of, folder, _ROOT) as context:
            tag = await asyncio.to_thread(tag_of, context)
            if not await engine.has_image(tag):
                await engine.build(context, name, tag)
        return tag

    async def _create(self, engine: Engine, image: str) -> None:
        settings = self.settings
        labels = {KEPT: settings.digest} if self._keeps else {owner.LABEL: owner.this_process()}
        fresh = settings.is_copy and not self._has_volume
        if fresh:
            await _completed(engine.create_volume(self._name, labels))
        try:
            body = {**settings.body(labels, self._name), "Image": image}
            await _completed(engine.create(body, self._name))
        except NameInUse:
            raise NameInUse(f"there is another container {self._name}: try again") from None
        if fresh:
            assert settings.root is not None
            archive = await asyncio.to_thread(archive_of, settings.root, settings.user)
            with archive:
                await engine.put(self._name, settings.workdir, archive)
            self._has_volume = True

    async def _ended_at_once(self, engine: Engine, error: EngineError) -> bool:
        """True if the main process is the reason why the container cannot be used."""
        if isinstance(error, EngineUnavailable):
            return False
        found = await engine.find(self._name)
        return "/bin/sh" in str(error) or (found is not None and found.state == "exited")

    async def _prepare(self, engine: Engine) -> None:
        argv = ["/bin/sh", "-c", inside.PREPARE, "sh", *self.settings.opened, "", *inside.NEEDED]
        said = []
        async with engine.execute(self._name, argv, user=_ROOT) as execution:
            while (output := await execution.read()) is not None:
                if output.stream == "stdout":
                    said.append(output.data.decode("utf-8", "replace"))
        missing = "".join(said).split("\n")[:-1]
        self.has_marks = inside.MARKS not in missing
        missing = [name for name in missing if name != inside.MARKS]
        if missing:
            raise ImageUnavailable(
                f"in the image {self.settings.image} the tools lack {', '.join(missing)}"
            )

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    async def admit(self, command: Command) -> tuple[Engine, str]:
        engine = await self._be_there()
        if not self.has_marks:  # what belongs to which command could not be told
            await self._turn.acquire()
        while not self._quiet.is_set():
            await self._quiet.wait()
        self._running.add(command)
        return engine, self._name

    def leave(self, command: Command) -> None:
        if command in self._running:
            self._running.remove(command)
            if self._turn.locked():
                self._turn.release()

    async def gone(self) -> ContainerGone | None:
        engine = self._engine
        if engine is not None and self._is_there:
            found = await engine.find(self._name)
            if found is not None and found.state == "running":
                return None
            self._is_there = False
            if found is not None and not self._keeps:
                await engine.remove(self._name)
        lost = "" if self.settings.root is None else " of its temporary folders"
        return ContainerGone(
            f"the container {self._name} has ended or was removed; the next call starts a new one, "
            f"without the files{lost}"
        )

    async def end(self, command: Command) -> None:
        """End all that the command has started: alone if that is possible, at any cost if not."""
        task = asyncio.current_task()
        assert task is not None
        self._endings.add(task)
        engine = self._engine
        try:
            if engine is not None and command in self._running:
                await self._end(engine, command)
        except ContainerGone:
            return
        finally:
            self._endings.discard(task)
            self._quiet.set()
            self.leave(command)

    async def _end(self, engine: Engine, command: Command) -> None:
        company = self._running - {command}
        if (company or self._keeps or self._is_root) and await self._kill(engine, command, False):
            return
        self._quiet.clear()  # nothing is started from here on, so nothing else can be hit
        company = self._running - {command}
        for other in company:
            other.notes.append("ended with another command, which could not be ended by itself")
        if not self._is_root:
            if await self._kill(engine, command, True):
                return
            if await self._kill_with_room(engine, command):
                return
        await self._restart(engine)
        for each in self._running:
            each.notes.append(
                "the container had to be started again to end this; its temporary folders are empty"
            )

    @property
    def _is_root(self) -> bool:
        return self.user.partition(":")[0] in ("0", "root")

    async def _kill(self, engine: Engine, command: Command, everything: bool) -> bool:
        """True if nothing is left."""
        token = secrets.token_hex(4)
        argv = ["/bin/sh", "-c", inside.KILL, "sh", token, str(command.mark)]
        argv += ["1" if everything else "", command.script or ""]
        said = b""
        try:
            async with (
                asyncio.timeout(_KILL_SECONDS),
                engine.execute(self._name, argv, user=self.user) as execution,
            ):
                while (output := await execution.read()) is not None:
                    said += output.data
        except TimeoutError:
            return False
        except EngineError as error:
            if isinstance(error, ContainerGone):
                raise
            return False
        return said.decode("utf-8", "replace").split()[:2] == [token, inside.CLEAN]

    async def _kill_with_room(self, engine: Engine, command: Command) -> bool:
        """Where no process may be started any more, allow some for what ends the others."""
        limit = self.settings.limits.processes
        if limit is None:
            return False
        try:
            await engine.allow_processes(self._name, limit + _MORE_PROCESSES)
            ended = await self._kill(engine, command, True)
            await engine.allow_processes(self._name, limit)
        except EngineError:  # not every engine can
            return False
        return ended

    async def _restart(self, engine: Engine) -> None:
        await engine.kill(self._name)
        for _ in range(_STOP_LOOKS):
            found = await engine.find(self._name)
            if found is None or found.state != "running":
                break
            await asyncio.sleep(0.02)
        await engine.start(self._name)
        await self._prepare(engine)


async def _completed(making: Coroutine[Any, Any, object]) -> None:
    """Wait for what is being made, also when this is cancelled: it could not be removed before."""
    task = asyncio.ensure_future(making)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_MADE_SECONDS)
        raise


async def sweep(engine: Engine) -> None:
    """Remove the containers and volumes whose owner has ended without removing them."""
    for found in await engine.containers(owner.LABEL):
        if _is_left(found):
            with suppress(EngineError):  # another program sweeps too
                await engine.remove(found.name)
    used = {found.name for found in await engine.containers(owner.LABEL)}
    for volume in await engine.volumes(owner.LABEL):
        if volume.name not in used and _is_left(volume):
            with suppress(EngineError):
                await engine.remove_volume(volume.name)


def _is_left(found: Found) -> bool:
    lives = owner.lives(found.labels[owner.LABEL])
    return lives is False or (lives is None and found.state == "exited")
