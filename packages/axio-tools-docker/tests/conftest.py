from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from axio.tool import CONTEXT
from axio_tools_docker import DockerWorkspace
from support.docker import Engine
from support.image import GNU_IMAGE

USER = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of a user that is not root."""
    path = tmp_path / "project"
    path.mkdir()
    os.chown(path, USER, USER)
    return path


@pytest.fixture
def contained(docker_engine: Engine) -> Callable[..., DockerWorkspace]:
    """Make workspaces in the tests' own engine."""

    def make(root: Path | None = None, **options: Any) -> DockerWorkspace:
        return DockerWorkspace(root, **{"image": GNU_IMAGE, "url": docker_engine.url, **options})

    return make


@pytest.fixture
def inside() -> Iterator[Callable[[object], None]]:
    """Make an object the workspace of the tools that the test calls."""
    token = CONTEXT.set(CONTEXT.get())

    def enter(workspace: object) -> None:
        CONTEXT.set(workspace)

    yield enter
    CONTEXT.reset(token)


class Marked:
    """Processes that are known by a number in their command line, such as `sleep 61.{mark}`.

    They are seen from outside: what runs in a container is a process of this machine.
    """

    def __init__(self) -> None:
        self.mark = str(secrets.randbelow(10**12))

    def alive(self) -> list[str]:
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = Path("/proc", pid, "cmdline").read_bytes()
            except OSError:
                continue
            if b"sleep\0" in command and self.mark.encode() in command:
                found.append(f"{pid}: {command.decode(errors='replace')}")
        return found

    async def until_alive(self, count: int = 1) -> None:
        async with asyncio.timeout(50):
            while len(self.alive()) < count:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)


class Wire:
    """A way to the engine that can break: a socket of its own, and what passes through it."""

    def __init__(self, target: str, folder: Path) -> None:
        self.url = f"unix://{folder}/wire.sock"
        self._target = target.removeprefix("unix://")
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def join(self) -> None:
        path = self.url.removeprefix("unix://")
        self._server = await asyncio.start_unix_server(self._accept, path)

    def cut(self) -> None:
        """Nothing passes any more, and no one answers."""
        if self._server is not None:
            self._server.close()
            self._server = None
            os.unlink(self.url.removeprefix("unix://"))
        for task in self._serving:
            task.cancel()

    async def close(self) -> None:
        self.cut()
        if self._serving:
            await asyncio.wait(self._serving)
        for _ in range(3):  # what was aborted is told so
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(self._target)
        try:
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        finally:
            there[1].transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.write_eof()


@pytest.fixture
async def wire(
    docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Wire]:
    wire = Wire(docker_engine.url, tmp_path_factory.mktemp("w"))
    await wire.join()
    yield wire
    await wire.close()


@pytest.fixture
def marked() -> Marked:
    return Marked()
