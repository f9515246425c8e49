from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axio.tool import CONTEXT
from axio_tools_local import sandbox
from axio_tools_local.sandbox import Level, SandboxUnavailable
from support.parts import in_ci


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def inside() -> Iterator[Callable[[object], None]]:
    """Make an object the workspace of the tools that the test calls."""
    token = CONTEXT.set(CONTEXT.get())

    def enter(workspace: object) -> None:
        CONTEXT.set(workspace)

    yield enter
    CONTEXT.reset(token)


class Marked:
    """Processes that are known by a number in their command line, such as `sleep 61.{mark}`."""

    def __init__(self) -> None:
        self.mark = str(secrets.randbelow(10**12))

    def alive(self) -> list[str]:
        """Those that run, with their command lines."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = Path("/proc", pid, "cmdline").read_bytes()
            except OSError:
                continue
            if self.mark.encode() in command and int(pid) != os.getpid():
                found.append(f"{pid}: {command.decode(errors='replace')}")
        return found

    async def until(self, running: bool, text: str = "") -> None:
        """Wait until one whose command line holds `text` runs, or none any more."""
        async with asyncio.timeout(50):
            while any(text in line for line in self.alive()) != running:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
def marked() -> Marked:
    return Marked()


@pytest.fixture(params=["bwrap", "kernel"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Namespaces by `bwrap` and by the kernel itself; what a machine lacks fails in CI."""
    kind: str = request.param
    if kind == "kernel":
        monkeypatch.setattr(f"{sandbox.__name__}.shutil.which", lambda name: None)
    sandbox._backend.cache_clear()
    try:
        found = sandbox._backend()
    except SandboxUnavailable as error:
        found, reason = "", str(error)
    else:
        reason = "bwrap is not installed or does not work"
    if (found is None) != (kind == "kernel") or found == "":
        (pytest.fail if in_ci() else pytest.skip)(reason)
    yield kind
    sandbox._backend.cache_clear()


@pytest.fixture(params=["workspace-write", "read-only"])
def level(request: pytest.FixtureRequest) -> Level:
    kind: Level = request.param
    return kind
