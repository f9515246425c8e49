from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, Message, StreamError, StreamEvent, TextDelta, Tool
from axio.agent_loader import (
    AgentLoader,
    AgentSpec,
    IniAgentLoader,
    JsonAgentLoader,
    MultiFormatLoader,
    TomlAgentLoader,
    load_agents,
    load_agents_from_dir,
    make_agent_tools,
)
from axio.events import Error, SessionEndEvent
from axio.exceptions import HandlerError
from axio.testing import StubTransport, make_echo_tool, make_text_response
from axio.transport import DummyCompletionTransport
from support.watching import Watching

TOML = """
name = "scout"
description = "Looks around"
max_iterations = 7
tools = ["echo"]
model = "small"

[system]
text = "You look."
"""
JSON = json.dumps(
    {
        "name": "scout",
        "description": "Looks around",
        "system": "You look.",
        "max_iterations": "7",
        "tools": ["echo"],
        "model": "small",
    }
)
INI = """
[agent]
name = scout
description = Looks around
max_iterations = 7
tools = echo,
model = small

[system]
text = You look.
"""
SPEC = AgentSpec("scout", "Looks around", "You look.", 7, ("echo",), "small")
FORMATS = [(TomlAgentLoader(), TOML), (JsonAgentLoader(), JSON), (IniAgentLoader(), INI)]


@pytest.mark.parametrize(("loader", "content"), FORMATS)
def test_each_format_gives_the_same_agent(loader: AgentLoader, content: str) -> None:
    assert loader.load(content) == SPEC


@pytest.mark.parametrize(
    ("loader", "content"),
    [
        (TomlAgentLoader(), 'name = "a"\ndescription = "b"\nsystem = "c"'),
        (JsonAgentLoader(), '{"name": "a", "description": "b", "system": {"text": "c"}}'),
        (IniAgentLoader(), "[agent]\nname = a\ndescription = b\nsystem = c"),
    ],
)
def test_what_may_be_left_out_has_defaults(loader: AgentLoader, content: str) -> None:
    assert loader.load(content) == AgentSpec("a", "b", "c", max_iterations=50, tools=(), model=None)


def test_ini_takes_percent_signs_and_several_lines_as_they_are() -> None:
    content = "[agent]\nname = a\nsystem = old\n[system]\ntext = 100 %(x)s\n  two\n  three"
    assert IniAgentLoader().load(content).system == "100 %(x)s\ntwo\nthree"


@pytest.mark.parametrize(
    ("loader", "content", "message"),
    [
        (TomlAgentLoader(), "name = ", "Invalid value"),
        (JsonAgentLoader(), "{", "Expecting"),
        (JsonAgentLoader(), "[1]", "JSON object, not a list"),
        (IniAgentLoader(), "no section", "no section headers"),
        (IniAgentLoader(), "[agent]\nname = a\nname = b", "already exists"),
        (IniAgentLoader(), "[other]\nname = a", r"no section \[agent\]"),
        (IniAgentLoader(), "[agent]\nmax_iterations = many", "whole number, got 'many'"),
        (JsonAgentLoader(), '{"max_iterations": null}', "whole number, got None"),
        (JsonAgentLoader(), '{"tools": "echo"}', "tools must be a list of names, got 'echo'"),
        (JsonAgentLoader(), '{"tools": ["a", "b", "a"]}', "tools must name each tool once"),
        (TomlAgentLoader(), "tools = [1]", "tools must be a list of names"),
        (TomlAgentLoader(), "name = 5", "name must be a string, got 5"),
        (TomlAgentLoader(), "system = 5", "system must be a string, got 5"),
        (TomlAgentLoader(), "system = {text = 5}", "system must be a string, got 5"),
        (
            TomlAgentLoader(),
            'desc = "x"\nname = "a"\nTools = []',
            "unknown key 'desc', 'Tools'; known: name, description, system, max_iterations, tools",
        ),
        (JsonAgentLoader(), '{"prompt": "x"}', "unknown key 'prompt'; known: name"),
        (JsonAgentLoader(), '{"system": {"txt": "x"}}', "unknown key of system 'txt'; known: text"),
        (IniAgentLoader(), "[agent]\niterations = 3", "unknown key 'iterations'; known: name"),
        (IniAgentLoader(), "[agent]\n[system]\nfile = x", "unknown key of system 'file'"),
        (IniAgentLoader(), "[agent]\n[tools]\n", "unknown section 'tools'; known: agent, system"),
    ],
)
def test_a_bad_file_is_a_value_error_with_its_path(
    tmp_path: Path, loader: AgentLoader, content: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loader.load(content)
    path = tmp_path / f"bad{loader.extensions[0]}"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"(?s){re.escape(str(path))}.*{message}"):
        loader.load_file(path)
    with pytest.raises(ValueError, match=re.escape(path.name)):
        loader.scan(tmp_path)


