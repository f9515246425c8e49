"""Files are taken back, also by a later program, and what a person has changed since is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axio import Agent
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_context_sqlite import SQLiteContextStore
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.write_file import write_file
from axio_tui.chat.session import ChatSession


def agent(folder: Path, *files: tuple[str, str]) -> Agent:
    """One that writes one file for each prompt."""
    turns: list[Any] = []
    for name, content in files:
        arguments = {"file_path": name, "content": content}
        turns += [make_tool_use_response("write_file", "same", arguments), make_text_response("ok")]
    tool = Tool(name="write_file", handler=write_file, context=LocalWorkspace(folder))
    return Agent("", StubTransport(turns), [tool])


async def run(session: ChatSession, *prompts: str) -> None:
    for prompt in prompts:
        async for _ in session.send(prompt):
            pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "kept").write_text("person's")
    return tmp_path / "work"


def files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


async def test_files_are_put_back_after_a_restart(tmp_path: Path, folder: Path) -> None:
    database = tmp_path / "axio.db"
    writes = [("a", "1"), ("a", "2"), ("b", "1"), ("kept", "model's")]
    async with SQLiteContextStore.open(database, "s", "p") as store:
        await run(ChatSession(agent(folder, *writes), store), "one", "two", "three", "four")
    (folder / "b").write_text("1, and a person's")

    async with SQLiteContextStore.open(database, "s", "p") as store:
        session = ChatSession(agent(folder), store)
        second = (await session.points())[1]
        undone = await session.rewind_files(second, LocalWorkspace(folder))
        assert (undone.files, undone.left) == (["kept", "a"], ["b"])
        expected = {"kept": "person's", "a": "1", "b": "1, and a person's"}
        assert files(folder) == expected
        await session.rewind(second)
        again = await session.rewind_files((await session.points())[0], LocalWorkspace(folder))
        assert (again.files, again.left) == (["a"], [])
        assert files(folder) == {"kept": "person's", "b": "1, and a person's"}


async def test_files_stay_when_only_the_conversation_is_rewound(
    tmp_path: Path, folder: Path
) -> None:
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as store:
        writes = [("a", "1"), ("a", "2"), ("b", "1")]
        session = ChatSession(agent(folder, *writes), store)
        await run(session, "one", "two")
        await session.rewind((await session.points())[1])
        await run(session, "other")
        last = (await session.points())[-1]
        undone = await session.rewind_files(last, LocalWorkspace(folder))
        assert undone.files == ["b"]
        assert files(folder) == {"kept": "person's", "a": "2"}
        assert undone.left == []


async def test_of_a_file_that_was_changed_in_between_nothing_is_put_back(
    tmp_path: Path, folder: Path
) -> None:
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as store:
        session = ChatSession(agent(folder, ("a", "1"), ("a", "2")), store)
        await run(session, "one", "two")
        (folder / "a").unlink()
        first = (await session.points())[0]
        undone = await session.rewind_files(first, LocalWorkspace(folder))
        assert (undone.files, undone.left) == ([], ["a"])
        assert files(folder) == {"kept": "person's"}


async def test_a_deleted_session_takes_its_changes_along(tmp_path: Path, folder: Path) -> None:
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as store:
        await run(ChatSession(agent(folder, ("a", "1")), store), "one")
        assert len(await store.changes.load()) == 1
        await store.delete()
        assert await store.changes.load() == []
