"""Changes that tools make in a run are kept in the session, shown as a diff, and can be undone."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import ToolOutputDelta, ToolResult
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tools_local import changes as module
from axio_tools_local.changes import Changes, changes_of
from axio_tools_local.edit_file import edit_file
from axio_tools_local.patch_file import patch_file
from axio_tools_local.write_file import write_file

HANDLERS: dict[str, Callable[..., Any]] = {
    "write_file": write_file,
    "patch_file": patch_file,
    "edit_file": edit_file,
}


async def run(store: MemoryContextStore, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """One turn of the model for each call, under the ids `call0`, `call1`, ..."""
    turns = [
        make_tool_use_response(name, tool_id=f"call{n}", tool_input=arguments)
        for n, (name, arguments) in enumerate(calls)
    ]
    agent = Agent(
        system="",
        transport=StubTransport([*turns, make_text_response("done")]),
        tools=[Tool(name=name, handler=handler) for name, handler in HANDLERS.items()],
    )
    return [event async for event in agent.run_stream("go", store)]


@pytest.fixture
def store() -> MemoryContextStore:
    return MemoryContextStore()


async def test_changes_are_undone_newest_first(folder: Path, store: MemoryContextStore) -> None:
    (folder / "old").write_text("1\n2\n")
    await run(
        store,
        ("write_file", {"file_path": "new", "content": "hello\n"}),
        ("patch_file", {"file_path": "old", "from_line": 2, "to_line": 2, "content": "two"}),
        ("edit_file", {"file_path": "old", "old_text": "1", "new_text": "one"}),
    )
    journal = changes_of(store)
    assert [c.path for c in journal] == ["new", "old", "old"]
    await journal.undo()
    assert (folder / "old").read_text() == "1\ntwo\n"
    await journal.undo()
    assert (folder / "old").read_text() == "1\n2\n"
    await journal.undo()
    assert os.listdir() == ["old"]
    with pytest.raises(LookupError):
        await journal.undo()


async def test_one_call_can_be_undone_by_its_id(folder: Path, store: MemoryContextStore) -> None:
    await run(
        store,
        ("write_file", {"file_path": "a", "content": "a"}),
        ("write_file", {"file_path": "b", "content": "b"}),
    )
    (undone,) = await changes_of(store).undo("call0")
    assert undone.path == "a" and os.listdir() == ["b"]
    assert [c.call_id for c in changes_of(store)] == ["call1"]


async def test_undoing_brings_back_mode_and_bytes(folder: Path, store: MemoryContextStore) -> None:
    (folder / "tool").write_bytes(b"\xff\x00old")
    (folder / "tool").chmod(0o755)
    await run(store, ("write_file", {"file_path": "tool", "content": "new", "mode": 0o600}))
    await changes_of(store).undo()
    assert (folder / "tool").read_bytes() == b"\xff\x00old"
    assert stat.S_IMODE(os.stat("tool").st_mode) == 0o755


async def test_a_file_changed_since_is_not_touched(folder: Path, store: MemoryContextStore) -> None:
    await run(store, ("write_file", {"file_path": "f", "content": "model's"}))
    (folder / "f").write_text("person's")
    with pytest.raises(ValueError, match="changed again"):
        await changes_of(store).undo()
    assert (folder / "f").read_text() == "person's"
    assert len(changes_of(store)) == 1


async def test_undoing_works_from_another_directory(
    folder: Path, store: MemoryContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(store, ("write_file", {"file_path": "f", "content": "x"}))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    await changes_of(store).undo()
    assert os.listdir(folder) == ["elsewhere"]


async def test_the_diff_is_shown_while_the_call_runs(
    folder: Path, store: MemoryContextStore
) -> None:
    (folder / "f").write_text("a\nb\nc")
    events = await run(store, ("edit_file", {"file_path": "f", "old_text": "b", "new_text": "B"}))
    (shown,) = [e for e in events if isinstance(e, ToolOutputDelta)]
    assert (shown.tool_use_id, shown.name, shown.key) == ("call0", "edit_file", "diff")
    assert shown.delta == (
        "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n\\ No newline at end of file\n"
    )
    (result,) = [e for e in events if isinstance(e, ToolResult)]
    assert result.content == "Replaced 1 occurrence in f"
    assert events.index(shown) < events.index(result)


async def test_a_diff_of_what_is_not_text_is_one_line(
    folder: Path, store: MemoryContextStore
) -> None:
    (folder / "f").write_bytes(b"\0")
    await run(store, ("write_file", {"file_path": "f", "content": "text"}))
    (change,) = changes_of(store)
    assert change.diff() == "Binary file f changed\n"


async def test_a_failed_call_leaves_no_change(folder: Path, store: MemoryContextStore) -> None:
    (folder / "sub").mkdir()
    await run(store, ("write_file", {"file_path": "sub", "content": "x"}))
    assert len(changes_of(store)) == 0


async def test_a_write_that_fails_half_way_leaves_no_change(
    folder: Path, store: MemoryContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (folder / "f").write_text("old")
    monkeypatch.setattr("axio_tools_local.atomic.os.fsync", full)
    events = await run(store, ("write_file", {"file_path": "f", "content": "new"}))
    (result,) = [e for e in events if isinstance(e, ToolResult)]
    assert result.is_error and "No space left" in result.content
    assert len(changes_of(store)) == 0 and (folder / "f").read_text() == "old"


async def test_what_was_removed_or_put_back_meanwhile(
    folder: Path, store: MemoryContextStore
) -> None:
    (folder / "f").write_text("old")
    await run(store, ("write_file", {"file_path": "f", "content": "new"}))
    (folder / "f").unlink()
    with pytest.raises(ValueError, match="changed again"):
        await changes_of(store).undo()
    (folder / "f").write_text("old")
    await changes_of(store).undo()
    assert (folder / "f").read_text() == "old" and len(changes_of(store)) == 0


async def test_sub_agents_write_into_the_journal_of_their_caller(
    folder: Path, store: MemoryContextStore
) -> None:
    inner_store = MemoryContextStore()

    async def delegate(task: str) -> str:
        await run(inner_store, ("write_file", {"file_path": "f", "content": task}))
        return "done"

    agent = Agent(
        system="",
        transport=StubTransport(
            [
                make_tool_use_response("delegate", tool_id="outer", tool_input={"task": "t"}),
                make_text_response("done"),
            ]
        ),
        tools=[Tool(name="delegate", handler=delegate)],
    )
    await agent.run("go", store)
    assert [c.path for c in changes_of(store)] == ["f"]
    assert len(changes_of(inner_store)) == 0


async def test_the_journal_is_bounded(
    folder: Path, store: MemoryContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 250)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 120)
    calls = [("write_file", {"file_path": str(n), "content": "x" * 100}) for n in range(5)]
    calls.append(("write_file", {"file_path": "large", "content": "x" * 121}))
    await run(store, *calls)
    assert [c.path for c in changes_of(store)] == ["3", "4"]
    await run(store, ("write_file", {"file_path": "4", "content": "y"}))
    assert [c.path for c in changes_of(store)] == ["4", "4"], "what was there before counts, too"


async def test_without_a_run_nothing_is_kept(folder: Path, store: MemoryContextStore) -> None:
    await write_file("f", "x")
    assert list(changes_of(store)) == []


def test_a_session_that_is_gone_takes_its_journal_along() -> None:
    import gc
    import weakref

    journal: weakref.ref[Changes] = weakref.ref(changes_of(MemoryContextStore()))
    gc.collect()
    assert journal() is None
