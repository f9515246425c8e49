"""The tools as an agent uses them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from axio import history, plugins
from axio.agent import Agent
from axio.blocks import ToolResultBlock
from axio.context import MemoryContextStore
from axio.events import ToolOutputDelta, ToolResult
from axio.testing import (
    RecordTransport,
    ReplayTransport,
    StubTransport,
    make_text_response,
    make_tool_use_response,
)
from axio.tool import Tool

NAMES = {
    *("shell", "run_python", "read_file", "write_file", "patch_file", "edit_file"),
    *("list_files", "search_files", "glob_files"),
}
READ_ONLY = {"read_file", "list_files", "search_files", "glob_files"}


def agent_that_calls(name: str, **arguments: Any) -> Agent:
    turns = [
        make_tool_use_response(name, tool_id="call", tool_input=arguments),
        make_text_response("done"),
    ]
    return Agent(
        system="", transport=StubTransport(turns), tools=[plugins.Installed().load_tool(name)]
    )


def result_in(store_history: list[Any]) -> str:
    (block,) = [b for m in store_history for b in m.content if isinstance(b, ToolResultBlock)]
    assert isinstance(block.content, str)
    return block.content


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_tool_is_found_with_its_options_and_examples(name: str) -> None:
    tool: Tool[Any] = plugins.Installed().load_tool(name)
    assert tool.name == name and tool.description
    assert tool.read_only == tool.eager == (name in READ_ONLY)
    assert len(tool.examples) >= 5
    assert all("description" in schema for schema in tool.input_schema["properties"].values())
    for request, arguments in tool.examples:
        assert Draft202012Validator(tool.input_schema).is_valid(arguments)
        assert request == request.strip() != ""


def test_no_two_tools_have_the_same_example() -> None:
    requests = [r for name in NAMES for r, _ in plugins.Installed().load_tool(name).examples]
    assert len(requests) == len(set(requests))


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, axio_tools_local; print([m for m in sys.modules if 'axio' in m])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert shown.stdout.strip() == b"['axio_tools_local']"


async def test_output_is_shown_as_it_comes_and_the_result_has_it_all(folder: Path) -> None:
    agent = agent_that_calls("shell", command="echo one; sleep 0.1; echo two; exit 3")
    events = [event async for event in agent.run_stream("go", MemoryContextStore())]
    deltas = [e.delta for e in events if isinstance(e, ToolOutputDelta)]
    assert deltas == ["one\n", "two\n", "[exit code: 3]"]
    (result,) = [e for e in events if isinstance(e, ToolResult)]
    assert "[stdout] one\ntwo" in result.content and result.content.endswith("[exit code: 3]")
    assert not result.is_error


async def test_closing_the_run_in_the_middle_ends_the_command(folder: Path, marked: Any) -> None:
    store = MemoryContextStore()
    agent = agent_that_calls("shell", command=f"echo go; sleep 61.{marked.mark}", timeout=60)
    async with aclosing(agent.run_stream("go", store)) as stream:
        async for event in stream:
            if isinstance(event, ToolOutputDelta):
                break
    assert marked.alive() == []
    assert not history.check(await store.get_history())
    assert "go" in result_in(await store.get_history())


async def test_cancelling_the_run_ends_the_command_and_leaves_a_valid_history(
    folder: Path, marked: Any
) -> None:
    store = MemoryContextStore()
    sleep = f"sleep 61.{marked.mark}"
    agent = agent_that_calls("shell", command=f"setsid {sleep} & {sleep} & wait", timeout=60)
    task = asyncio.create_task(agent.run("go", store))
    await marked.until(True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert marked.alive() == []
    assert not history.check(await store.get_history())


async def test_a_tool_that_fails_tells_the_model_why(folder: Path) -> None:
    store = MemoryContextStore()
    await agent_that_calls("read_file", filename="missing").run("go", store)
    assert "No such file" in result_in(await store.get_history())


async def test_a_recorded_run_with_all_tools_is_replayed(folder: Path) -> None:
    """The results are part of the next request, so they must be the same again."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("shell", {"command": "echo out; echo err >&2; mkdir made; ls -d made; exit 1"}),
        ("write_file", {"file_path": "made/notes.txt", "content": "one\ntwo\n"}),
        ("list_files", {"directory": "."}),
        ("list_files", {"directory": "made"}),
        ("glob_files", {"pattern": "*.txt"}),
        ("search_files", {"pattern": "tw"}),
        (
            "patch_file",
            {"file_path": "made/notes.txt", "from_line": 1, "to_line": 1, "content": "1"},
        ),
        ("edit_file", {"file_path": "made/notes.txt", "old_text": "two", "new_text": "2"}),
        ("read_file", {"filename": "made/notes.txt", "line_numbers": True}),
        ("run_python", {"code": "import warnings; warnings.warn('w'); 1 / 0"}),
        ("shell", {"command": "env | sort | grep -i axio; rm -r made"}),
    ]
    turns = [
        make_tool_use_response(name, tool_id=f"call{n}", tool_input=arguments)
        for n, (name, arguments) in enumerate(calls)
    ]
    stub = StubTransport([*turns, make_text_response("done")])
    tools = [plugins.Installed().load_tool(name) for name in sorted({name for name, _ in calls})]
    cassette = folder.with_name(f"{folder.name}.jsonl")
    for make in (lambda: RecordTransport(stub, cassette), lambda: ReplayTransport(cassette)):
        store = MemoryContextStore()
        assert await Agent("", make(), tools).run("go", store) == "done"
        assert len(await store.get_history()) == 2 * len(calls) + 2
