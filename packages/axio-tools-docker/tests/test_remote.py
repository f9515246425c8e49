"""An engine elsewhere is used over TCP, and only with the right certificates."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from axio_tools_docker import DockerSandbox, DockerWorkspace
from axio_tools_docker.errors import EngineUnavailable
from axio_tools_local.testing import check_workspace
from support.docker import make_image, start_docker
from support.image import SMALL_IMAGE, small_image
from support.parts import requires

pytestmark = pytest.mark.timeout(180)

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def certificates(folder: Path, *names: str) -> Path:
    """A folder with an authority, and with certificates of it: NAME.pem and NAME-key.pem."""
    folder.mkdir()
    authority = ["-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=tests"]
    openssl(folder, "req", "-x509", "-days", "2", *_KEY, *authority)
    (folder / "more").write_text(
        "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
    )
    sign = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "more"]
    for name in names:
        openssl(folder, "req", *_KEY, "-subj", "/CN=x", "-keyout", f"{name}-key.pem", "-out", "r")
        openssl(folder, "x509", "-req", "-in", "r", *sign, "-days", "2", "-out", f"{name}.pem")
    (folder / f"{names[-1]}-key.pem").rename(folder / "key.pem")
    return folder


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    requires("openssl")
    return certificates(tmp_path_factory.mktemp("tls") / "trusted", "engine", "cert")


@pytest.fixture(scope="module")
def address(trusted: Path) -> Iterator[str]:
    """Where an engine listens that asks for a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    files = {"cacert": "ca.pem", "cert": "engine.pem", "key": "engine-key.pem"}
    options = [f"--tls{name}={trusted / file}" for name, file in files.items()]
    with start_docker(f"--host={url}", "--tlsverify", *options) as engine:
        make_image(engine, SMALL_IMAGE, small_image)
        yield url


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch, trusted: Path) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(trusted))


@pytest.mark.usefixtures("trust")
async def test_a_command_over_tls_gets_its_input_whole_or_leaves_it(
    address: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    async with DockerWorkspace(tmp_path, access="copy", url=address, image=SMALL_IMAGE) as there:
        assert await there.read("file") == b"x" * 300_000
        await there.write("file", b"y" * 3_000_000)
        assert await there.read("file") == b"y" * 3_000_000
        for command, given, expected, code in (
            ("cat", b"", b"", 0),
            ("cat", b"abc", b"abc", 0),
            ("head -c 3", b"z" * 3_000_000, b"zzz", 0),
            ("exit 3", b"z", b"", 3),
            ("echo; kill -9 $$", b"z" * 3_000_000, b"\n", -9),
        ):
            async with there.run(("/bin/sh", "-c", command), stdin=given, timeout=50) as running:
                assert b"".join([output.data async for output in running]) == expected
            assert running.exit_code == code
    async with DockerSandbox(address, image=SMALL_IMAGE) as sandbox:
        assert await sandbox.exec("cat", stdin="works") == "works"


@pytest.mark.heavy
@pytest.mark.usefixtures("trust")
async def test_a_container_over_tls_is_a_workspace(address: str) -> None:
    async with DockerWorkspace(url=address, image=SMALL_IMAGE) as workspace:
        await check_workspace(workspace)


async def test_without_the_right_certificates_the_error_says_which_are_wanted(
    address: str, trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusal() -> str:
        with pytest.raises(EngineUnavailable) as caught:
            async with DockerWorkspace(url=address, image=SMALL_IMAGE):
                pass
        return str(caught.value)

    monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
    assert "wants TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH" in await refusal()
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "nowhere"))
    assert f"cannot be read: [Errno 2] No such file or directory (DOCKER_CERT_PATH={tmp_path}" in (
        await refusal()
    )
    other = certificates(tmp_path / "other", "cert")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(other))
    assert "do not trust each other, see DOCKER_CERT_PATH" in await refusal()
    (other / "ca.pem").write_bytes((trusted / "ca.pem").read_bytes())
    await refusal()  # by the engine, which gives a reason, or hangs up before that is read
