"""A change is shown before it is made, and only the change that was shown is made."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axio.exceptions import HandlerError
from axio.permission import PermissionGuard
from axio.tool import AnyTool, Tool
from axio_tools_local.edit_file import edit_file
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.patch_file import patch_file
from axio_tools_local.preview import can_preview, expect, preview
from axio_tools_local.shell import shell
from axio_tools_local.write_file import write_file


class Shown(PermissionGuard):
    """Shows each change to a person, who does something and then agrees."""

    def __init__(self, person: Callable[[], object] = lambda: None) -> None:
        self.person = person
        self.diffs: list[str] = []

    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        changes = await preview(tool, kwargs)
        self.diffs += [change.diff() for change in changes]
        expect(changes)
        self.person()
        return kwargs


def guarded(handler: Any, guard: PermissionGuard, context: object = None) -> Tool[Any]:
    return Tool(name="changes", handler=handler, guards=(guard,), context=context)


CALLS: list[tuple[Any, dict[str, Any]]] = [
    (write_file, {"content": "one\ntwo\n"}),
    (edit_file, {"old_text": "2", "new_text": "two"}),
    (patch_file, {"from_line": 1, "to_line": 1, "content": "one"}),
]


@pytest.mark.parametrize(("handler", "arguments"), CALLS)
async def test_the_diff_is_there_before_the_file_changes(
    folder: Path, handler: Any, arguments: dict[str, Any]
) -> None:
    (folder / "f").write_text("1\n2\n")
    guard = Shown(lambda: before.append((folder / "f").read_text()))
    before: list[str] = []
    await guarded(handler, guard)(file_path="f", **arguments)
    [diff] = guard.diffs
    assert before == ["1\n2\n"] and diff.startswith("--- f\n+++ f\n@@")
    changed = [line[1:] for line in diff.splitlines()[3:] if not line.startswith("-")]
    assert changed == (folder / "f").read_text().splitlines()


async def test_a_new_file_is_shown_as_one_and_nothing_is_made_yet(folder: Path) -> None:
    tool = guarded(write_file, Shown())
    [change] = await preview(tool, {"file_path": "sub/f", "content": "x\n", "mode": None})
    assert change.diff().startswith("--- /dev/null\n+++ sub/f\n")
    assert change.real == str(folder / "sub" / "f") and os.listdir(folder) == []


async def test_a_change_that_cannot_be_made_says_so_in_the_same_words(folder: Path) -> None:
    (folder / "f").write_text("1\n")
    arguments = {"file_path": "f", "old_text": "9", "new_text": "x", "replace_all": False}
    tool = Tool(name="edit", handler=edit_file)
    with pytest.raises(ValueError, match="old_text was not found"):
        await preview(tool, arguments)
    with pytest.raises(HandlerError, match="old_text was not found"):
        await tool(**arguments)


async def test_a_command_has_no_preview(folder: Path) -> None:
    tool = Tool(name="shell", handler=shell)
    assert await preview(tool, {"command": "rm f"}) == [] and not can_preview(tool)


@pytest.mark.parametrize(("handler", "arguments"), CALLS)
async def test_a_file_that_a_person_changes_meanwhile_is_left_alone(
    folder: Path, handler: Any, arguments: dict[str, Any]
) -> None:
    (folder / "f").write_text("1\n2\n")
    tool = guarded(handler, Shown(lambda: (folder / "f").write_text("1\n2\nmine\n")))
    with pytest.raises(HandlerError, match="not as it was when the change was shown"):
        await tool(file_path="f", **arguments)
    assert (folder / "f").read_text() == "1\n2\nmine\n"
    tool = guarded(handler, Shown())  # asked again, the change of this file is shown
    await tool(file_path="f", **arguments)
    assert (folder / "f").read_text() != "1\n2\nmine\n"


@pytest.mark.parametrize("made", [True, False], ids=["exchanged", "new"])
async def test_a_link_that_leads_elsewhere_meanwhile_is_not_followed(
    folder: Path, made: bool
) -> None:
    (folder / "a").write_text("old")
    (folder / "b").write_text("old")
    (folder / "link").symlink_to("a" if made else "missing")

    def swap() -> None:
        (folder / "link").unlink()
        (folder / "link").symlink_to("b")

    with pytest.raises(HandlerError, match="nothing was changed"):
        await guarded(write_file, Shown(swap))(file_path="link", content="new")
    assert {name: (folder / name).read_text() for name in ("a", "b")} == {"a": "old", "b": "old"}


async def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(folder: Path) -> None:
    for name in ("inside", "outside"):
        (folder / name).mkdir()
        (folder / name / "f").write_text("old")

    def swap() -> None:
        (folder / "inside").rename(folder / "moved")
        (folder / "inside").symlink_to("outside")

    with pytest.raises(HandlerError, match="nothing was changed"):
        await guarded(write_file, Shown(swap))(file_path="inside/f", content="new")
    assert (folder / "outside" / "f").read_text() == "old"


async def test_permissions_that_change_meanwhile_count(folder: Path) -> None:
    (folder / "f").write_text("old")
    tool = guarded(write_file, Shown(lambda: (folder / "f").chmod(0o600)))
    with pytest.raises(HandlerError, match="nothing was changed"):
        await tool(file_path="f", content="new")
    assert stat.S_IMODE((folder / "f").stat().st_mode) == 0o600


async def test_other_arguments_than_those_that_were_shown_are_refused(folder: Path) -> None:
    class Other(PermissionGuard):
        async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
            return {**kwargs, "content": "another"}

    tool: Tool[Any] = Tool(name="write", handler=write_file, guards=(Shown(), Other()))
    with pytest.raises(HandlerError, match="nothing was changed"):
        await tool(file_path="f", content="shown")
    assert os.listdir(folder) == []


async def test_what_was_agreed_to_holds_for_one_call(folder: Path) -> None:
    await guarded(write_file, Shown())(file_path="f", content="one")
    await Tool(name="write", handler=write_file)(file_path="g", content="free")
    assert (folder / "g").read_text() == "free"


async def test_the_workspace_of_the_tool_is_looked_at(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "f").write_text("old\n")
    guard = Shown()
    tool = guarded(write_file, guard, LocalWorkspace(folder / "sub"))
    await tool(file_path="f", content="new\n")
    assert "-old" in guard.diffs[0] and (folder / "sub" / "f").read_text() == "new\n"
