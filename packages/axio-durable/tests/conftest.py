"""A program with a `Durable` on each kind of database, here and in workers of its own."""

from __future__ import annotations

import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axio_durable import Durable
from support.postgres import Cluster

HERE = Path(__file__).parent

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time to start processes and to see a dead one's lease end, on however busy a machine."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(180))


class Program:
    """The program `app.py` with its settings, and the worker processes that were started."""

    def __init__(self, where: str, scheduler: str, folder: Path) -> None:
        self.effects_file = folder / "effects"
        self.effects_file.touch()
        self.attempts_file = folder / "attempts"
        self.attempts_file.touch()
        self.gate = folder / "gate"
        self.log = folder / "log"
        self.settings = {
            "DATABASE": where,
            "SCHEDULER": scheduler,
            "SCHEMA": f"durable_{next(_numbers)}",
            "EFFECTS": str(self.effects_file),
            "ATTEMPTS": str(self.attempts_file),
            "GATE": str(self.gate),
        }
        self.started: list[subprocess.Popen[str]] = []

    def load(self) -> Any:
        """The program's module, in this process."""
        os.environ |= self.settings
        spec = importlib.util.spec_from_file_location(f"app_{next(_numbers)}", HERE / "app.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        assert isinstance(module, ModuleType)
        spec.loader.exec_module(module)
        return module

    def durable(self) -> Durable:
        found: Durable = self.load().durable
        return found

    def worker(self, *options: str, **settings: str) -> subprocess.Popen[str]:
        """Start a worker."""
        return self._start("-m", "axio_durable.worker", "app:durable", *options, **settings)

    def script(self, source: str) -> subprocess.Popen[str]:
        """Start a program that may import `app`."""
        return self._start("-c", source)

    def _start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=HERE,
                env={**os.environ, **self.settings, **settings, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def allow(self, more: int) -> None:
        """Let the workers make so many more effects and then wait, in mid-turn, however quick."""
        with self.gate.open("a") as gate:
            gate.write("." * more)

    def allow_all(self) -> None:
        self.gate.unlink()

    def effects(self) -> list[str]:
        """All that was done in the world, in order."""
        return self.effects_file.read_text().splitlines()

    def attempts(self) -> list[tuple[float, int, str, str]]:
        """When which process works, tries to work on which session, begins and ends."""
        lines = self.attempts_file.read_text().splitlines()
        fields = (line.split(" ", 3) for line in lines)
        return [(float(at), int(pid), what, session) for at, pid, what, session in fields]

    def close(self) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for name in self.settings:
            os.environ.pop(name, None)


@pytest.fixture
def make_program() -> Iterator[Callable[[str, str], Program]]:
    """`make_program(database, scheduler)`; an empty text for SQLite."""
    made: list[Program] = []
    with tempfile.TemporaryDirectory() as folder:

        def make(where: str, scheduler: str) -> Program:
            made.append(Program(where or folder, scheduler, Path(folder)))
            return made[-1]

        try:
            yield make
        finally:
            for program in made:
                program.close()


@pytest.fixture(params=["sqlite", "postgres", "procrastinate", "temporal"])
def program(request: pytest.FixtureRequest, make_program: Callable[[str, str], Program]) -> Program:
    if request.param == "sqlite":
        return make_program("", "in this process")
    cluster: Cluster = request.getfixturevalue("postgres")
    where = cluster.dsn()
    if request.param == "procrastinate":
        return make_program(where, f"procrastinate:{where}")
    if request.param == "temporal":
        return make_program(where, f"temporal:{request.getfixturevalue('temporal')}")
    return make_program(where, "in this process")


@pytest.fixture
async def durable(program: Program) -> AsyncIterator[Durable]:
    async with program.durable() as opened:
        yield opened
