"""A Podman service of the tests' own, where there is neither systemd nor a right to raise limits.

It answers the same API as Docker. What differs is in the engine, not in who asks it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.docker import Engine, make_images
from support.parts import requires

_READY_SECONDS = 50

_CONF = """
[engine]
runtime = "here"
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.runtimes]
here = ["{folder}/runc"]
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/data"
runroot = "{folder}/run"
"""

# Podman asks for limits above those that this machine has itself, and may not raise.
_RUNC = f"""#!{sys.executable} -IS
import json, os, resource, sys
arguments = sys.argv[1:]
for option, name in (("--bundle", "config.json"), ("--process", "")):
    if option in arguments:
        path = os.path.join(arguments[arguments.index(option) + 1], name).rstrip("/")
        with open(path) as file:
            config = json.load(file)
        process = config.get("process", config)
        for limit in process.get("rlimits") or ():
            _, most = resource.getrlimit(getattr(resource, limit["type"]))
            if most != resource.RLIM_INFINITY:
                limit["hard"] = min(limit["hard"], most)
                limit["soft"] = min(limit["soft"], most)
        with open(path, "w") as file:
            json.dump(config, file)
os.execvp("runc", ["runc", *arguments])
"""


@contextmanager
def start_podman() -> Iterator[Engine]:
    """Run the service while the block lasts, and remove all that it had."""
    podman = requires("podman")
    folder = Path(tempfile.mkdtemp(prefix="axio-podman-"))
    (folder / "containers.conf").write_text(_CONF.format(folder=folder))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    (folder / "runc").write_text(_RUNC)
    (folder / "runc").chmod(0o755)
    environment = {
        **os.environ,
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
    }
    url = f"unix://{folder}/podman.sock"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [podman, "--cgroup-manager=cgroupfs", "system", "service", "--time=0", url],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not (folder / "podman.sock").is_socket():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Podman did not start:\n{(folder / 'log').read_text()[-3000:]}")
            time.sleep(0.05)
        yield Engine(url)
    finally:
        subprocess.run([podman, "rm", "-af", "-t", "0"], env=environment, capture_output=True)
        process.terminate()
        process.wait(40)
        subprocess.run(["umount", "-q", f"{folder}/data/overlay"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def podman_engine() -> Iterator[Engine]:
    """A service that has the images of `docker_engine`."""
    with start_podman() as engine:
        make_images(engine)
        yield engine
