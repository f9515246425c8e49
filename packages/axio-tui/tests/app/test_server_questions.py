"""Questions of MCP servers in the full screen: first a yes, then a form or a page."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

import support
from axio.blocks import ToolResultBlock
from axio.tool import Tool
from axio_tools_local.shell import shell
from axio_tools_mcp import MCPServerConfig
from axio_tools_mcp.trust import ToolChange
from axio_tui.app.app import AgentApp
from axio_tui.app.screens.form import FormScreen
from axio_tui.app.server_person import ServerPerson
from axio_tui.server_tools import ServerTools
from support.mcp_servers import assert_nothing_left, forget_children, real
from support.screen import Puppet, app_over, until, words_on

pytestmark = pytest.mark.timeout(180)
ASKING = Path(support.__file__).with_name("mcp_asking_server.py")
FORM = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": ["red", "blue"]},
        "how many": {"type": "integer", "minimum": 1, "default": 2},
        "sure": {"type": "boolean", "title": "Are you [b]sure?"},
    },
    "required": ["colour"],
}
QUESTION = {"message": "Which [red]colour[/]\x1b[2J\u202e?", "requestedSchema": FORM}


@asynccontextmanager
async def running(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **given: Any
) -> AsyncIterator[tuple[AgentApp, Puppet, Pilot[None]]]:
    """The application with the server `a`, which asks, or another."""
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    forget_children()
    person = ServerPerson()
    servers = ServerTools(None, person.asks, patience=100)
    config = given.pop("config", None)
    servers.connect([config or MCPServerConfig("a", command=sys.executable, args=[str(ASKING)])])
    puppet = Puppet()
    app = person.app = app_over(puppet, folder, servers=servers, **given)
    try:
        async with app.run_test(size=(100, 40)) as pilot:
            await until(pilot, app.ready.is_set)
            await servers.settled()
            yield app, puppet, pilot
        await app.close()
    finally:
        await servers.close()
    assert_nothing_left()


async def asked(app: AgentApp, puppet: Puppet, pilot: Pilot[None], params: Any) -> None:
    """Let the model call the tool whose server asks so, until the question is armed."""
    await app.runs.send(app.session, "go")
    puppet.call("a__ask", json.dumps({"params": params}))
    await until(pilot, lambda: app.question_bar.is_armed, "armed")


async def told(puppet: Puppet, pilot: Pilot[None]) -> Any:
    """The answer that the server was given."""
    await until(pilot, lambda: len(puppet.requests) > 1)
    (result,) = puppet.requests[-1][-1].content
    assert isinstance(result, ToolResultBlock)
    text = result.content if isinstance(result.content, str) else result.content[0].text  # type: ignore[union-attr]
    puppet.answer("done")
    return json.loads(text)


async def test_a_form_is_filled_in_after_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as (app, puppet, pilot):
        await asked(app, puppet, pilot, QUESTION)
        shown = words_on(app)
        assert "MCP server a asks" in shown and "the words of a stranger" in shown
        assert "Which [red]colour[/]⟨U+001B⟩[2J⟨U+202E⟩?" in shown
        assert "colour: one of: red, blue" in shown and "Are you [b]sure?: yes or no" in shown
        assert "y fill in its form · n decline" in shown and "Esc leaves it" in shown
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        shown = words_on(app)
        assert "For the MCP server a" in shown and "is sent to a." in shown
        assert "Are you [b]sure?" in shown
        await pilot.press(*"green", "ctrl+s")
        await until(pilot, lambda: "! " in words_on(app))
        await pilot.press(*["backspace"] * 5, *"blue", "enter", "enter", *"no", "enter")
        answer = await told(puppet, pilot)
        assert answer == {
            "action": "accept",
            "content": {"colour": "blue", "how many": 2, "sure": False},
        }
        await until(pilot, lambda: not app.runs.is_busy)


@pytest.mark.parametrize(
    ("keys", "action"),
    [(["n"], "decline"), (["escape"], "cancel"), (["y", "escape"], "cancel")],
)
async def test_a_question_may_be_left_without_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str], action: str
) -> None:
    async with running(tmp_path, monkeypatch) as (app, puppet, pilot):
        await asked(app, puppet, pilot, QUESTION)
        for key in keys:
            if key == "escape" and len(keys) > 1:
                await until(pilot, lambda: isinstance(app.screen, FormScreen))
            await pilot.press(key)
        assert (await told(puppet, pilot))["action"] == action
        await until(pilot, lambda: not app.runs.is_busy)


async def test_what_is_typed_ahead_never_answers_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as (app, puppet, pilot):
        app.composer.load("wa")
        await app.runs.send(app.session, "go")
        puppet.call("a__ask", json.dumps({"params": QUESTION}))
        await until(pilot, lambda: "MCP server a asks" in words_on(app))
        await pilot.press("y")
        assert app.composer.kept == "way" and not app.question_bar.is_armed
        assert len(puppet.requests) == 1 and not isinstance(app.screen, FormScreen)
        await pilot.press("tab")
        await until(pilot, lambda: app.question_bar.is_armed)
        await pilot.press("n")
        assert await told(puppet, pilot) == {"action": "decline"}
        await until(pilot, lambda: not app.runs.is_busy)


@pytest.mark.parametrize(("key", "action"), [("y", "accept"), ("n", "decline")])
async def test_a_page_is_shown_whole_and_opened_only_after_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, action: str
) -> None:
    url = f"https://pay.example/x?y={'z' * 150}&e=[end]"
    page = {"mode": "url", "message": "Pay", "url": url, "elicitationId": "1"}
    opened: list[str] = []

    def open_page(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("axio_tui.browser.open_page", open_page)
    async with running(tmp_path, monkeypatch) as (app, puppet, pilot):
        await asked(app, puppet, pilot, page)
        shown = words_on(app)
        assert "asks you to open a page of pay.example" in shown
        assert url in "".join(line.strip("│┃ ") for line in shown.splitlines())
        assert opened == []
        await pilot.press(key)
        assert await told(puppet, pilot) == {"action": action}
        assert opened == [url] * (key == "y")
        await until(pilot, lambda: not app.runs.is_busy)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"properties": {"password": {"type": "string"}}}, "it wants 'password'"),
        ({"properties": {"x": {"type": "object"}}}, "cannot be typed"),
    ],
)
async def test_what_is_no_question_for_a_person_is_declined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: Any, why: str
) -> None:
    async with running(tmp_path, monkeypatch) as (app, puppet, pilot):
        await app.runs.send(app.session, "go")
        schema = {"type": "object", **params}
        question = {"message": "Say", "requestedSchema": schema}
        puppet.call("a__ask", json.dumps({"params": question}))
        assert (await told(puppet, pilot))["action"] == "decline"
        await until(pilot, lambda: why in words_on(app))
        await until(pilot, lambda: not app.runs.is_busy)


async def test_questions_of_servers_and_guards_stand_in_one_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = [Tool(name="shell", handler=shell)]
    async with running(tmp_path, monkeypatch, guarded=guarded) as (app, puppet, pilot):
        await asked(app, puppet, pilot, QUESTION)
        permissions = app.session.permissions
        assert permissions is not None
        (tool,) = permissions.guarded(guarded)

        async def guards() -> None:
            for guard in tool.guards:
                await guard(tool, command="rm x")

        call = asyncio.create_task(guards())
        await until(pilot, lambda: "· 1 more" in words_on(app))
        assert "MCP server a asks" in words_on(app) and "rm x" not in words_on(app)
        await pilot.press("n")
        await until(pilot, lambda: "$ rm x" in words_on(app))
        assert await told(puppet, pilot) == {"action": "decline"}
        await until(pilot, lambda: app.question_bar.is_armed)
        await pilot.press("y")
        await call
        await until(pilot, lambda: not app.runs.is_busy)


async def test_stopping_the_run_takes_the_question_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as (app, puppet, pilot):
        await asked(app, puppet, pilot, QUESTION)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        app.runs.stop(app.session)
        await until(pilot, lambda: not isinstance(app.screen, FormScreen))
        await until(pilot, lambda: not app.runs.is_busy)
        assert app.questions.current is None


class Later:
    """An application whose messages are handled when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def call_later(self, call: Callable[[], object]) -> None:
        self.calls.append(call)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_job_ends_with_the_server_that_asked_whenever_that_is_cancelled(
    turns: int,
) -> None:
    person, app = ServerPerson(), Later()
    person.app = app  # type: ignore[assignment]

    async def job() -> None:
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    asking = asyncio.ensure_future(person._in_app(job))
    await asyncio.sleep(0)
    app.calls.pop()()
    for _turn in range(turns):
        await asyncio.sleep(0)
    asking.cancel()
    for _turn in range(10):
        await asyncio.sleep(0)
    assert asking.cancelled() and asyncio.all_tasks() == before


