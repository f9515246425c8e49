"""A schema of its own for each test, and processes that use the same one."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from axio_context_postgres import Postgres, PostgresContextStore
from support.postgres import Cluster

_numbers = itertools.count(1)

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time for the first test of a process to make a cluster, and for others to start processes,
    on however busy a machine."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture
def schema() -> str:
    return f"test_{next(_numbers)}"


@pytest.fixture
async def database(postgres: Cluster, schema: str) -> AsyncIterator[Postgres]:
    async with Postgres(postgres.dsn(), schema=schema) as opened:
        yield opened


@pytest.fixture
def store(database: Postgres) -> PostgresContextStore:
    return database.session("session")


@pytest.fixture
async def other(postgres: Cluster, schema: str) -> AsyncIterator[PostgresContextStore]:
    """The same session as another process has it, that does not wait long."""
    async with Postgres(postgres.dsn(), schema=schema, wait=0.1) as opened:
        yield opened.session("session")


Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn(postgres: Cluster, schema: str) -> Iterator[Spawn]:
    """Start `python -c SOURCE DSN SCHEMA ARGUMENTS`; at the end it is killed, with its children."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", source, postgres.dsn(), schema, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=HERE,  # They may import what stands here.
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


class Nursery:
    """Workers of a program that calls `nursery.serve`."""

    def __init__(self, process: subprocess.Popen[str], effects: Path) -> None:
        self._process = process
        self._effects = effects

    def live(self, id: str, kill: int) -> int:
        """Let a worker live until its moment number `kill`; the status with which it ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f'["{id}", {kill}]\n')
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def effects(self) -> list[str]:
        """The effects since this was asked last."""
        lines = self._effects.read_text().splitlines() if self._effects.exists() else []
        self._effects.unlink(missing_ok=True)
        return lines


@pytest.fixture
def nursery(spawn: Spawn, tmp_path: Path) -> Callable[[str], Nursery]:
    """`nursery(source)` of the program."""
    return lambda source: Nursery(spawn(source, tmp_path / "effects"), tmp_path / "effects")
