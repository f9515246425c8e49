"""The container of a room: made by its settings, or found by its name, and again when it has gone.

A container with a name of its own is made under another one, and gets its name when it is complete:
programs that want it at the same moment find it whole, or not at all.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Coroutine
from contextlib import nullcontext, suppress
from typing import Any

from axio_tools_docker import inside, owner
from axio_tools_docker._engine import Engine, Found
from axio_tools_docker.copy import archive_of, tag_of
from axio_tools_docker.errors import (
    ContainerGone,
    EngineError,
    EngineUnavailable,
    ImageUnavailable,
    NameInUse,
)
from axio_tools_docker.settings import Settings

__all__ = ["ROOT", "Container", "sweep"]

KEPT = "axio.kept"
"""The label of a container with a name of its own: the digest of its settings."""
NAME = "axio.name"
"""The label with that name."""
ROOT = "0:0"

_STOP_LOOKS = 500  # until a container must be seen to have ended
_MADE_SECONDS = 30.0  # for the engine to make what it was asked for
_TRIES = 5  # to use one that others make and remove at the same time


class Container:
    """To be used by one task at a time."""

    def __init__(self, settings: Settings, name: str | None) -> None:
        self.settings = settings
        self.name = name or f"axio-{secrets.token_hex(6)}"
        self.id = ""
        """That of the engine, which no other container gets."""
        self.has_marks = True
        """The processes of a command can be told from those of others, also by its launcher."""
        self.keeps = name is not None
        self._volume: str | None = None

    async def be_there(self, engine: Engine) -> None:
        """Let it run, made or found."""
        for _ in range(_TRIES):
            found = await engine.find(self.name) if self.keeps else None
            try:
                if found is not None:
                    await self._use(engine, found)
                    return
                if await self._make(engine):
                    return
            except ContainerGone:
                if not self.keeps:
                    raise
        raise NameInUse(f"others make and remove the container {self.name} all the time: try again")

    async def gone(self, engine: Engine, container: str) -> ContainerGone | None:
        """The error that says so, if the one of this id does not run any more."""
        found = await engine.find(container)
        if found is not None and found.state in ("running", "paused"):
            return None
        if found is not None and not self.keeps:
            await engine.remove(container)
        await self._look_for_copy(engine)
        settings = self.settings
        if settings.root is None:
            lost = "without the files"
        elif settings.is_copy and self._volume is None:
            lost = f"with a new copy of {settings.root}: what was changed in the last one is lost"
        else:
            lost = "without the files of its temporary folders"
        return ContainerGone(
            f"the container {self.name} has ended or was removed; the next call starts a new one, "
            + lost
        )

    async def restart(self, engine: Engine) -> None:
        await engine.kill(self.id)
        for _ in range(_STOP_LOOKS):
            found = await engine.find(self.id)
            if found is None or found.state != "running":
                break
            await asyncio.sleep(0.02)
        await engine.start(self.id)
        await self._prepare(engine, self.id)

    async def remove(self, engine: Engine) -> None:
        """Remove all that was made, but what is to be kept."""
        if not self.keeps:
            await engine.remove(self.name)
        if self._volume is not None:
            with suppress(EngineError) if self.keeps else nullcontext():  # a container has it
                await engine.remove_volume(self._volume)

    # ── making ────────────────────────────────────────────────────────────────────────────────

    async def _use(self, engine: Engine, found: Found) -> None:
        if found.labels.get(KEPT) != self.settings.digest:
            raise NameInUse(
                f"there is a container {self.name} that was not made with these settings: choose "
                f"another name, or remove it (docker rm -f {self.name})"
            )
        if found.state == "paused":
            raise EngineError(f"the container {self.name} is paused: docker unpause {self.name}")
        if found.state != "running":
            await engine.start(found.id)
        await self._prepare(engine, found.id)
        self.id = found.id

    async def _make(self, engine: Engine) -> bool:
        """False if meanwhile another program has made one of this name."""
        image = await self._image(engine)
        await self._look_for_copy(engine)
        own = f"{self.name}-{secrets.token_hex(6)}" if self.keeps else self.name
        copied = self._volume
        try:
            self.id = await self._create(engine, image, own)
            await self._start(engine)
            if self.keeps:
                await engine.rename(self.id, self.name)
        except BaseException as error:
            fresh = None if self._volume == copied else self._volume
            self._volume = copied
            await asyncio.shield(asyncio.ensure_future(_removed(engine, own, fresh)))
            if self.keeps and isinstance(error, NameInUse):
                return False
            raise
        return True

    async def _create(self, engine: Engine, image: str, own: str) -> str:
        settings = self.settings
        labels = {owner.LABEL: owner.this_process()}
        if self.keeps:
            labels |= {KEPT: settings.digest, NAME: self.name}
        fresh = settings.is_copy and self._volume is None
        if fresh:
            self._volume = own
            await _completed(engine.create_volume(own, labels))
        body = {**settings.body(labels, self._volume), "Image": image}
        made: str = await _completed(engine.create(body, own))
        if fresh:
            assert settings.root is not None
            archive = await asyncio.to_thread(archive_of, settings.root, settings.user)
            with archive:
                await engine.put(made, settings.workdir, archive)
        return made

    async def _start(self, engine: Engine) -> None:
        try:
            await engine.start(self.id)
            await self._prepare(engine, self.id)
        except EngineError as error:
            if not await self._ended_at_once(engine, error):
                raise
            raise ImageUnavailable(
                f"the container ended at once: the image {self.settings.image} has no shell "
                "(/bin/sh), which the tools need, or the limits are too low for one"
            ) from error

    async def _ended_at_once(self, engine: Engine, error: EngineError) -> bool:
        """True if the main process is the reason why the container cannot be used."""
        if isinstance(error, EngineUnavailable):
            return False
        found = await engine.find(self.id)
        return "/bin/sh" in str(error) or (found is not None and found.state == "exited")

    async def _look_for_copy(self, engine: Engine) -> None:
        if self._volume is not None and not await engine.has_volume(self._volume):
            self._volume = None

    async def _image(self, engine: Engine) -> str:
        dockerfile = self.settings.dockerfile
        if dockerfile is None:
            if not await engine.has_image(self.settings.image):
                await engine.pull(self.settings.image)
            return self.settings.image
        folder, name = os.path.split(dockerfile)
        with await asyncio.to_thread(archive_of, folder, ROOT) as context:
            tag = await asyncio.to_thread(tag_of, context)
            if not await engine.has_image(tag):
                await engine.build(context, name, tag)
        return tag

    async def _prepare(self, engine: Engine, container: str) -> None:
        argv = ["/bin/sh", "-c", inside.PREPARE, "sh", *self.settings.opened, "", *inside.NEEDED]
        said = []
        async with engine.execute(container, argv, user=ROOT) as execution:
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


async def _completed(making: Coroutine[Any, Any, Any]) -> Any:
    """Wait for what is being made, also when this is cancelled: it could not be removed before."""
    task = asyncio.ensure_future(making)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_MADE_SECONDS)
        raise


async def _removed(engine: Engine, container: str, volume: str | None) -> None:
    await engine.remove(container)
    if volume is not None:
        await engine.remove_volume(volume)


async def sweep(engine: Engine) -> None:
    """Remove the containers and volumes whose owner has ended without removing them.

    An engine keeps a volume as long as a container has it.
    """
    for found in await engine.containers(owner.LABEL):
        if _is_left(found):
            with suppress(EngineError):  # another program sweeps too
                await engine.remove(found.id)
    for volume in await engine.volumes(owner.LABEL):
        if _is_left(volume):
            with suppress(EngineError):
                await engine.remove_volume(volume.name)


def _is_left(found: Found) -> bool:
    if found.id and found.labels.get(NAME) == found.name:
        return False
    lives = owner.lives(found.labels[owner.LABEL])
    return lives is False or (lives is None and found.state == "exited")