async def test_a_job_does_not_begin_once_the_server_has_gone() -> None:
    person, app = ServerPerson(), Later()
    person.app = app  # type: ignore[assignment]
    begun: list[str] = []

    async def job() -> None:
        begun.append("begun")

    asking = asyncio.ensure_future(person._in_app(job))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    app.calls.pop()()
    await asyncio.sleep(0)
    assert asking.cancelled() and begun == []


@pytest.mark.parametrize(("key", "approved"), [("y", True), ("n", False), ("escape", False)])
async def test_a_changed_tool_is_shown_and_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, approved: bool
) -> None:
    async with running(tmp_path, monkeypatch) as (app, _puppet, pilot):
        approve = app.opened.servers._asks.approve  # type: ignore[union-attr]
        assert approve is not None
        change = ToolChange("a[/]", "t\x1b", {"description": "old"}, {"description": "[b]new"})
        asking = asyncio.ensure_future(approve(change))
        await until(pilot, lambda: app.question_bar.is_armed)
        shown = words_on(app)
        assert "MCP server a[/] has changed its tool t\\x1b" in shown
        assert '-  "description": "old"' in shown and '+  "description": "[b]new"' in shown
        assert "y approve it as it is now · n refuse" in shown
        await pilot.press(key)
        await until(pilot, asking.done)
        assert asking.result() is approved


async def test_a_server_that_others_wrote_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch, config=real("everything")) as (app, puppet, pilot):
        names = [tool.name for tool in app.session.agent.tools]
        (name,) = [
            one for one in names if "elicitation" in one and "async" not in one and "url" not in one
        ]
        await app.runs.send(app.session, "go")
        puppet.call(name, "{}")
        await until(pilot, lambda: app.question_bar.is_armed, "armed")
        assert "MCP server everything asks" in words_on(app)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        await pilot.press(*"Ada", "ctrl+s")
        await until(pilot, lambda: len(puppet.requests) > 1)
        assert "Ada" in str(puppet.requests[-1][-1].content)
        puppet.answer("done")
        await until(pilot, lambda: not app.runs.is_busy)
