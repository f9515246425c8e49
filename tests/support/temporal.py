"""Temporal's own server, as it is for development, on a port of its own."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.parts import requires

__all__ = ("start_temporal", "temporal")

PATIENCE = 120.0  # seconds


@contextmanager
def start_temporal(*options: str) -> Iterator[str]:
    """The address of a server with those options while the block lasts."""
    program = requires("temporal")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *(program, "server", "start-dev", "--headless", "--ip", "127.0.0.1"),
                *("--port", str(port), "--db-filename", Path(folder, "temporal.db")),
                *("--log-level", "error", *options),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_it_answers(program, f"127.0.0.1:{port}", process)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def temporal() -> Iterator[str]:
    """The address of a server, started when the first test wants it."""
    with start_temporal() as address:
        yield address


def _until_it_answers(program: Path, address: str, process: subprocess.Popen[bytes]) -> None:
    """Until its namespace is there, too, which comes after the port."""
    deadline = time.monotonic() + PATIENCE
    ask = [str(program), "operator", "namespace", "describe", "default", "--address", address]
    while subprocess.run(ask, capture_output=True, timeout=PATIENCE).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail("Temporal's server did not start")
        time.sleep(0.2)
