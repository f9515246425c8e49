"""Agents that work for a conversation: kept beside it, guarded like it, stopped alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from axio import Agent
from axio.context import ContextStore
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.models import Capability, ModelSpec
from axio.tool import AnyTool, Tool
from axio.types import StopReason, Usage
from axio_context_sqlite import SQLiteContextStore
from axio_tools_local.read_file import read_file
from axio_tools_local.write_file import write_file
from axio_tui.chat.entries import SubAgent, Text, ToolCall, User
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.session import ChatSession
from axio_tui.chat.subagents import SubAgents

TOOLS: list[AnyTool] = [
    Tool(name="read_file", handler=read_file, read_only=True),
    Tool(name="write_file", handler=write_file),
]


class Model:
    """Asks for the calls that the first prompt of its history holds as JSON, then is done. A text
    instead of calls makes it wait."""

    def __init__(self, name: str) -> None:
        self.model = ModelSpec(name, frozenset({Capability.text, Capability.tool_use}))
        self.offered: list[str] = []
        self.begun = asyncio.Event()

    async def stream(
        self, messages: Any, tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        self.offered = [tool.name for tool in tools]
        calls = json.loads(messages[0].text)
        if not isinstance(calls, list):
            yield TextDelta(0, "I wait.")
            self.begun.set()
            await asyncio.Event().wait()
        if len(messages) > 1 or not calls:
            yield TextDelta(0, f"{self.model.id} is done")
            yield IterationEnd(0, StopReason.end_turn, Usage(10, 5))
            return
        for index, (name, arguments) in enumerate(calls):
            id = f"{name}_{index}"
            yield ToolUseStart(index, id, name)
            yield ToolInputDelta(index, id, json.dumps(arguments))
        yield IterationEnd(0, StopReason.tool_use, Usage(10, 5))


def tasks(*calls: object) -> str:
    """A prompt that hands out these tasks."""
    return json.dumps([["subagent", {"task": json.dumps(call)}] for call in calls])


class Person:
    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[Asked] = []

    async def __call__(self, asked: Asked) -> str:
        self.asked.append(asked)
        return self.answer


class Scene:
    """A conversation in the current folder, whose agent and sub-agents have models of their own."""

    def __init__(self, store: ContextStore, answer: str = "once") -> None:
        self.person = Person(answer)
        self.permissions = Permissions(self.person)
        self.helper = Model("helper")
        self.subagents = SubAgents(self._transport)
        tools = [*self.permissions.guarded(TOOLS), self.subagents.tool]
        agent = Agent("", Model("chief"), tools)
        self.session = ChatSession(agent, store, permissions=self.permissions)

    async def _transport(self) -> Model:
        return self.helper

    async def play(self, prompt: str) -> None:
        async for _ in self.session.send(prompt):
            pass

    def calls(self) -> list[ToolCall]:
        return [e for e in self.session.conversation.entries if isinstance(e, ToolCall)]


@pytest.fixture
async def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SQLiteContextStore]:
    monkeypatch.chdir(tmp_path)
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as opened:
        yield opened


async def test_it_works_in_a_session_of_its_own_which_is_kept(store: SQLiteContextStore) -> None:
    write = ["write_file", {"file_path": "made", "content": "x"}]
    scene = Scene(store)
    await scene.play(tasks([write], []))
    first, second = scene.calls()
    assert first.agents == (SubAgent("subagent", "s/subagent_0"),)
    assert second.agents == (SubAgent("subagent", "s/subagent_1"),)
    assert (first.status, first.result) == ("done", "helper is done")
    assert exists("made")
    assert scene.helper.offered == ["read_file", "write_file"], "no agents of agents"
    assert scene.session.meter.spent["helper"].requests == 3
    assert [info.session_id for info in await store.list_sessions()] == ["s"]

    opened = ChatSession(scene.session.agent, store.beside("s/subagent_0"))
    await opened.load()
    task, call, answer = opened.conversation.entries
    assert task == User(json.dumps([write])) and answer == Text("helper is done")
    assert isinstance(call, ToolCall) and call.decision == "allowed once"
    assert opened.conversation.entries == scene.session.conversation.agents["subagent_0"].entries

    again = ChatSession(scene.session.agent, store.beside("s"))
    await again.load()
    assert again.conversation.entries == scene.session.conversation.entries


def exists(name: str) -> bool:
    return Path(name).exists()


async def test_its_question_names_who_asks_and_what_for(store: SQLiteContextStore) -> None:
    write = ["write_file", {"file_path": "made", "content": "x"}]
    scene = Scene(store, "no")
    await scene.play(tasks([write]))
    [asked] = scene.person.asked
    assert (asked.agent, asked.task) == ("subagent", json.dumps([write]))
    assert not exists("made")
    await scene.play(json.dumps([write]))
    assert not exists("made")


async def test_the_agent_itself_asks_in_its_own_name(store: SQLiteContextStore) -> None:
    scene = Scene(store)
    await scene.play(json.dumps([["write_file", {"file_path": "made", "content": "x"}]]))
    assert [(asked.agent, asked.task) for asked in scene.person.asked] == [("", "")]


async def test_what_was_allowed_for_the_session_holds_for_it_too(
    store: SQLiteContextStore,
) -> None:
    write = ["write_file", {"file_path": "made", "content": "x"}]
    scene = Scene(store, "session")
    await scene.play(tasks([write], [write]))
    assert len(scene.person.asked) <= 2
    before = len(scene.person.asked)
    await scene.session.rewind((await scene.session.points())[0])
    await scene.play(tasks([write]))
    assert len(scene.person.asked) == before


async def test_in_plan_mode_it_changes_nothing(store: SQLiteContextStore) -> None:
    scene = Scene(store)
    scene.permissions.mode = "plan"
    await scene.play(tasks([["write_file", {"file_path": "made", "content": "x"}]]))
    assert scene.person.asked == [] and not exists("made")
    assert scene.calls()[0].result == "helper is done", "it has seen the refusal, and goes on"


@pytest.mark.timeout(60)
async def test_one_is_stopped_and_all_else_goes_on(store: SQLiteContextStore) -> None:
    scene = Scene(store)
    playing = asyncio.create_task(scene.play(tasks("wait", [])))
    await scene.helper.begun.wait()
    while scene.subagents.running != ["subagent_0"]:  # noqa: ASYNC110 - the other has to end
        await asyncio.sleep(0)
    assert scene.subagents.stop("subagent_0")
    await playing
    stopped, other = scene.calls()
    assert stopped.status == "failed" and "(cancelled)" in stopped.result
    assert "Its text so far: I wait." in stopped.result
    assert (other.status, other.result) == ("done", "helper is done")
    assert scene.session.conversation.entries[-1] == Text("chief is done")
    assert scene.subagents.running == [] and not scene.subagents.stop("subagent_0")


@pytest.mark.timeout(60)
async def test_stopping_the_conversation_stops_them_all(store: SQLiteContextStore) -> None:
    scene = Scene(store)
    playing = asyncio.create_task(scene.play(tasks("wait")))
    await scene.helper.begun.wait()
    scene.session.stop()
    await playing
    assert scene.subagents.running == []
    assert scene.calls()[0].status == "failed"


async def test_rewinding_forgets_those_whose_calls_are_gone(store: SQLiteContextStore) -> None:
    scene = Scene(store)
    await scene.play(tasks([["read_file", {"filename": "none"}]]))
    await scene.session.rewind((await scene.session.points())[0])
    assert await store.beside("s/subagent_0").get_history() == []
    # A later program may give the id of the call again.
    await Scene(store.beside("s")).play(tasks([]))
    history = await store.beside("s/subagent_0").get_history()
    assert [message.text for message in history] == ["[]", "helper is done"]
