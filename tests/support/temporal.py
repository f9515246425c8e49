"""Temporal's own server, as it is for development, on a port of its own."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.parts import requires

__all__ = ("start_temporal", "temporal")

PATIENCE = 120.0  # seconds
TRIES = 5  # another program may be faster to take a port


@contextmanager
def start_temporal(*options: str) -> Iterator[str]:
    """The address of a server with those options while the block lasts."""
    program = requires("temporal")
    with ExitStack() as started:
        for _ in range(TRIES):
            address, process = started.enter_context(_process(program, options))
            if _answers(program, address, process):
                break
        else:
            pytest.fail("Temporal's server did not start")
        yield address


@contextmanager
def _process(
    program: Path, options: tuple[str, ...]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server on a port that was free a moment ago, as are those that it looks for itself."""
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
            yield f"127.0.0.1:{port}", process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def temporal() -> Iterator[str]:
    """The address of a server, started when the first test wants it."""
    with start_temporal() as address:
        yield address


def _answers(program: Path, address: str, process: subprocess.Popen[bytes]) -> bool:
    """True once its namespace is there, which comes after the port; False if it has ended."""
    deadline = time.monotonic() + PATIENCE
    ask = [str(program), "operator", "namespace", "describe", "default", "--address", address]
    while subprocess.run(ask, capture_output=True, timeout=PATIENCE).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
