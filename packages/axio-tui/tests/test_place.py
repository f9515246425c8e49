"""`axio run --sandbox`: the same tools, on this machine, in a sandbox on it, or in a container."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from axio.plugins import Installed
from axio.tool import Tool
from axio_tui.errors import CommandError, WrongUse
from axio_tui.place import Place, rules_of
from axio_tui_guards import Rule
from support.docker import Engine
from support.image import GNU_IMAGE

if TYPE_CHECKING:
    from conftest import Axio

pytestmark = pytest.mark.timeout(180)


def script(command: str) -> list[list[Any]]:
    return [[["shell", {"command": command, "timeout": 60}]], ["said"]]


def arguments(sandbox: str) -> list[str]:
    words = ["run", "--transport", "scripted", "--yes", "--tools", "shell,write_file"]
    return [*words, "--sandbox", sandbox, "go"]


@pytest.fixture
def contained(axio: Axio, docker_engine: Engine) -> Axio:
    """The command in a folder of a user that is not root, next to an engine."""
    axio.environment["DOCKER_HOST"] = docker_engine.url
    os.chown(axio.home, 1000, 1000)
    return axio


def test_a_container_sees_the_folder_and_nothing_else(
    contained: Axio, docker_engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "note").write_text("milk\n")
    # Not in /etc, which no `--yes` frees, here as little as in a container.
    command = "cat note; pwd; id -u; echo new > made; echo x > /x"
    done = contained(*arguments(f"docker:{GNU_IMAGE}"), script=script(command))
    assert done.code == 0, done.err
    shown = done.out.replace("\n  | ", "\n")
    assert f"milk\n{tmp_path}\n1000\n" in shown
    assert "Read-only file system" in done.out
    assert (tmp_path / "made").read_text() == "new\n"
    assert docker_engine.left("ps -a") == []


@pytest.mark.parametrize(("level", "changed"), [("read-only", False), ("workspace-write", True)])
def test_a_level_of_the_sandbox_holds(
    level: str, changed: bool, axio: Axio, tmp_path: Path
) -> None:
    done = axio(*arguments(level), script=script("echo new > made || echo refu''sed"))
    assert done.code == 0, done.err
    assert ("refused" in done.out) != changed
    assert (tmp_path / "made").exists() == changed


def test_tools_that_know_nothing_of_a_sandbox_are_named(contained: Axio) -> None:
    words = ["run", "--transport", "scripted", "--tools", "shell,acme_look", "--yes"]
    said = contained(*words, "--sandbox", f"docker:{GNU_IMAGE}", "go", script=[["said"]])
    assert "outside of the sandbox: acme_look\n" in said.err
    assert "outside" not in contained(*words, "go", script=[["said"]]).err


@pytest.mark.parametrize("sandbox", ["podmann", "docker:", "read-only:image", ""])
def test_what_is_no_sandbox_is_wrong_use(sandbox: str, axio: Axio) -> None:
    done = axio(*arguments(sandbox), script=[["said"]])
    assert done.code == 2
    assert "there is: none, workspace-write, read-only, docker, docker:IMAGE" in done.line


def test_an_engine_or_image_that_cannot_be_had_is_one_line(contained: Axio) -> None:
    os.chown(contained.home, 1000, 1000)
    missing = contained(*arguments("docker:no-such-image:1"), script=[["said"]])
    assert missing.code == 1 and "there is no image no-such-image:1 here" in missing.line
    contained.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    silent = contained(*arguments("docker"), script=[["said"]])
    assert silent.code == 1 and "no engine answers at unix:///nowhere/docker.sock" in silent.line
    os.chown(contained.home, 0, 0)
    root = contained(*arguments("docker"), script=[["said"]])
    assert root.code == 1 and "belongs to root" in root.line
    assert "chown -R 1000:1000" in root.line and "--sandbox" in root.line


def test_without_the_package_the_line_names_it(axio: Axio) -> None:
    stand_in = axio.home / "absent"
    stand_in.mkdir()
    code = "raise ModuleNotFoundError('no', name='axio_tools_docker')"
    (stand_in / "axio_tools_docker.py").write_text(code)
    axio.environment["PYTHONPATH"] = f"{stand_in}:{axio.acme}"
    done = axio(*arguments("docker"), script=[["said"]])
    assert done.code == 2
    assert "--sandbox docker needs axio-tools-docker" in done.line


def test_ctrl_c_leaves_no_container(contained: Axio, docker_engine: Engine) -> None:
    process = contained.start(
        *arguments(f"docker:{GNU_IMAGE}"), script=script("echo there > made; sleep 600")
    )
    deadline = time.monotonic() + 50
    while not (contained.home / "made").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(50) == 130
    assert docker_engine.left("ps -a") == []


def test_in_a_container_its_own_files_may_be_read_by_the_tools_that_work_there() -> None:
    async def elsewhere() -> str:
        return ""

    tools = [Installed().load_tool("read_file"), Tool(name="mcp__look", handler=elsewhere)]
    assert rules_of("docker:debian", tools) == rules_of("docker", tools)
    assert rules_of("docker", tools) == [Rule("allow", tool="read_file", path="/", access="read")]
    assert rules_of("none", tools) == rules_of("workspace-write", tools) == []


# ── another place in the middle of a conversation ─────────────────────────────────────────────


async def output_in(place: Place, command: str) -> str:
    async with place.files.run(("/bin/sh", "-c", command)) as running:
        return b"".join([output.data async for output in running]).decode()


async def test_another_place_holds_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = []
    async with Place() as place:
        place.on_change = lambda: told.append(place.sandbox)
        assert place.workspace is None
        await place.change("read-only")
        assert "no" in await output_in(place, "touch made || echo no")
        await place.change("workspace-write")
        await output_in(place, "touch made")
        await place.change("workspace-write")
    assert told == ["read-only", "workspace-write"] and (tmp_path / "made").exists()


async def test_a_place_that_cannot_be_had_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.chown(tmp_path, 1000, 1000)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    async with Place("read-only") as place:
        before = place.workspace
        with pytest.raises(CommandError, match="no engine answers at unix:///nowhere"):
            await place.change("docker")
        with pytest.raises(WrongUse, match="no sandbox 'podmann'"):
            await place.change("podmann")
        assert (place.sandbox, place.workspace) == ("read-only", before)
        assert "no" in await output_in(place, "touch made || echo no")


async def test_a_container_that_is_left_ends_with_all_that_runs_in_it(
    docker_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    os.chown(tmp_path, 1000, 1000)
    async with Place(f"docker:{GNU_IMAGE}") as place:
        await output_in(place, "setsid sleep 600 >/dev/null 2>&1 & echo started")
        assert len(docker_engine.left("ps -a")) == 1
        await place.change("none")
        assert docker_engine.left("ps -a") == [] and place.workspace is None
