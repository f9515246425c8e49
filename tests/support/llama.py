"""Fixtures for a real model server (see `support.llama_server`); every test may ask for them.

`llama_forced` and `llama_natural` are started once a session, when the first test wants them.
`start_llama(...)` is for a test that needs its own: another key, two calls a turn, more slots.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.parts import requires

PROGRAM = Path(__file__).with_name("llama_server.py")


@dataclass(frozen=True)
class Llama:
    """A running server: `url` has no path; `model` is the name it answers to."""

    url: str
    style: str
    model: str = "smollm2-135m"


@contextmanager
def start_llama(style: str = "forced", *options: str) -> Iterator[Llama]:
    """Run a server while the block lasts; `options` are those of `llama_server.py`."""
    weights = requires("weights")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(weights), "--style", style, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            ready = process.stdout.readline().split()
            if ready[:1] != ["READY"]:
                log.seek(0)
                pytest.fail(f"the model server did not start:\n{log.read()[-2000:]}")
            yield Llama(ready[1], style)
        finally:
            process.stdin.close()
            process.terminate()
            process.wait(20)
            process.stdout.close()


@pytest.fixture(scope="session")
def llama_forced() -> Iterator[Llama]:
    """A server for requests with tools and tool_choice required (any)."""
    with start_llama("forced") as server:
        yield server


@pytest.fixture(scope="session")
def llama_natural() -> Iterator[Llama]:
    """A server where the model chooses between text and a call."""
    with start_llama("natural") as server:
        yield server
