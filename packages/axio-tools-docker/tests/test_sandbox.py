"""`DockerSandbox`, as programs of the 0.9 series know it, in a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from axio import Tool
from axio_tools_docker import DockerSandbox
from axio_tools_docker.errors import EngineUnavailable
from axio_tools_docker.values import create_body, parse_cpus, parse_device, parse_memory
from support.docker import Engine
from support.image import GNU_IMAGE, SMALL_IMAGE


class Marked(Protocol):
    """See conftest.py."""

    mark: str

    def alive(self) -> list[str]: ...

    async def until_alive(self, count: int = 1) -> None: ...


@pytest.fixture
def sandboxed(docker_engine: Engine) -> Callable[..., DockerSandbox]:
    def make(**options: Any) -> DockerSandbox:
        return DockerSandbox(docker_engine.url, **{"image": GNU_IMAGE, **options})

    return make


def containers(engine: Engine) -> list[str]:
    return engine.cli("ps", "-a", "--format", "{{.Names}}").split()


async def test_a_command_gives_its_output_its_errors_and_its_exit_code_as_text(
    sandboxed: Callable[..., DockerSandbox],
) -> None:
    async with sandboxed() as sandbox:
        assert await sandbox.exec("echo out") == "out"
        assert await sandbox.exec("true") == "(no output)"
        assert await sandbox.exec("echo err >&2; exit 3") == "[stderr]\nerr\n\n[exit code: 3]"
        assert await sandbox.exec("cat; pwd", stdin="zwölf\n") == "zwölf\n/workspace"
        assert await sandbox.exec("ls /tmp") == "(no output)"
        assert await sandbox.exec("printf '\\377'") == "\ufffd"


async def test_a_command_whose_time_is_up_keeps_its_output_and_ends(
    sandboxed: Callable[..., DockerSandbox], marked: Marked
) -> None:
    async with sandboxed() as sandbox:
        leave = f"setsid sleep 61.{marked.mark} & sleep 61.{marked.mark}"
        assert await sandbox.exec(f"echo before; {leave}", 6) == "before\n\n[timeout after 6s]"
        assert marked.alive() == []
        task = asyncio.create_task(sandbox.exec(leave, 60))
        await marked.until_alive(2)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() and marked.alive() == []
        assert await sandbox.exec("echo works") == "works"


async def test_files_have_the_owner_and_the_time_of_a_file_that_is_written(
    sandboxed: Callable[..., DockerSandbox],
) -> None:
    for user, owner in (("", "0:0"), ("1000", "1000:1000"), ("user", "1000:1000")):
        async with sandboxed(user=user) as sandbox:
            assert await sandbox.write_file("a/b.txt", "héllo") == "Wrote 6 bytes to a/b.txt"
            assert await sandbox.read_file_bytes("a/b.txt") == "héllo".encode()
            told = await sandbox.exec("stat -c '%u:%g %a' a/b.txt; find a/b.txt -mmin -9")
            assert told == f"{owner} 644\na/b.txt"
            with await sandbox.get_archive("a") as tar:
                assert sorted(tar.getnames()) == ["a", "a/b.txt"]
            with pytest.raises(FileNotFoundError, match="missing"):
                await sandbox.read_file_bytes("missing")
            with pytest.raises(IsADirectoryError):
                await sandbox.read_file_bytes("a")


async def test_the_six_tools_work_in_the_sandbox(sandboxed: Callable[..., DockerSandbox]) -> None:
    async with sandboxed() as sandbox:
        tools: dict[str, Tool[Any]] = {tool.name: tool for tool in sandbox.tools}
        assert list(tools) == [
            *("shell", "write_file", "read_file", "list_files", "run_python", "patch_file")
        ]
        wrote = await tools["write_file"](file_path="f.txt", content="one\ntwo\n", mode=0o600)
        assert wrote == "Wrote 8 bytes to f.txt"
        patched = await tools["patch_file"](
            file_path="f.txt", from_line=2, to_line=2, content="2\n3", mode=0o600
        )
        assert patched == "3 lines written to f.txt"
        assert (
            await tools["read_file"](filename="f.txt", line_numbers=True) == "1\tone\n2\t2\n3\t3\n"
        )
        assert await tools["read_file"](filename="f.txt", max_chars=2) == "on\n...[truncated]"
        assert await tools["list_files"]() == "-rw-------        8 f.txt"
        assert await tools["list_files"](directory="/home") == "(empty directory)"
        told = await tools["shell"](command="pwd; exit 2", cwd="/tmp", timeout=30)
        assert told == "/tmp\n\n[exit code: 2]"
        assert await tools["shell"](command="sleep 9", timeout=0.5) == "[timeout after 0.5s]"
        lost = await tools["shell"](command="echo here; echo there", cwd="missing", timeout=30)
        assert "here" not in lost and "[exit code: 2]" in lost
        assert await tools["run_python"](code="print(6 * 7)", timeout=30) == "42"
        for name, arguments in (
            ("read_file", {"filename": "missing"}),
            ("list_files", {"directory": "missing"}),
        ):
            with pytest.raises(Exception, match="no such"):
                await tools[name](**arguments)


async def test_it_is_removed_when_the_block_ends_also_by_an_error(
    sandboxed: Callable[..., DockerSandbox], docker_engine: Engine
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with sandboxed(named_volumes={"/data": "axio-test-data"}, volumes_remove=True) as box:
            assert box.container_id
            assert docker_engine.cli("volume", "ls", "-q") == "axio-test-data"
            1 / 0  # noqa: B018
    assert containers(docker_engine) == []
    assert docker_engine.cli("volume", "ls", "-q") == ""


async def test_a_container_with_the_name_is_used_and_left(
    sandboxed: Callable[..., DockerSandbox], docker_engine: Engine
) -> None:
    try:
        async with sandboxed(name="axio-test-box", remove=False) as sandbox:
            await sandbox.write_file("kept", "x")
        docker_engine.cli("stop", "-t", "0", "axio-test-box")
        async with sandboxed(name="axio-test-box", image="no-such-image") as sandbox:
            assert await sandbox.exec("cat kept") == "x"
        assert containers(docker_engine) == ["axio-test-box"]
    finally:
        docker_engine.cli("rm", "-f", "axio-test-box")


async def test_what_cannot_be_opened_leaves_nothing_and_says_why(
    sandboxed: Callable[..., DockerSandbox], docker_engine: Engine
) -> None:
    with pytest.raises(RuntimeError, match="Docker daemon not available at unix:///nowhere"):
        async with DockerSandbox("unix:///nowhere"):
            pass
    with pytest.raises(RuntimeError, match="no-such-network"):
        async with sandboxed(network="no-such-network"):
            pass
    with pytest.raises(RuntimeError):
        async with sandboxed(image="localhost/no-such-image:1"):
            pass
    assert containers(docker_engine) == []


@pytest.mark.parametrize("name", ["tools", "container_id"])
async def test_outside_of_its_block_it_says_so(
    name: str, sandboxed: Callable[..., DockerSandbox]
) -> None:
    sandbox = sandboxed(image=SMALL_IMAGE)
    with pytest.raises(RuntimeError, match="async context manager"):
        getattr(sandbox, name)
    async with sandbox:
        assert getattr(sandbox, name)
    with pytest.raises(RuntimeError, match="async context manager"):
        getattr(sandbox, name)


def test_the_least_request_has_nothing_that_was_not_set() -> None:
    assert create_body(DockerSandbox()) == {
        "Image": "python:latest",
        "Cmd": ["sleep", "infinity"],
        "WorkingDir": "/workspace",
        "Env": [],
        "HostConfig": {
            "Init": True,
            "Memory": 256 << 20,
            "NanoCPUs": 1_000_000_000,
            "NetworkMode": "none",
        },
    }


def test_the_request_has_all_that_was_set_in_the_words_of_the_engine() -> None:
    body = create_body(
        DockerSandbox(
            image="i",
            memory="1g",
            cpus="0.5",
            network=True,
            volumes={"/in": "/out"},
            named_volumes={"/data": "volume"},
            env={"A": "b"},
            user="1000",
            read_only=True,
            shm_size="64m",
            cap_add=["NET_ADMIN"],
            cap_drop=["ALL"],
            privileged=True,
            ulimits={"nofile": 10, "nproc": (1, 2)},
            tmpfs={"/t": "size=1m"},
            ports={8080: 80},
            platform="linux/arm64",
            extra_hosts={"host": "127.0.0.1"},
            devices=["/dev/null:/dev/n:r"],
            dns=["127.0.0.53"],
        )
    )
    host = body.pop("HostConfig")
    assert body == {
        "Image": "i",
        "Cmd": ["sleep", "infinity"],
        "WorkingDir": "/workspace",
        "Env": ["A=b"],
        "User": "1000",
        "ExposedPorts": {"8080/tcp": {}},
    }
    assert host == {
        "Init": True,
        "Memory": 1 << 30,
        "NanoCPUs": 500_000_000,
        "Binds": ["/out:/in", "volume:/data"],
        "ReadonlyRootfs": True,
        "ShmSize": 64 << 20,
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["ALL"],
        "Privileged": True,
        "Ulimits": [
            {"Name": "nofile", "Soft": 10, "Hard": 10},
            {"Name": "nproc", "Soft": 1, "Hard": 2},
        ],
        "Tmpfs": {"/t": "size=1m"},
        "PortBindings": {"8080/tcp": [{"HostPort": "80"}]},
        "ExtraHosts": ["host:127.0.0.1"],
        "Devices": [
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "r"}
        ],
        "Dns": ["127.0.0.53"],
    }
    assert create_body(DockerSandbox(network="bridge"))["HostConfig"]["NetworkMode"] == "bridge"


def test_every_argument_is_an_attribute_and_none_is_an_empty_one() -> None:
    sandbox = DockerSandbox()
    assert (sandbox.volumes, sandbox.ports, sandbox.ulimits, sandbox.env) == ({}, {}, {}, {})
    assert (sandbox.cap_add, sandbox.devices, sandbox.dns) == ([], [], [])
    assert (sandbox.url, sandbox.image) == ("unix:///var/run/docker.sock", "python:latest")
    assert (sandbox.remove, sandbox.volumes_remove, sandbox.network) == (True, False, False)


def test_sizes_shares_and_devices_are_read_as_people_write_them() -> None:
    sizes = {
        "512": 512,
        "1k": 1024,
        "256m": 256 << 20,
        "1G": 1 << 30,
        "1.5g": 3 << 29,
        "2mb": 2 << 20,
    }
    assert {text: parse_memory(text) for text in sizes} == sizes
    assert (parse_cpus("1.0"), parse_cpus("0.25")) == (1_000_000_000, 250_000_000)
    assert parse_device("/dev/a") == {
        "PathOnHost": "/dev/a",
        "PathInContainer": "/dev/a",
        "CgroupPermissions": "rwm",
    }
    assert parse_device("/dev/a:/dev/b:r")["CgroupPermissions"] == "r"
    for wrong in ("", "m", "-1m", "0", "much"):
        with pytest.raises(ValueError, match=r"size"):
            parse_memory(wrong)
        with pytest.raises(ValueError, match="processors"):
            parse_cpus(wrong)


async def test_the_variable_of_the_engine_takes_the_place_of_the_default_address(
    docker_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    async with DockerSandbox(image=GNU_IMAGE) as sandbox:
        assert await sandbox.exec("echo works") == "works"
    assert sandbox.url == "unix:///var/run/docker.sock"
    with pytest.raises(EngineUnavailable, match="unix:///nowhere"):
        async with DockerSandbox("unix:///nowhere"):
            pass
