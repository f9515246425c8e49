"""A missing engine, image or program, and a full disk: one line that says what to do."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axio_tools_docker import DockerWorkspace
from axio_tools_docker._engine import Engine as Connection, find_engine
from axio_tools_docker.errors import EngineError, EngineUnavailable, ImageUnavailable
from axio_tools_docker.settings import Limits
from support.docker import Engine
from support.image import SMALL_IMAGE, gnu_image, small_image


async def refusal(workspace: DockerWorkspace) -> EngineError:
    with pytest.raises(EngineError) as caught:
        async with workspace:
            pass
    assert issubclass(caught.type, RuntimeError)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


async def test_where_no_engine_answers_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    error = await refusal(DockerWorkspace(url=f"unix://{tmp_path}/none.sock"))
    assert isinstance(error, EngineUnavailable)
    assert "no engine answers" in str(error) and "DOCKER_HOST" in str(error)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    assert isinstance(await refusal(DockerWorkspace(url=url)), EngineUnavailable)
    assert "no address" in str(await refusal(DockerWorkspace(url="/var/run/docker.sock")))


async def test_without_any_engine_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(Path, "is_socket", lambda path: False)
    assert "apt-get install docker.io" in str(await refusal(DockerWorkspace()))


def test_an_engine_is_found_by_its_variable_or_its_socket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    assert find_engine() == "tcp://127.0.0.1:2375"
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "podman").mkdir()
    path = tmp_path / "podman" / "podman.sock"
    is_socket = Path.is_socket
    there = lambda found: str(found).startswith(str(tmp_path)) and is_socket(found)  # noqa: E731
    monkeypatch.setattr(Path, "is_socket", there)
    assert find_engine() is None
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert find_engine() == f"unix://{path}"


def test_a_socket_that_this_user_may_not_use_is_told(docker_engine: Engine) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:  # another user, who may not even look into the folder of the socket
        words = "nothing was raised"
        try:
            os.setresuid(65534, 65534, 65534)
            asyncio.run(_ping(docker_engine.url))
        except BaseException as error:
            words = f"{type(error).__name__}: {error}"
        os.write(writing, words.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as pipe:
        words = pipe.read()
    assert words.startswith("EngineUnavailable: this user may not use the engine"), words


async def _ping(url: str) -> None:
    engine = Connection(url)
    try:
        await engine.ping()
    finally:
        await engine.close()


async def test_an_image_that_cannot_be_had_is_told_by_its_name(
    contained: Callable[..., DockerWorkspace],
) -> None:
    error = await refusal(contained(image="localhost/no-such-image:1"))
    assert isinstance(error, ImageUnavailable)
    assert "localhost/no-such-image:1" in str(error) and "docker load" in str(error)


def import_image(
    engine: Engine,
    name: str,
    without: tuple[str, ...],
    make: Callable[[tarfile.TarFile], None] = small_image,
) -> None:
    """An image without some of its programs."""
    whole, less = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        make(tar)
    whole.seek(0)
    with tarfile.open(fileobj=whole) as tar, tarfile.open(fileobj=less, mode="w") as rest:
        for member in tar:
            if os.path.basename(member.name) not in without:
                rest.addfile(member, tar.extractfile(member) if member.isreg() else None)
    engine.cli("import", "-", name, stdin=less.getvalue())


async def test_programs_that_an_image_lacks_are_named(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    import_image(docker_engine, "axio-bare:latest", ("sh",))
    error = await refusal(contained(image="axio-bare:latest"))
    assert isinstance(error, ImageUnavailable) and "no shell (/bin/sh)" in str(error)
    import_image(docker_engine, "axio-poor:latest", ("stat", "xargs"), gnu_image)
    error = await refusal(contained(image="axio-poor:latest"))
    assert isinstance(error, ImageUnavailable) and "lack stat, xargs" in str(error)
    assert docker_engine.left("ps -a") == []


async def test_an_image_is_built_of_a_dockerfile_and_its_folder_once(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], tmp_path: Path
) -> None:
    def images() -> int:
        return len(docker_engine.cli("images", "-q", "axio-built").split())

    (tmp_path / "Box").write_text(
        f"FROM {SMALL_IMAGE}\nCOPY made /made\nENV GREETING=hello\n"
        'RUN echo "$(cat /made) by $(id -un)" > /ran\n'
    )
    (tmp_path / "made").write_text("with care")
    for _ in range(2):
        async with contained(dockerfile=tmp_path / "Box") as workspace:
            assert await workspace.read("/made") == b"with care"
            async with workspace.run(("/bin/sh", "-c", "echo $GREETING")) as running:
                assert [output.data async for output in running] == [b"hello\n"]
        assert images() == 1
    (tmp_path / "made").write_text("in haste")
    async with contained(dockerfile=tmp_path / "Box") as workspace:
        assert await workspace.read("/made") == b"in haste"
        assert await workspace.read("/ran") == b"in haste by root\n"
    assert images() == 2
    (tmp_path / "Box").write_text("FRUM nothing\n")
    error = await refusal(contained(dockerfile=tmp_path / "Box"))
    assert isinstance(error, ImageUnavailable) and "FRUM" in str(error)


async def test_an_image_needs_no_tar_not_even_for_a_copy(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    import_image(docker_engine, "axio-no-tar:latest", ("tar",))
    (folder / "file").write_text("x")
    async with contained(folder, access="copy", image="axio-no-tar:latest") as workspace:
        assert await workspace.read("file") == b"x"


async def test_a_full_disk_is_an_error_and_leaves_the_old_file(
    contained: Callable[..., DockerWorkspace],
) -> None:
    async with contained(limits=Limits(temporary_bytes=2 << 20)) as workspace:
        await workspace.write("file", b"old")
        with pytest.raises(OSError, match="No space left on device"):
            await workspace.write("file", b"x" * (3 << 20))
        assert await workspace.read("file") == b"old"
        assert [entry.name for entry in await workspace.list(".")] == ["file"]


async def test_a_full_temporary_folder_is_told_by_its_own_name(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    async with contained(folder, limits=Limits(temporary_bytes=1 << 20)) as workspace:
        async with workspace.run(
            ("/bin/sh", "-c", "head -c 4000000 /dev/zero > /tmp/full")
        ) as running:
            async for _ in running:
                pass
        with pytest.raises(OSError, match="No space left on device: '/tmp/axio-"):
            async with workspace.run(("python3",), script="print(1)"):
                pass


async def test_a_folder_that_is_not_there_or_belongs_to_root_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DockerWorkspace(tmp_path / "missing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        DockerWorkspace(tmp_path / "file")
    os.chmod(tmp_path, 0o755)
    with pytest.raises(PermissionError, match="chown 1000:1000"):
        DockerWorkspace(tmp_path)
    assert DockerWorkspace(tmp_path, access="read").settings.user == "1000:1000"
    assert DockerWorkspace(tmp_path, user="0:0").settings.user == "0:0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"access": "all"}, "access must be one of write, read, copy"),
        ({"workdir": "here"}, "workdir must be an absolute path"),
        ({"workdir": "/"}, "workdir must be an absolute path"),
        ({"idle_seconds": 0}, "idle_seconds must be more than 0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DockerWorkspace(**options)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="processes must be more than 0"):
        Limits(processes=0)


async def test_what_has_no_name_or_argument_is_refused(
    contained: Callable[..., DockerWorkspace],
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        with pytest.raises(ValueError, match="null byte"):
            await workspace.read("a\0b")
        with pytest.raises(FileNotFoundError, match="no such program"):
            async with workspace.run(("python3", "-c", "1")):
                pass
        with pytest.raises(FileNotFoundError):
            async with workspace.run(("/bin/sh",), cwd="no/such/folder"):
                pass