@pytest.mark.parametrize(("loader", "content"), FORMATS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_may_begin_with_a_mark(
    tmp_path: Path, loader: AgentLoader, content: str, line_end: str
) -> None:
    path = tmp_path / f"marked{loader.extensions[0]}"
    path.write_bytes(b"\xef\xbb\xbf" + content.strip().replace("\n", line_end).encode())
    assert loader.load_file(path) == SPEC


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.touch()
    for folder in (tmp_path / "agnets", file):
        with pytest.raises(ValueError, match=f"{re.escape(str(folder))} is not a directory"):
            load_agents(str(folder))
        with pytest.raises(ValueError, match="is not a directory"):
            load_agents_from_dir(folder, StubTransport())


def test_a_file_that_is_not_utf8_is_a_value_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ValueError, match=r"bad\.toml"):
        load_agents(tmp_path)


def test_an_agent_without_a_name_is_called_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "night-watch.json"
    path.write_text("{}")
    assert JsonAgentLoader().load_file(str(path)).name == "night-watch"


def test_the_base_class_leaves_load_to_its_subclasses() -> None:
    assert AgentLoader.extensions == ()
    with pytest.raises(NotImplementedError):
        AgentLoader().load("")


def test_an_agent_gets_its_tools_from_the_toolbox_and_a_placeholder_transport() -> None:
    echo = make_echo_tool()
    agent = SPEC.to_agent({"echo": echo})
    assert (agent.system, agent.max_iterations, agent.tools) == ("You look.", 7, [echo])
    assert isinstance(agent.transport, DummyCompletionTransport)


def test_an_unknown_tool_is_a_key_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="echo"):
        SPEC.to_agent()


