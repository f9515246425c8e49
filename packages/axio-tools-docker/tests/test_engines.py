"""Podman and gVisor keep the promises of a workspace too, where they are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest

from axio_tools_docker import DockerSandbox, DockerWorkspace
from axio_tools_docker.errors import ContainerGone
from axio_tools_local.testing import check_workspace
from support.docker import Engine
from support.image import SMALL_IMAGE
from support.parts import requires

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


class Marked(Protocol):
    """See conftest.py."""

    mark: str

    def alive(self) -> list[str]: ...


@pytest.fixture(params=["podman", "gvisor"])
def elsewhere(request: pytest.FixtureRequest) -> tuple[Engine, dict[str, Any]]:
    """An engine, and the options that make it one of another kind than Docker's own."""
    if request.param == "podman":
        engine: Engine = request.getfixturevalue("podman_engine")
        return engine, {"url": engine.url, "image": SMALL_IMAGE}
    requires("runsc")
    engine = request.getfixturevalue("docker_engine")
    return engine, {"url": engine.url, "image": SMALL_IMAGE, "runtime": "runsc"}


@pytest.mark.parametrize("access", ["write", "copy", None])
async def test_a_container_of_another_kind_is_a_workspace(
    access: str | None, elsewhere: tuple[Engine, dict[str, Any]], folder: Path
) -> None:
    engine, options = elsewhere
    root = None if access is None else folder
    options = {**options, **({} if access is None else {"access": access})}
    async with DockerWorkspace(root, **options) as workspace:
        await check_workspace(workspace)
    assert engine.left("ps -a") == engine.left("volume ls") == []


@pytest.mark.parametrize(
    "command",
    [
        "setsid sleep 61.{mark} & sleep 61.{mark}",
        "(env -i setsid sh -c 'env -i setsid sleep 61.{mark} & exit' &) ; sleep 60",
        "sh -c 'bomb() {{ bomb | bomb & }}; sleep 61.{mark} & bomb; sleep 60'; while :; do :; done",
    ],
)
async def test_nothing_outlives_a_command_there(
    command: str, elsewhere: tuple[Engine, dict[str, Any]], marked: Marked
) -> None:
    _, options = elsewhere
    is_bomb = "bomb" in command
    if is_bomb and "runtime" in options:
        pytest.skip("where limits do not hold, a bomb is the machine's")
    async with DockerWorkspace(**options) as workspace:
        words = ("/bin/sh", "-c", f"echo before; {command.format(mark=marked.mark)}")
        async with workspace.run(words, timeout=3) as running:
            said = b"".join([output.data async for output in running])
        assert b"before\n" in said and running.timed_out
        assert marked.alive() == []
        await workspace.write("works", b"x")


async def test_a_container_that_is_gone_is_made_again_there(
    elsewhere: tuple[Engine, dict[str, Any]],
) -> None:
    engine, options = elsewhere
    async with DockerWorkspace(**options) as workspace:
        engine.cli("rm", "-f", workspace.container)
        with pytest.raises(ContainerGone):
            await workspace.write("file", b"x")
        await workspace.write("file", b"x")


async def test_the_sandbox_of_old_works_in_podman(podman_engine: Engine) -> None:
    async with DockerSandbox(podman_engine.url, image=SMALL_IMAGE) as sandbox:
        assert await sandbox.exec("echo works; exit 3") == "works\n\n[exit code: 3]"
        assert await sandbox.exec("sleep 600", 1) == "[timeout after 1s]"
        await sandbox.write_file("a/b", "x")
        assert await sandbox.read_file_bytes("a/b") == b"x"
