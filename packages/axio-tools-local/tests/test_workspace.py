"""The file tools see nothing but the `Workspace` protocol: any place that has it will do."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from axio.tool import CONTEXT, Tool
from axio_tools_local.current import current_workspace
from axio_tools_local.edit_file import edit_file
from axio_tools_local.list_files import list_files
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.patch_file import patch_file
from axio_tools_local.read_file import read_file
from axio_tools_local.workspace import Entry, Running, Workspace
from axio_tools_local.write_file import write_file


class MemoryWorkspace:
    """Files in a dict, to show that the protocol can be had without this machine's files."""

    python = "python3"

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, int]] = {}

    def run(self, argv: Sequence[str], **_: Any) -> AbstractAsyncContextManager[Running]:
        raise OSError("nothing runs here")

    async def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        data = self.files[path][0]
        return data[offset:] if size < 0 else data[offset : offset + size]

    async def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        old_mode = self.files.get(path, (b"", 0o644))[1]
        self.files[path] = (data, old_mode if mode is None else mode)

    async def remove(self, path: str) -> None:
        del self.files[path]

    async def stat(self, path: str) -> Entry:
        data, mode = self.files[path]
        return Entry(PurePosixPath(path).name, stat.S_IFREG | mode, len(data), 0)

    async def list(self, path: str) -> list[Entry]:
        return [await self.stat(name) for name in self.files]


@pytest.fixture(params=["local", "memory"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    return LocalWorkspace(tmp_path) if request.param == "local" else MemoryWorkspace()


async def test_all_file_tools_work_in_any_workspace(workspace: Workspace) -> None:
    tools = {
        handler.__name__: Tool(name=handler.__name__, handler=handler, context=workspace)
        for handler in (write_file, patch_file, edit_file, read_file, list_files)
    }
    assert await tools["list_files"]() == "(empty directory)"
    wrote = await tools["write_file"](file_path="f.txt", content="one\ntwo\n")
    assert wrote == "Wrote 8 bytes to f.txt"
    await tools["patch_file"](file_path="f.txt", from_line=2, to_line=2, content="2", mode=0o600)
    await tools["edit_file"](file_path="f.txt", old_text="one", new_text="1")
    assert await tools["read_file"](filename="f.txt", line_numbers=True) == "1\t1\n2\t2\n"
    assert (await tools["list_files"]()).startswith("-rw-------        4 ")


async def test_missing_files_are_reported_alike(workspace: Workspace) -> None:
    with pytest.raises(FileNotFoundError):
        await workspace.read("missing")


def test_without_a_context_the_workspace_is_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = current_workspace()
    assert isinstance(found, LocalWorkspace) and found.root == str(tmp_path)


def test_a_context_that_is_no_workspace_is_left_to_its_owner() -> None:
    token = CONTEXT.set({"api_key": "something else"})
    try:
        assert isinstance(current_workspace(), LocalWorkspace)
    finally:
        CONTEXT.reset(token)


async def test_relative_paths_start_at_the_root_and_a_tilde_is_a_name(tmp_path: Path) -> None:
    workspace = LocalWorkspace(tmp_path)
    await workspace.write("~/f", b"x")
    assert (tmp_path / "~" / "f").read_bytes() == b"x"
    assert await workspace.read(str(tmp_path / "~/f")) == b"x"
    assert await workspace.read("~/../~/f") == b"x"


async def test_what_is_not_read_holds_the_command_back_and_is_not_lost(tmp_path: Path) -> None:
    workspace = LocalWorkspace(tmp_path)
    command = "head -c 30000000 /dev/zero; touch written"
    async with workspace.run(("/bin/sh", "-c", command), timeout=50) as process:
        await asyncio.sleep(0.5)  # ten times as long as it takes
        assert os.listdir(tmp_path) == []
        assert sum([len(output.data) async for output in process]) == 30_000_000
    assert os.listdir(tmp_path) == ["written"]


@pytest.mark.parametrize("root", [None, "below", "../beside"])
def test_a_place_in_a_folder_that_was_removed_says_so(
    root: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert LocalWorkspace(tmp_path).root == str(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"^the current directory was removed$"):
        LocalWorkspace(root)
