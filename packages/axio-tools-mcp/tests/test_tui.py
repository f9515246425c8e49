"""The screens of the servers, driven as a person would, over servers that run."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from axio.exceptions import StoreError
from axio_tools_mcp import MCPRegistry, MCPServerConfig
from axio_tools_mcp.tui import MCPHubScreen, MCPServerEditScreen
from support.mcp_servers import ODD, Rows, assert_nothing_left

pytestmark = pytest.mark.timeout(180)


class Host(App[None]):
    """Shows a screen at once and keeps its answer."""

    def __init__(self, screen: Any) -> None:
        super().__init__()
        self.first = screen
        self.answers: list[Any] = []
        self.told: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(self.first, self.answers.append)

    def notify(self, message: str, **how: Any) -> None:
        assert how["markup"] is False
        self.told.append(message)

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.screen.query_one(f"#{name}", Input).value = value

    @property
    def words(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())


async def until(pilot: Pilot[None], what: Callable[[], object]) -> None:
    for _ in range(3000):
        if what():
            return
        await pilot.pause(0.02)
    raise AssertionError(pilot.app.words)  # type: ignore[attr-defined]


@asynccontextmanager
async def hub(rows: Rows) -> AsyncIterator[tuple[Host, MCPRegistry, Pilot[None]]]:
    registry = MCPRegistry()
    try:
        await registry.init(Rows(), rows)
        app = Host(MCPHubScreen(registry))
        async with app.run_test(size=(100, 40)) as pilot:
            await pilot.pause()
            yield app, registry, pilot
    finally:
        await registry.close()
    assert_nothing_left()


async def test_a_server_is_added_changed_switched_and_removed() -> None:
    rows = Rows({"mcp.b[/]ad.command": "no-such-command-xyz"})
    async with hub(rows) as (app, registry, pilot):
        assert "[global] b[/]ad  error: MCP server 'b[/]ad': there is no program" in app.words
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, MCPServerEditScreen))
        app.fill(name="odd", command=sys.executable, args=str(ODD), type="other")
        await pilot.press("enter")
        await until(pilot, lambda: "the type is stdio or http" in app.words)
        app.fill(type="stdio")
        await pilot.press("enter")
        await until(pilot, lambda: "[global] odd  connected, " in app.words)
        assert rows["mcp.odd.command"] == sys.executable and "mcp.odd.args" in rows
        await pilot.press("down", "o")
        await until(pilot, lambda: "[global] odd  off, 0 tools" in app.words)
        await pilot.press("r")
        await pilot.press("o")
        await until(pilot, lambda: "[global] odd  connected, " in app.words)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MCPServerEditScreen))
        app.fill(name="even", scope="project")
        await pilot.press("enter")
        await until(pilot, lambda: "[project] even  connected, " in app.words)
        await pilot.press("d")
        await until(pilot, lambda: "even" not in app.words)
        assert registry.server_names == ["b[/]ad"]
        await pilot.press("escape")
        await until(pilot, lambda: app.answers == [None])


async def edited(config: MCPServerConfig | None, **values: str) -> tuple[Any, str]:
    """The end of the settings of a server with these values, and the words on the screen."""
    app = Host(MCPServerEditScreen(config))
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        app.fill(**values)
        await pilot.press("enter")
        await pilot.pause()
        return (app.answers[0] if app.answers else None), app.words


async def test_what_the_lines_do_not_ask_for_stays() -> None:
    before = MCPServerConfig("s", command="x", args=["a,b", "c"], env={"K": "v"}, timeout=7)
    assert (await edited(before))[0] == before
    after, _ = await edited(before, args="d, e")
    assert after == MCPServerConfig("s", command="x", args=["d", "e"], env={"K": "v"}, timeout=7)


async def test_a_server_elsewhere_has_an_address_and_headers() -> None:
    given = {"name": "s", "type": "http", "url": "https://h/mcp", "headers": "A:b, C: d:e"}
    made, _ = await edited(None, **given, scope="project")
    headers = {"A": "b", "C": "d:e"}
    assert made == MCPServerConfig("s", url="https://h/mcp", headers=headers, scope="project")
    assert (await edited(made, headers="A:b, C:d:e"))[0] == made


async def test_a_fault_of_the_store_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Rows, prefix: str) -> None:
        raise StoreError("the [disk] is full")

    async with hub(Rows({"mcp.a.command": "no-such-command-xyz"})) as (app, registry, pilot):
        monkeypatch.setattr(Rows, "delete_prefix", broken)
        await pilot.press("d")
        await until(pilot, lambda: "the [disk] is full" in app.words)
        assert registry.server_names == ["a"]


async def test_a_closed_list_gives_up_nothing() -> None:
    goes_on = asyncio.Event()

    class WaitingRows(Rows):
        async def delete_prefix(self, prefix: str) -> None:
            await goes_on.wait()
            raise StoreError("the [disk] is full")

    async with hub(WaitingRows({"mcp.a.command": "no-such-command-xyz"})) as (app, _, pilot):
        await pilot.press("d", "escape")
        await until(pilot, lambda: app.answers == [None])
        goes_on.set()
        await until(pilot, lambda: app.told == ["the [disk] is full"])


SECRET = MCPServerConfig(
    "s",
    url="https://me:pass-word-1@h/mcp?token=abcdefgh4321",
    headers={"Authorization": "Bearer long-secret-9876", "Short": "pin", "Own": "Bearer ${KEY}"},
)


async def test_no_secret_stands_on_the_screen_and_none_is_lost() -> None:
    before = SECRET
    app = Host(MCPServerEditScreen(before))
    async with app.run_test(size=(200, 40)) as pilot:
        await pilot.pause()
        assert "9876, Short:" in app.words and "4321" in app.words and "${KEY}" in app.words
        for secret in ("long-secret", "pin", "pass-word", "abcdefgh"):
            assert secret not in app.words
    assert (await edited(before, name="t"))[0] == dataclasses.replace(before, name="t")
    after, _ = await edited(before, headers="Short:…, Authorization:Bearer new", url="http://n/")
    assert after.headers == {"Short": "pin", "Authorization": "Bearer new"}
    assert after.url == "http://n/"
    for values in ({"headers": "Other:…9876"}, {"url": "https://other/mcp…4321"}):
        made, words = await edited(before, **values)
        assert made is None and "write" in words


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "needs a name that can be read"),
        ({"name": "s"}, "Exactly one of command and url must be given"),
        ({"name": "s", "command": "x", "scope": "mine"}, "the scope global or project"),
        ({"name": "s", "type": "http", "url": "http://h", "headers": "secret"}, "has to be K:V"),
    ],
)
async def test_what_makes_no_sense_is_told_and_a_key_is_not(
    values: dict[str, str], why: str
) -> None:
    made, words = await edited(None, **values)
    assert made is None and why in words
