"""A Docker engine of the tests' own, with images made of this machine's files.

`docker_engine` is started once a session, when the first test wants it: no service of the machine
is used or touched, and no registry of images is needed. It has no network for containers, since
the workspace of an agent has none by default either.
"""

from __future__ import annotations

import http.client
import io
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.image import GNU_IMAGE, SMALL_IMAGE, gnu_image, small_image
from support.parts import requires

_READY_SECONDS = 50

# The engine ends with the pipe to it: also when the tests are killed.
_TIED = 'dockerd "$@" & engine=$!; cat; kill $engine; wait $engine'


@dataclass(frozen=True)
class Engine:
    """A running engine, to be used through its socket or by its own command line."""

    url: str

    def cli(self, *arguments: str, stdin: bytes | None = None) -> str:
        """The output of `docker ARGUMENTS`."""
        done = subprocess.run(
            ["docker", *arguments],
            env={**os.environ, "DOCKER_HOST": self.url, "DOCKER_TLS_VERIFY": ""},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def left(self, kind: str, label: str = "axio.owner") -> list[str]:
        """The names of all containers (`"ps -a"`) or volumes (`"volume ls"`) with a label."""
        names = {"ps -a": "{{.Names}}", "volume ls": "{{.Name}}"}[kind]
        return self.cli(*kind.split(), "--filter", f"label={label}", "--format", names).split()


@contextmanager
def start_docker(*more: str) -> Iterator[Engine]:
    """Run an engine while the block lasts, and remove all that it had."""
    dockerd = requires("docker")
    folder = Path(tempfile.mkdtemp(prefix="axio-docker-"))  # short: a socket's path has a limit
    runsc = shutil.which("runsc")
    arguments = [
        f"--host=unix://{folder}/engine.sock",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/run",
        f"--pidfile={folder}/pid",
        *("--bridge=none", "--iptables=false", "--ip6tables=false"),
        *more,
    ]
    if runsc is not None:
        arguments.append(f"--add-runtime=runsc={_gvisor(folder, runsc)}")
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["sh", "-c", _TIED, str(dockerd), *arguments],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        if not _answers(folder / "engine.sock", process):
            pytest.fail(f"the Docker engine did not start:\n{log.read_text()[-3000:]}")
        yield Engine(f"unix://{folder}/engine.sock")
    finally:
        process.stdin.close()
        process.wait(40)
        for mounted in folder.glob("run/netns/*"):  # of a container without a network of its own
            subprocess.run(["umount", "-q", mounted], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(path: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the engine says that it is there."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(path))
            connection.request("GET", "/_ping")
            if connection.getresponse().status == 200:
                return True
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return False


def _gvisor(folder: Path, runsc: str) -> Path:
    """gVisor as a runtime where there is neither KVM nor a right to make control groups.

    The limits of memory, processors and processes do not hold then.
    """
    program = folder / "runsc"
    options = "--network=none --platform=ptrace --ignore-cgroups"
    program.write_text(f'#!/bin/sh\nexec {runsc} {options} "$@"\n')
    program.chmod(0o755)
    return program


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """An engine that has the images `SMALL_IMAGE` and `GNU_IMAGE`."""
    with start_docker() as engine:
        make_images(engine)
        yield engine


def make_images(engine: Engine) -> None:
    make_image(engine, SMALL_IMAGE, small_image)
    make_image(engine, GNU_IMAGE, gnu_image)


def make_image(engine: Engine, name: str, make: Callable[[tarfile.TarFile], None]) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        make(tar)
    engine.cli("import", "-", name, stdin=archive.getvalue())
