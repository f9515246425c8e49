"""A command or write that is cut off, by a cancel or a dead connection, leaves nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from axio_tools_docker import DockerWorkspace
from axio_tools_docker.errors import ContainerGone, EngineUnavailable
from support.docker import Engine
from support.image import SMALL_IMAGE

MUCH = b"x" * (64 << 20)


class Marked(Protocol):
    """See conftest.py."""

    mark: str

    def alive(self) -> list[str]: ...

    async def until_alive(self, count: int = 1) -> None: ...


class Wire(Protocol):
    """See conftest.py."""

    url: str

    async def join(self) -> None: ...

    def cut(self) -> None: ...


async def until_begun(folder: Path) -> None:
    """Wait until a part of a file is there under another name."""
    async with asyncio.timeout(50):
        while not any(name.startswith(".axio-") for name in os.listdir(folder)):  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_a_write_that_is_cancelled_leaves_the_old_file_and_nothing_beside_it(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "sub").mkdir()
    os.chown(folder / "sub", 1000, 1000)
    (folder / "link").symlink_to("sub/file")
    for times in (1, 2):  # a second cancel does not wait for the end
        async with contained(folder, image=SMALL_IMAGE) as workspace:
            await workspace.write("link", b"old")
            writing = asyncio.create_task(workspace.write("link", MUCH))
            await until_begun(folder / "sub")
            for _ in range(times):
                writing.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([writing])
            assert writing.cancelled()
        assert os.listdir(folder / "sub") == ["file"]
        assert (folder / "sub" / "file").read_bytes() == b"old"


async def test_a_write_is_tidied_up_after_its_container_was_removed(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    async with contained(folder, image=SMALL_IMAGE) as workspace:
        writing = asyncio.create_task(workspace.write("file", MUCH))
        await until_begun(folder)
        docker_engine.cli("rm", "-f", workspace.container)
        with pytest.raises(ContainerGone):
            await writing
        await workspace.write("other", b"x")
        assert os.listdir(folder) == ["other"]


async def test_a_command_that_ends_beside_its_unread_input_is_not_waited_for(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        async with workspace.run(("/bin/sh", "-c", "kill -9 -1"), stdin=MUCH) as running:
            assert [output async for output in running] == []
        assert running.exit_code == -9
        with pytest.raises(ContainerGone):
            async with workspace.run(("/bin/sh", "-c", "echo; sleep 60"), stdin=MUCH) as running:
                await anext(aiter(running))
                docker_engine.cli("rm", "-f", workspace.container)
                async for _ in running:
                    pass


async def test_what_runs_when_the_connection_dies_is_ended_when_it_is_there_again(
    wire: Wire, contained: Callable[..., DockerWorkspace], folder: Path, marked: Marked
) -> None:
    async with contained(folder, image=SMALL_IMAGE, url=wire.url) as workspace:
        with pytest.raises(EngineUnavailable):
            command = f"setsid sleep 61.{marked.mark} & sleep 61.{marked.mark}"
            async with workspace.run(("/bin/sh", "-c", command)) as running:
                await marked.until_alive(2)
                wire.cut()
                async for _ in running:
                    pass
        with pytest.raises(EngineUnavailable):
            await workspace.read("file")
        await wire.join()
        await workspace.write("file", b"old")
        assert marked.alive() == []
        writing = asyncio.create_task(workspace.write("file", MUCH))
        await until_begun(folder)
        wire.cut()
        with pytest.raises(EngineUnavailable):
            await writing
        await wire.join()
        assert await workspace.read("file") == b"old"
        assert os.listdir(folder) == ["file"]


async def test_a_container_that_ends_while_no_connection_is_there_is_told_once_and_made_again(
    wire: Wire, docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    async with contained(folder, image=SMALL_IMAGE, url=wire.url) as workspace:
        with pytest.raises(EngineUnavailable):
            async with workspace.run(("/bin/sh", "-c", "echo; sleep 60")) as running:
                await anext(aiter(running))
                wire.cut()
                async for _ in running:
                    pass
        docker_engine.cli("kill", workspace.container)
        await wire.join()
        with pytest.raises(ContainerGone, match="the next call starts a new one"):
            await workspace.write("file", b"x")
        await workspace.write("file", b"x")
    assert docker_engine.left("ps -a") == []
