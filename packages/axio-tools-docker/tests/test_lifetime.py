"""A container is there while it is needed, and nothing of it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from axio_tools_docker import DockerWorkspace, owner
from axio_tools_docker.errors import ContainerGone, EngineError, NameInUse
from axio_tools_docker.settings import Limits
from support.docker import Engine
from support.image import SMALL_IMAGE


class Marked(Protocol):
    """See conftest.py."""

    mark: str

    def alive(self) -> list[str]: ...

    async def until_alive(self, count: int = 1) -> None: ...


KINDS = ("ps -a", "volume ls")
PROGRAM = """
import asyncio, json, sys
from axio_tools_docker import DockerWorkspace
from axio_tools_docker.settings import Limits

async def main():
    root, command, options = json.loads(sys.argv[1])
    while True:
        async with DockerWorkspace(root, **options) as workspace:
            print("in", flush=True)
            for number in range(3):
                async with workspace.run(("/bin/sh", "-c", command)) as running:
                    async for output in running:
                        pass

asyncio.run(main())
"""


def left(engine: Engine) -> list[str]:
    return [name for kind in KINDS for name in engine.left(kind)]


async def later(engine: Engine) -> list[str]:
    await asyncio.sleep(1)
    return left(engine)


async def sh(workspace: DockerWorkspace, command: str) -> str:
    async with workspace.run(("/bin/sh", "-c", command), timeout=50) as running:
        return "".join([output.data.decode() async for output in running])


@contextlib.contextmanager
def program(
    engine: Engine, folder: Path, command: str = "sleep 60 & sleep 0.05", **options: str
) -> Iterator[subprocess.Popen[str]]:
    """Another program that opens one workspace after the other."""
    options = {"image": SMALL_IMAGE, "url": engine.url, "access": "copy", **options}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps([str(folder), command, options])],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_nothing_is_left_when_the_block_ends_also_by_an_error_or_a_cancel(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "file").write_text("x")
    async with contained(folder, access="copy") as workspace:
        assert [len(docker_engine.left(kind)) for kind in KINDS] == [1, 1]
        assert docker_engine.left("ps -a") == [workspace.container]
    assert left(docker_engine) == []
    with pytest.raises(ZeroDivisionError):
        async with contained(folder, access="copy"):
            1 / 0  # noqa: B018
    assert left(docker_engine) == []

    async def forever() -> None:
        async with contained() as workspace:
            entered.set()
            await sh(workspace, "sleep 600")

    entered = asyncio.Event()
    task = asyncio.create_task(forever())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert left(docker_engine) == []


async def test_a_cancel_at_any_moment_of_the_start_leaves_nothing(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    for seconds in (0, 0.01, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3):
        workspace = contained(folder, access="copy")
        task = asyncio.create_task(workspace.__aenter__())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await workspace.__aexit__()
        assert left(docker_engine) == []


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.heavy)])
@pytest.mark.timeout(900)
async def test_what_killed_programs_leave_is_removed_by_the_next_start(
    rounds: int, docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "file").write_text("x")
    moments = random.Random(rounds)
    found = 0
    for _ in range(rounds):
        with program(docker_engine, folder) as process:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "in\n"
            await asyncio.sleep(moments.random() * 1.5)
            process.send_signal(signal.SIGKILL)
            process.wait()
        found += len(left(docker_engine))
    assert found > 0 or rounds < 10
    while (seen := left(docker_engine)) != await later(docker_engine):
        assert seen is not None  # the engine still makes what it was asked for last
    async with contained():
        assert [len(docker_engine.left(kind)) for kind in KINDS] == [1, 0]
    assert left(docker_engine) == []


async def test_what_a_living_program_uses_is_left_alone(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    async with contained() as one, contained() as other:
        assert len({one.container, other.container}) == 2
        assert await sh(one, "echo works") == await sh(other, "echo works") == "works\n"


def test_an_owner_that_cannot_be_judged_from_here_is_neither_alive_nor_dead() -> None:
    mine = owner.this_process()
    assert owner.lives(mine) is True
    assert owner.lives(mine.rpartition(" ")[0] + " 1") is False  # its number was given again
    assert owner.lives(f"elsewhere {mine}") is None
    assert owner.lives("") is None
    child = subprocess.run(["true"])
    assert child.returncode == 0
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    here, _, _ = mine.rsplit(" ", 2)
    assert owner.lives(f"{here} {pid} 12345") is False  # a zombie, too, has ended
    os.waitpid(pid, 0)


async def test_a_container_that_is_gone_is_told_once_and_made_again(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    async with contained(folder) as workspace:
        await workspace.write("kept", b"x")
        for way in ("rm -f", "kill"):
            docker_engine.cli(*way.split(), workspace.container)
            with pytest.raises(ContainerGone, match="the next call starts a new one"):
                await sh(workspace, "echo")
            assert await sh(workspace, "echo works; ls") == "works\nkept\n"
        docker_engine.cli("stop", "-t", "0", workspace.container)
        with pytest.raises(ContainerGone):
            await workspace.read("kept")
        assert await workspace.read("kept") == b"x"
    assert left(docker_engine) == []


async def test_a_container_that_goes_while_a_command_runs_is_told(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    async with contained() as workspace:
        for way in ("rm -f", "kill"):
            with pytest.raises(ContainerGone):
                async with workspace.run(("/bin/sh", "-c", "echo; sleep 600")) as running:
                    await anext(aiter(running))
                    docker_engine.cli(*way.split(), workspace.container)
                    async for _ in running:
                        pass
            assert await sh(workspace, "echo works") == "works\n"


async def test_a_copy_is_kept_when_its_container_goes(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    async with contained(folder, access="copy") as workspace:
        await workspace.write("made", b"x")
        docker_engine.cli("rm", "-f", workspace.container)
        with pytest.raises(ContainerGone):
            await workspace.read("made")
        assert await workspace.read("made") == b"x"


async def test_a_forgotten_container_ends_by_itself_and_one_in_use_does_not(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    def is_running(workspace: DockerWorkspace) -> bool:
        state = ("inspect", "-f", "{{.State.Running}}", workspace.container)
        return docker_engine.cli(*state) == "true"

    async with contained(idle_seconds=9) as workspace, contained(idle_seconds=6) as used:
        async with asyncio.timeout(50), used.run(("/bin/sh", "-c", "sleep 600")):
            while is_running(workspace):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.2)
            assert await sh(used, "echo works") == "works\n"
        with pytest.raises(ContainerGone):
            await sh(workspace, "echo")
        assert await sh(workspace, "echo works") == "works\n"


async def test_a_name_keeps_a_container_for_the_same_settings_alone(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    try:
        async with contained(name="axio-test-kept") as workspace:
            await workspace.write("/tmp/file", b"x")
        async with contained(name="axio-test-kept") as workspace:
            assert await workspace.read("/tmp/file") == b"x"
            docker_engine.cli("stop", "-t", "0", "axio-test-kept")
        async with contained(name="axio-test-kept") as workspace:
            assert await sh(workspace, "echo works") == "works\n"
        with pytest.raises(NameInUse, match="docker rm -f axio-test-kept"):
            async with contained(name="axio-test-kept", network=True):
                pass
        assert docker_engine.left("ps -a", "axio.kept") == ["axio-test-kept"]
    finally:
        docker_engine.cli("rm", "-f", "axio-test-kept")


async def test_a_copy_of_a_container_that_was_removed_is_not_found_again(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "file").write_text("x")
    options = {"access": "copy", "name": "axio-test-copy", "image": SMALL_IMAGE}
    try:
        async with contained(folder, **options) as workspace:
            await workspace.write("made", b"x")
        async with contained(folder, **options) as workspace:
            assert await sh(workspace, "ls") == "file\nmade\n"
        docker_engine.cli("rm", "-f", "axio-test-copy")
        async with contained(folder, **options) as workspace:
            assert await sh(workspace, "ls") == "file\n"
            docker_engine.cli("rm", "-f", "axio-test-copy")
        assert docker_engine.left("ps -a", "axio.kept") == []
        assert docker_engine.left("volume ls", "axio.kept") != []  # this program may need it
        with program(docker_engine, folder, **options) as process:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "in\n"
        docker_engine.cli("rm", "-f", "axio-test-copy")
        volumes = docker_engine.left("volume ls", "axio.kept")
        async with contained():
            assert set(volumes) - set(docker_engine.left("volume ls", "axio.kept"))
    finally:
        docker_engine.cli("rm", "-f", "axio-test-copy")
        for volume in docker_engine.left("volume ls", "axio.kept"):
            docker_engine.cli("volume", "rm", volume)


async def test_a_copy_that_is_lost_is_made_again_and_that_is_said(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "file").write_text("x")
    async with contained(folder, access="copy") as workspace:
        await workspace.write("made", b"x")
        docker_engine.cli("rm", "-f", workspace.container)
        docker_engine.cli("volume", "rm", workspace.container)
        with pytest.raises(ContainerGone, match=f"with a new copy of {folder}"):
            await workspace.read("made")
        assert await sh(workspace, "ls") == "file\n"


async def test_programs_that_start_with_a_name_at_the_same_moment_share_a_container(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "file").write_text("x")
    options = {"access": "copy", "name": "axio-test-shared", "image": SMALL_IMAGE}
    entered = asyncio.Barrier(4)

    async def enter() -> str:
        async with contained(folder, **options) as workspace:
            await entered.wait()
            return await sh(workspace, "ls; cat /proc/sys/kernel/hostname")

    try:
        for _ in range(3):
            told = await asyncio.gather(*(enter() for _ in range(4)))
            assert len(set(told)) == 1 and told[0].startswith("file\n")
            assert docker_engine.left("ps -a") == ["axio-test-shared"]
            docker_engine.cli("rm", "-f", "axio-test-shared")
    finally:
        for volume in docker_engine.left("volume ls"):
            docker_engine.cli("volume", "rm", volume)


async def test_what_a_killed_program_runs_in_a_container_with_a_name_ends_with_the_next_start(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path, marked: Marked
) -> None:
    options = {"name": "axio-test-kept", "image": SMALL_IMAGE, "access": "write"}
    command = f"(setsid sleep 61.{marked.mark} &); sleep 61.{marked.mark}"
    try:
        async with contained(folder, **options) as workspace:
            beside = f"sleep 62.{marked.mark}"
            async with workspace.run(("/bin/sh", "-c", f"echo; {beside}")) as running:
                await anext(aiter(running))
                with program(docker_engine, folder, command, **options):
                    await marked.until_alive(3)
                assert len(marked.alive()) == 3
                async with contained(folder, **options):
                    assert ["62." in line for line in marked.alive()] == [True]
    finally:
        docker_engine.cli("rm", "-f", "axio-test-kept")


async def test_a_container_of_others_with_the_name_is_left_as_it_is(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    docker_engine.cli("create", "--name=axio-test-other", "--network=none", SMALL_IMAGE, "true")
    try:
        with pytest.raises(NameInUse, match="not made with these settings"):
            async with contained(name="axio-test-other"):
                pass
    finally:
        docker_engine.cli("rm", "axio-test-other")


async def test_what_the_engine_refuses_leaves_nothing_half_made(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    for options in (
        {"runtime": "no-such-runtime"},
        {"network": "no-such-network"},
        {"limits": Limits(memory_bytes=1)},
    ):
        with pytest.raises(EngineError) as caught:
            async with contained(folder, access="copy", **options):
                pass
        assert len(str(caught.value).splitlines()) == 1
    assert left(docker_engine) == []


async def test_outside_of_its_block_a_workspace_says_so(
    contained: Callable[..., DockerWorkspace],
) -> None:
    workspace = contained()
    with pytest.raises(RuntimeError, match="async with"):
        await workspace.read("file")
    async with workspace:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        workspace.container  # noqa: B018