def test_scan_reads_the_files_of_one_directory(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('description = "B"')
    (tmp_path / "a.toml").write_text('description = "A"')
    (tmp_path / "c.json").write_text('{"description": "C"}')
    (tmp_path / "readme.md").write_text("not an agent")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.toml").write_text("")
    assert [(n, d) for n, (d, _) in TomlAgentLoader().scan(tmp_path).items()] == [
        ("a", "A"),
        ("b", "B"),
    ]
    assert list(load_agents(str(tmp_path))) == ["a", "b", "c"]


def test_a_later_loader_wins_when_names_clash(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('name = "a"\ndescription = "from toml"')
    (tmp_path / "x.json").write_text('{"name": "a", "description": "from json"}')
    assert load_agents(tmp_path)["a"][0] == "from json"
    reverse = MultiFormatLoader([JsonAgentLoader(), TomlAgentLoader()])
    assert reverse.scan(tmp_path)["a"][0] == "from toml"


def test_another_format_is_a_subclass(tmp_path: Path) -> None:
    class TextLoader(AgentLoader):
        extensions = (".txt",)

        def load(self, content: str) -> AgentSpec:
            return AgentSpec("", "a text", content)

    (tmp_path / "poet.txt").write_text("You rhyme.")
    agents = MultiFormatLoader([TextLoader()]).scan(tmp_path)
    assert agents["poet"][1].system == "You rhyme."


# ── Tools ──────────────────────────────────────────────────────────────────────────────────────


class Broken:
    """A transport that fails after some text."""

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        yield TextDelta(0, "half an ")
        raise RuntimeError("line cut")


def agents() -> dict[str, tuple[str, Agent]]:
    return {"scout": ("Looks around", AgentSpec("scout", "", "You look.").to_agent())}


async def test_a_tool_hands_its_task_to_a_copy_of_the_agent() -> None:
    transport = Watching([make_text_response("All quiet")])
    sub_agents = agents()
    [tool] = make_agent_tools(sub_agents, transport, agent_name_prefix="agent_")
    assert (tool.name, tool.description) == ("agent_scout", "Looks around")
    assert tool.input_schema == {
        "type": "object",
        "properties": {"task": {"type": "string"}},
        "required": ["task"],
    }
    assert await tool(task="look") == "All quiet"
    assert await tool(task="look again") == "All quiet"
    histories = [[m.content[0].text for m in seen] for seen, _, _ in transport.requests]  # type: ignore[attr-defined]
    assert histories == [["look"], ["look again"]], "each call has a fresh context"
    assert transport.requests[0].system == "You look."
    assert isinstance(sub_agents["scout"][1].transport, DummyCompletionTransport)


async def test_events_are_reported_under_the_name_without_prefix() -> None:
    seen: list[tuple[str, StreamEvent]] = []
    transport = StubTransport([make_text_response("ok")])
    [tool] = make_agent_tools(
        agents(),
        transport,
        on_event=lambda name, event: seen.append((name, event)),
        agent_name_prefix="x_",
    )
    assert await tool(task="look") == "ok"
    assert {name for name, _ in seen} == {"scout"}
    assert isinstance(seen[0][1], TextDelta)
    assert isinstance(seen[-1][1], SessionEndEvent)


async def test_a_listener_may_be_async() -> None:
    seen: list[str] = []

    async def listen(name: str, event: StreamEvent) -> None:
        await asyncio.sleep(0)
        seen.append(name)

    [tool] = make_agent_tools(agents(), StubTransport([make_text_response("ok")]), on_event=listen)
    assert await tool(task="look") == "ok"
    assert seen


@pytest.mark.parametrize("listened", [False, True])
async def test_a_failed_run_is_an_error_and_not_half_an_answer(listened: bool) -> None:
    seen: list[StreamEvent] = []
    listener = (lambda name, event: seen.append(event)) if listened else None
    [tool] = make_agent_tools(agents(), Broken(), on_event=listener)
    with pytest.raises(HandlerError, match="line cut") as caught:
        await tool(task="look")
    assert isinstance(caught.value.__cause__, StreamError)
    if listened:
        assert [type(event) for event in seen] == [TextDelta, Error, SessionEndEvent]


async def test_each_call_closes_the_context_it_opened() -> None:
    class Store(MemoryContextStore):
        closed = 0

        async def close(self) -> None:
            Store.closed += 1

    [good] = make_agent_tools(agents(), StubTransport([make_text_response("ok")]), Store)
    [bad] = make_agent_tools(agents(), Broken(), Store)
    await good(task="look")
    with pytest.raises(HandlerError):
        await bad(task="look")
    assert Store.closed == 2


async def test_cancelling_the_call_cancels_the_run() -> None:
    ended = asyncio.Event()

    class Slow:
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            try:
                yield TextDelta(0, "...")
                await asyncio.sleep(60)
            finally:
                ended.set()

    [tool] = make_agent_tools(agents(), Slow())
    call = asyncio.ensure_future(tool(task="wait"))
    await asyncio.sleep(0.02)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()


async def test_a_directory_of_agents_becomes_tools_with_a_toolbox(tmp_path: Path) -> None:
    (tmp_path / "scout.toml").write_text(TOML)
    transport = Watching([make_text_response("ok")])
    [tool] = load_agents_from_dir(tmp_path, transport, toolbox={"echo": make_echo_tool()})
    assert await tool(task="look") == "ok"
    with pytest.raises(KeyError, match="echo"):
        load_agents_from_dir(tmp_path, transport)
