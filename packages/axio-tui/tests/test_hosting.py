"""The application around the tools that need a host, and the models of its roles."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import TextDelta
from axio.exceptions import StreamError
from axio.models import Capability, ModelSpec
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tui import tools
from axio_tui.chat.model_commands import MODEL
from axio_tui.chat.models import Models
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.subagents import SubAgents
from axio_tui.choose import OFFLINE, Choice
from axio_tui.config.load import load_config
from axio_tui.hosting import host_tools, hosted
from axio_tui.parts import Parts
from axio_tui_guards import PathGuard
from axio_tui_guards.asking import ask_user

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


class Eye(StubTransport):
    """A model that sees, and remembers what it was shown."""

    def __init__(self, *texts: str, sees: bool = True) -> None:
        super().__init__([make_text_response(text) for text in texts])
        can = {Capability.text, *([Capability.vision] if sees else [])}
        self.model = ModelSpec("eye-1", frozenset(can))


@asynccontextmanager
async def models_of(chat: Any, **roles: Any) -> AsyncIterator[Models]:
    """Models whose transports are given."""
    given = {"chat": chat, **roles}

    class Given(Models):
        async def of(self, role: Any) -> Any:
            return given.get(role, chat)

    named: Any = {role: role for role in roles}
    async with Given(Parts(print), Choice("acme", "acme", "acme"), roles=named) as models:
        yield models


def subagents_over(transport: Any) -> SubAgents:
    async def own() -> Any:
        return transport

    return SubAgents(own)


async def refuses(asked: Asked) -> str:
    return "no"


NOBODY = Permissions(refuses)


async def echo(text: str) -> str:
    """Echo."""
    return text


async def test_the_tools_of_the_host_reach_it_only_while_it_is_there(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    worker, eye = Eye("the report"), Eye("a cat")
    agent = Agent("Help.", Eye("hi"), [Tool(name="echo", handler=echo)])
    subagents = subagents_over(worker)
    async with models_of(Eye("hi", sees=False), vision=eye) as models:
        with hosted(agent, subagents, models, NOBODY):
            assert await tools.subagent("look") == "the report"
            assert await tools.vision_analyze(str(picture)) == "a cat"
    assert await tools.subagent("look") == "SubAgent is not configured"
    assert "not configured" in await tools.vision_analyze(str(picture))


async def test_a_sub_agent_has_the_tools_of_the_agent_but_none_below_it() -> None:
    subagents = subagents_over(Eye("done"))
    own = [Tool(name="echo", handler=echo), subagents.tool]
    made = await subagents.made(own, None)
    assert [tool.name for tool in made.tools] == ["echo"]
    assert await made.run("go", MemoryContextStore()) == "done"


async def test_without_a_model_that_sees_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    agent = Agent("Help.", Eye("hi"))
    async with models_of(Eye("hi", sees=False)) as models:
        refused = pytest.raises(StreamError, match="/model vision NAME has named no other")
        with hosted(agent, subagents_over(Eye("x")), models, NOBODY), refused:
            await tools.vision_analyze(str(picture))


async def test_a_tool_is_offered_where_the_host_can_serve_it() -> None:
    parts = Parts(print)

    def names(models: Models, shows_status: bool) -> list[str]:
        return [tool.name for tool in host_tools(parts, models, shows_status)()]

    async with models_of(Eye("x")) as models:
        assert names(models, False) == [] and names(models, True) == ["status_line"]
        models.choice = Choice(OFFLINE, OFFLINE, OFFLINE)
        assert names(models, True) == [], "a small model has enough to choose from"
    async with models_of(Eye("x"), vision=Eye("y")) as models:
        assert names(models, True) == ["vision", "status_line"]
    off = Parts(print, off={"axio.tools": ["status_line"]})
    async with models_of(Eye("x")) as models:
        assert host_tools(off, models, True)() == []


# ── roles ─────────────────────────────────────────────────────────────────────────────────────


class Shelf:
    is_kept = True


class Desk:
    """A front end, as far as /model needs it."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.library = Shelf()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")


@pytest.mark.usefixtures("home")
async def test_a_role_keeps_its_model_in_this_folder_until_it_is_given_back() -> None:
    changed: list[str] = []
    async with Models(Parts(print), Choice("openai", "openai", "OpenAI")) as models:
        models.changed = lambda role, transport: changed.append(role)
        desk: Any = Desk(models)
        said = await MODEL.run(desk, "guard gpt-4.1-mini")
        assert said == "The model for guard is openai:gpt-4.1-mini, in this folder."
        await MODEL.run(desk, "compact openai:gpt-4.1")
        offered: Any = await MODEL.run(desk, "guard")
        assert offered.title == "Models for guard, which has gpt-4.1-mini"
        assert all(one.command.startswith("/model guard ") for one in offered.options)
        here = load_config({}).below("models")
        assert here == {"guard": "openai:gpt-4.1-mini", "compaction": "openai:gpt-4.1"}
        said = await MODEL.run(desk, "guard default")
        assert said == "The model for guard is that of the conversation, in this folder."
        assert load_config({}).below("models") == {"compaction": "openai:gpt-4.1"}
        assert changed == ["guard", "compaction", "guard"]
        desk.library.is_kept = False
        assert await MODEL.run(desk, "vision gpt-4.1") == "The model for vision is openai:gpt-4.1."
        assert "vision" not in load_config({}).below("models")


async def test_events_of_the_seeing_model_pass_as_they_come() -> None:
    async with models_of(Eye("one two")) as models:
        with hosted(Agent("Help.", Eye("x")), subagents_over(Eye("x")), models, NOBODY):
            seeing = tools.vision_transport
            assert seeing is not None
            events = [event async for event in seeing.stream([], [], "")]
    assert "".join(e.delta for e in events if isinstance(e, TextDelta)) == "one two"


async def test_a_guard_of_others_that_asks_at_the_terminal_asks_where_the_rules_do() -> None:
    asked: list[str] = []

    async def allows(one: Asked) -> str:
        asked.append(one.question)
        return "once"

    async def look(path: str) -> str:
        return f"seen {path}"

    calls = [make_tool_use_response("look", "c1", {"path": "/far/a"}), make_text_response("done")]
    tool = Tool(name="look", handler=look, guards=(PathGuard(),))
    agent, store = Agent("Help.", StubTransport(calls), [tool]), MemoryContextStore()
    async with models_of(Eye("x")) as models:
        with hosted(agent, subagents_over(Eye("x")), models, Permissions(allows)):
            await agent.run("go", store)
    assert len(asked) == 1 and "'look' wants to use" in asked[0]
    assert "seen /far/a" in str(await store.get_history())
    assert await ask_user("And now?") == "", "there is no terminal"
