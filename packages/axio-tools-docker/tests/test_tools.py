"""The tools give in a container what they give on this machine, and keep to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axio import Agent, MemoryContextStore
from axio.plugins import discover_tools
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tools_docker import DockerWorkspace
from axio_tools_local.changes import changes_of
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.workspace import Workspace

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("write_file", {"file_path": "src/app.py", "content": "one\ntwo\nthree\n"}),
    ("patch_file", {"file_path": "src/app.py", "from_line": 2, "to_line": 2, "content": "2"}),
    ("edit_file", {"file_path": "src/app.py", "old_text": "three", "new_text": "drei TODO"}),
    ("read_file", {"filename": "src/app.py", "line_numbers": True}),
    ("read_file", {"filename": "src"}),
    ("read_file", {"filename": "missing"}),
    ("edit_file", {"file_path": "src/app.py", "old_text": "nowhere", "new_text": "x"}),
    ("write_file", {"file_path": "sub/.gitignore", "content": "*.log\n"}),
    ("write_file", {"file_path": "sub/a.log", "content": "TODO\n", "mode": 0o600}),
    ("list_files", {"directory": "."}),
    ("list_files", {"directory": "sub"}),
    ("list_files", {"directory": "missing"}),
    ("search_files", {"pattern": "TODO"}),
    ("search_files", {"pattern": "TODO", "include_ignored": True}),
    ("search_files", {"pattern": "("}),
    ("glob_files", {"pattern": "*.py"}),
    ("glob_files", {"pattern": "*.py", "directory": "missing"}),
    ("shell", {"command": "echo out; sleep 0.3; echo err >&2; exit 3", "timeout": 30}),
    ("shell", {"command": "cat; pwd | wc -l", "stdin": "zwölf\n", "cwd": "src", "timeout": 30}),
    ("shell", {"command": "echo; sleep 600", "timeout": 5}),
    ("shell", {"command": "true", "timeout": 30}),
    *(
        ("shell", {"command": f"echo; ulimit -c 0; {command}", "timeout": 30})
        for command in ("kill -9 $$", "kill -11 $$", "exit 137", "sh -c 'kill -9 $$'; exit $?")
    ),
    ("shell", {"command": "no-such-program", "timeout": 30}),
    ("run_python", {"code": "print(6 * 7, input())", "stdin": "in", "timeout": 30}),
    ("run_python", {"code": "1 / 0", "timeout": 30}),
    ("run_python", {"code": "print(1); import time; time.sleep(600)", "timeout": 8}),
]


def tools_in(workspace: Workspace) -> dict[str, Tool[Any]]:
    found = (tool for tool in discover_tools() if tool.name in {name for name, _ in CALLS})
    return {
        tool.name: Tool(name=tool.name, handler=tool.handler, context=workspace) for tool in found
    }


async def answers(workspace: Workspace) -> list[str]:
    tools = tools_in(workspace)
    told = []
    for name, arguments in CALLS:
        try:
            told.append(str(await tools[name](**arguments)))
        except Exception as error:
            told.append(f"{type(error).__name__}: {error}")
    return told


@pytest.mark.timeout(120)
async def test_every_tool_answers_as_on_this_machine(
    contained: Callable[..., DockerWorkspace], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    async with contained(folder) as workspace:
        here, there = await asyncio.gather(
            answers(LocalWorkspace(tmp_path / "here")), answers(workspace)
        )
    shells = re.compile(r"/bin/sh: (line )?\d+: |bash: line \d+: ")
    for (name, arguments), expected, found in zip(CALLS, here, there, strict=True):
        expected = expected.replace(str(tmp_path / "here"), "/workspace")
        assert shells.sub("", found) == shells.sub("", expected), (name, arguments)


async def test_what_tools_write_in_a_container_can_be_undone(
    contained: Callable[..., DockerWorkspace],
) -> None:
    store = MemoryContextStore()
    async with contained() as workspace:
        await workspace.write("notes", b"buy milk\n", 0o640)
        turns = [
            make_tool_use_response(
                "write_file", tool_input={"file_path": "notes", "content": "buy bread\n"}
            ),
            make_text_response("Done."),
        ]
        tools = list(tools_in(workspace).values())
        await Agent(system="", transport=StubTransport(turns), tools=tools).run("bread", store)
        assert await workspace.read("notes") == b"buy bread\n"
        (change,) = changes_of(store)
        assert "-buy milk\n+buy bread\n" in change.diff()
        await changes_of(store).undo()
        assert await workspace.read("notes") == b"buy milk\n"
        assert (await workspace.stat("notes")).mode & 0o777 == 0o640


async def test_variables_are_those_of_the_image_and_those_that_are_named(
    contained: Callable[..., DockerWorkspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVATE_THING", "not for you")
    async with contained(environment={"GIVEN": "a b"}) as workspace:
        told = await tools_in(workspace)["shell"](command="env", timeout=30)
    assert "GIVEN=a b\n" in told and "HOME=/tmp\n" in told
    assert "not for you" not in told
