"""MCP servers that take long to connect: the application goes on, and they come in later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from axio_tui.app.app import AgentApp
from axio_tui.app.opening import Opened
from axio_tui.chat.entries import Note, User
from axio_tui.chat.permissions import Ask
from axio_tui.server_tools import ServerTools
from support.mcp_servers import assert_nothing_left, forget_children, gated
from support.screen import Puppet, app_over, until, words_on

pytestmark = pytest.mark.timeout(180)
LONG = 100.0  # seconds: longer than any test takes


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    forget_children()
    yield
    assert_nothing_left()


@asynccontextmanager
async def running(
    folder: Path, servers: ServerTools
) -> AsyncIterator[tuple[AgentApp, Puppet, Pilot[None]]]:
    puppet = Puppet()
    app = app_over(puppet, folder, servers=servers)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, app.ready.is_set)
            yield app, puppet, pilot
        await app.close()
    finally:
        await servers.close()


def entries(app: AgentApp, *kinds: type) -> list[Any]:
    return [entry for entry in app.session.conversation.entries if isinstance(entry, kinds)]


def tools_of(app: AgentApp) -> set[str]:
    return {tool.name for tool in app.session.agent.tools}


async def test_a_prompt_is_shown_as_next_until_the_server_is_there(tmp_path: Path) -> None:
    servers = ServerTools(None, patience=LONG)
    servers.connect([gated(tmp_path / "gate", "l[red]ate", timeout=LONG)])
    async with running(tmp_path, servers) as (app, puppet, pilot):
        app.composer.load("hello")
        await pilot.press("enter")
        await until(pilot, lambda: "next: hello" in words_on(app))
        assert "connecting to l[red]ate" in words_on(app) and "Esc stops" in words_on(app)
        assert puppet.requests == [] and not entries(app, User)
        (tmp_path / "gate").touch()
        await until(pilot, lambda: puppet.requests)
        assert any("echo" in name for name in tools_of(app))
        await until(pilot, lambda: "connecting" not in words_on(app))
        assert entries(app, Note) == []  # it came in time
        puppet.answer("good day")
        await until(pilot, lambda: not app.runs.is_busy)
        assert [entry.text for entry in entries(app, User)] == ["hello"]


async def test_a_prompt_does_not_wait_longer_and_a_late_server_comes_in_at_the_next(
    tmp_path: Path,
) -> None:
    servers = ServerTools(None, patience=0.3)
    servers.connect([gated(tmp_path / "gate", timeout=LONG)])
    async with running(tmp_path, servers) as (app, puppet, pilot):
        await app.runs.send(app.session, "one")
        await until(pilot, lambda: puppet.requests)
        assert tools_of(app) == set()
        (tmp_path / "gate").touch()
        await until(pilot, lambda: not servers.connecting)
        assert tools_of(app) == set() and entries(app, Note) == []  # not in the middle of a run
        puppet.answer("first")
        await until(pilot, lambda: not app.runs.is_busy)
        await app.runs.send(app.session, "two")
        await until(pilot, lambda: len(puppet.requests) == 2)
        assert "late__echo" in tools_of(app)
        kinds = [(type(one).__name__, one.text) for one in entries(app, User, Note)]
        (told,) = [text for kind, text in kinds if kind == "Note"]
        assert told.startswith("late: ") and told.endswith(" tools")
        assert kinds.index(("Note", told)) == 1
        puppet.answer("second")
        await until(pilot, lambda: not app.runs.is_busy)


async def test_a_server_that_comes_between_two_prompts_is_told_at_once(tmp_path: Path) -> None:
    servers = ServerTools(None, patience=0.1)
    servers.connect([gated(tmp_path / "gate", timeout=LONG)])
    async with running(tmp_path, servers) as (app, puppet, pilot):
        await app.runs.send(app.session, "one")
        await until(pilot, lambda: puppet.requests)
        puppet.answer("first")
        await until(pilot, lambda: not app.runs.is_busy)
        (tmp_path / "gate").touch()
        await until(pilot, lambda: "MCP late: " in words_on(app))
        assert "late__echo" in tools_of(app)


async def test_a_server_that_cannot_be_had_is_told_with_the_reason(tmp_path: Path) -> None:
    servers = ServerTools(None, patience=LONG)
    servers.connect([gated(tmp_path / "gate", "[/]never", timeout=1)])
    async with running(tmp_path, servers) as (app, _puppet, pilot):
        await until(pilot, lambda: entries(app, Note))
        (note,) = entries(app, Note)
        assert note.text == "left out: MCP server '[/]never': it did not answer in 1 s"
        await until(pilot, lambda: "MCP left out: MCP server '[/]never'" in words_on(app))


async def test_escape_ends_the_wait_and_parks_the_prompt(tmp_path: Path) -> None:
    servers = ServerTools(None, patience=LONG)
    servers.connect([gated(tmp_path / "gate", timeout=LONG)])
    async with running(tmp_path, servers) as (app, puppet, pilot):
        app.composer.load("hello")
        await pilot.press("enter")
        await until(pilot, lambda: app.runs.is_waiting)
        await pilot.press("escape")
        await until(pilot, lambda: not app.runs.is_busy)
        await until(pilot, lambda: "parked: hello" in words_on(app))
        assert puppet.requests == []
        (tmp_path / "gate").touch()
        await until(pilot, lambda: not servers.connecting)
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        assert puppet.requests[0][-1].text == "hello"
        puppet.answer("at last")
        await until(pilot, lambda: not app.runs.is_busy)


async def test_leaving_does_not_wait_for_a_server(tmp_path: Path) -> None:
    servers = ServerTools(None, patience=LONG)
    servers.connect([gated(tmp_path / "gate", timeout=LONG)])
    async with running(tmp_path, servers) as (app, puppet, pilot):
        await app.runs.send(app.session, "one")
        await until(pilot, lambda: app.runs.is_waiting)
    assert puppet.requests == []
    assert [one.state for one in app.session.inbox.waiting] == ["parked"]


async def test_what_is_sent_before_all_is_open_is_shown(tmp_path: Path) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    usual, may_open = app._open, asyncio.Event()

    @asynccontextmanager
    async def slow(ask: Ask, say: Callable[[str], object]) -> AsyncIterator[Opened]:
        await may_open.wait()
        async with usual(ask, say) as opened:
            yield opened

    app._open = slow
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.is_complete)
        for text in ("fir[st]", "second"):
            app.composer.load(text)
            await pilot.press("enter")
        await until(pilot, lambda: "next: second" in words_on(app))
        assert "next: fir[st]" in words_on(app) and "starting" in words_on(app)
        may_open.set()
        await until(pilot, lambda: puppet.requests)
        await until(pilot, lambda: "next: fir" not in words_on(app))
        assert "next: second" in words_on(app) and "starting" not in words_on(app)
        puppet.answer("1")
        await until(pilot, lambda: len(puppet.requests) == 2)
        puppet.answer("2")
        await until(pilot, lambda: not app.runs.is_busy)
    await app.close()
