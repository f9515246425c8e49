"""The checks that every workspace has to pass: this machine does, at each level of its sandbox, and
what keeps a promise less does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from axio_tools_local import testing
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.testing import check_workspace
from axio_tools_local.workspace import Entry

pytestmark = pytest.mark.timeout(300)  # each starts some fifty commands


async def test_this_machine_is_a_workspace(tmp_path: Path) -> None:
    await check_workspace(LocalWorkspace(tmp_path))


async def test_a_sandbox_is_a_workspace(backend: str, tmp_path: Path) -> None:
    await check_workspace(LocalWorkspace(tmp_path, sandbox="workspace-write"))


async def test_a_sandbox_to_read_in_is_a_workspace_that_changes_nothing(
    backend: str, tmp_path: Path
) -> None:
    workspace = LocalWorkspace(tmp_path, sandbox="read-only")
    await check_workspace(workspace, writable=False)


class Lax(LocalWorkspace):
    """Keeps all promises but those that a test takes away."""


async def forgetful(self: LocalWorkspace, path: str, data: bytes, mode: int | None = None) -> None:
    await LocalWorkspace.write(self, path, data, 0o644 if mode is None else mode)


async def in_two_steps(
    self: LocalWorkspace, path: str, data: bytes, mode: int | None = None
) -> None:
    await LocalWorkspace.write(self, path, data[: len(data) // 2], mode)
    await asyncio.sleep(0.2 * (len(data) == 200_000))
    await LocalWorkspace.write(self, path, data, mode)


async def shortened(self: LocalWorkspace, path: str) -> list[Entry]:
    return [entry for entry in await LocalWorkspace.list(self, path) if entry.name[0] != "."]


async def unlimited(self: LocalWorkspace, path: str, offset: int = 0, size: int = -1) -> bytes:
    return await LocalWorkspace.read(self, path, offset)


@pytest.mark.parametrize(
    ("method", "replacement", "promise"),
    [
        ("write", forgetful, "a file keeps its mode"),
        ("write", in_two_steps, "a file is replaced in one step"),
        ("list", shortened, "a folder is listed with all its names"),
        ("read", unlimited, "a part can be read"),
        ("stat", None, "has all methods"),
    ],
)
async def test_a_promise_that_is_not_kept_is_named(
    method: str, replacement: Any, promise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lax, method, replacement, raising=False)
    monkeypatch.setattr(testing, "_READING", ())  # takes no promise away, but time
    with pytest.raises(AssertionError, match=promise):
        await check_workspace(Lax(tmp_path))
