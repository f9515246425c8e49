"""The screens by the names that plug-ins know: from what is handed over to an answer."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from axio.context import SessionInfo
from axio.models import Capability, ModelSpec
from axio.tool import Tool
from axio_tui import screens
from axio_tui.app import DB_PATH, AgentApp, ModelRole, ModelRoleSelectScreen
from axio_tui.config.paths import database_file
from axio_tui.sqlite_config import ProjectConfig
from support.plugs import WEATHER, WEATHER_GROUPS, put
from support.screen import until, words_on


async def answer(screen: Any, *keys: str, before: Callable[[Any], object] | None = None) -> Any:
    """The value that the screen gives after these keys."""
    app: App[None] = App()
    given: list[Any] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(screen, given.append)
        await until(pilot, lambda: app.screen is screen)
        await pilot.pause()
        if before is not None:
            before(app)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: given)
    return given[0]


async def handler() -> str:
    """Do something."""
    return ""


TOOLS: list[Any] = [Tool(name=name, handler=handler) for name in ("look", "change")]
MODELS = [
    ("acme", ModelSpec("one", frozenset({Capability.text}))),
    ("acme", ModelSpec("two", frozenset({Capability.vision}))),
]
SESSIONS = [SessionInfo("a", 2, "first [/]", "2026-01-01 10:00"), SessionInfo("b", 1, "second", "")]


async def test_a_model_and_a_conversation_are_chosen_or_none() -> None:
    assert await answer(screens.ModelSelectScreen(MODELS), "down", "enter") == MODELS[1]
    assert await answer(screens.ModelSelectScreen(MODELS), *"two", "enter") == MODELS[1]
    assert await answer(screens.ModelSelectScreen(MODELS), "escape") is None
    assert await answer(screens.SessionSelectScreen(SESSIONS), "enter") is SESSIONS[0]
    assert await answer(screens.SessionSelectScreen([]), "escape") is None


async def test_a_selector_is_chosen_by_its_label() -> None:
    class Only:
        label = "Only [red] tools"
        description = "shows few"

    def shown(app: Any) -> None:
        assert "Only [red] tools" in words_on(app) and "shows few" in words_on(app)

    screen = screens.SelectorSelectScreen({"only": Only}, "")
    assert await answer(screen, "down", "enter", before=shown) == "only"
    assert await answer(screens.SelectorSelectScreen({"only": Only}, "only"), "enter") == ""
    assert await answer(screens.SelectorSelectScreen({"only": Only}, "only"), "escape") is None


async def test_tools_and_transports_are_switched_off_and_on() -> None:
    tools = screens.ToolSelectScreen({"acme": TOOLS}, {"change"})
    assert await answer(tools, "enter", "down", "enter", "escape") == {"look"}
    reloads: list[int] = []

    async def reload() -> dict[str, int]:
        reloads.append(1)
        return {"a": 7}

    screen = screens.TransportSelectScreen(["a"], ["a", "b"], {"a": 2}, {"b"}, reload)
    assert await answer(screen, "r", "enter", "escape") == {"a", "b"}
    assert reloads == [1]


async def test_models_are_asked_for_again_only_where_they_can_be() -> None:
    def no_key(app: Any) -> None:
        assert "reloads the models" not in words_on(app)

    screen = screens.TransportSelectScreen(["a"], ["a"], {"a": 2}, ())
    assert await answer(screen, "r", "escape", before=no_key) == set()


@pytest.mark.parametrize("waits", [True, False])
async def test_models_that_cannot_be_asked_for_are_told_and_may_be_asked_for_again(
    waits: bool,
) -> None:
    is_broken = True

    async def later() -> dict[str, int]:
        if is_broken:
            raise RuntimeError("no such [/] server")
        return {"a": 7}

    def reload() -> Any:
        if is_broken and not waits:
            raise RuntimeError("no such [/] server")
        return later()

    screen = screens.TransportSelectScreen(["a"], ["a", "b"], {"a": 2}, (), reload)
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(screen)
        await until(pilot, lambda: "2 models" in words_on(app))
        await pilot.press("r")
        await until(pilot, lambda: "that failed: no such" in words_on(app))
        is_broken = False
        await pilot.press("r")
        await until(pilot, lambda: "7 models" in words_on(app) and "r reloads" in words_on(app))


async def test_keys_count_while_models_are_asked_for() -> None:
    asked = asyncio.Event()

    async def never() -> None:
        asked.set()
        await asyncio.Event().wait()

    screen = screens.TransportSelectScreen(["a"], ["a"], {"a": 2}, (), never)
    assert await answer(screen, "r", "enter", "escape") == {"a"}
    assert asked.is_set()


async def test_a_guard_is_given_its_tools_and_an_empty_set_stays_empty() -> None:
    screen = screens.GuardToolsScreen("path", "asks for paths", True, {"look"}, TOOLS)
    assert await answer(screen, "down", "enter", "escape") == (True, set())
    screen = screens.GuardToolsScreen("path", "asks for paths", True, {"look"}, TOOLS)
    assert await answer(screen, "enter", "escape") == (False, {"look"})
    all = screens.GuardSelectScreen(["llm", "path"], {"llm"}, {"path": {"look"}}, TOOLS)
    answered = await answer(all, "down", "enter", "down", "enter", "escape", "escape")
    assert answered == ({"llm"}, {"path": set()})


async def test_a_guard_keeps_the_tools_that_are_not_there_now() -> None:
    assigned = {"look", "github__push", "write_file"}
    all = screens.GuardSelectScreen(["path"], (), {"path": assigned}, TOOLS)
    assert await answer(all, "enter", "escape", "escape") == (set(), {"path": assigned})
    screen = screens.GuardToolsScreen("path", "", True, assigned, TOOLS)
    changed = {"change", "github__push", "write_file"}
    assert await answer(screen, *["down", "enter"] * 2, "escape") == (True, changed)


async def test_a_hub_opens_what_is_pointed_at_and_shows_what_is_broken() -> None:
    entries = [("tools", "Tools", "on and off"), ("plugin acme", "Acme", "its settings")]

    def shown(app: Any) -> None:
        assert "broken: acme [/] fails" in words_on(app)

    screen = screens.PluginHubScreen(entries, ["acme [/] fails"])
    assert await answer(screen, "down", "enter", before=shown) == "plugin acme"
    assert await answer(screens.PluginHubScreen(entries), "escape") is None


@pytest.mark.parametrize(
    ("keys", "leaves"),
    [(["y"], True), (["n"], False), (["escape"], False), (["enter"], False),
     (["left", "enter"], True), (["right", "enter"], True)],
)  # fmt: skip
async def test_the_way_out_asks_first(keys: list[str], leaves: bool) -> None:
    assert await answer(screens.QuitDialog(), *keys) is leaves


async def test_a_call_is_shown_whole() -> None:
    def shown(app: Any) -> None:
        for words in ("shell", "ls [/]", "failed", "no such [red]file"):
            assert words in words_on(app)

    screen = screens.ToolDetailScreen("shell", {"command": "ls [/]"}, "no such [red]file", True)
    assert await answer(screen, "escape", before=shown) is None


async def test_a_role_is_chosen() -> None:
    assert [role.value for role in ModelRole] == [
        "chat", "compact", "subagent", "guard", "vision", "reasoning",
    ]  # fmt: skip
    assert await answer(ModelRoleSelectScreen(), "down", "enter") is ModelRole.COMPACT
    assert await answer(ModelRoleSelectScreen(), "escape") is None


def test_names_are_there_and_cost_nothing_until_they_are_used() -> None:
    assert database_file() == DB_PATH
    assert len(screens.__all__) == 10
    code = "import sys, axio_tui.app; assert 'textual' not in sys.modules; axio_tui.app.AgentApp"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


async def test_the_application_opens_by_itself_and_tells_when_it_is_ready(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXIO_TRANSPORT", "local")
    app = AgentApp()
    assert not app.ready.is_set()
    async with app.run_test(size=(80, 24)) as pilot:
        await asyncio.wait_for(app.ready.wait(), 50)
        assert app.failure is None
        assert "offline model" in words_on(app)
        await _plugins(pilot, app)
    await app.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("ANTHROPIC", "OPENAI", "OPENROUTER", "NEBIUS"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield tmp_path
    sys.modules.pop("weather_parts", None)


async def test_a_plug_in_of_before_is_used_and_set_up_in_the_application(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home / "site", "acme-weather", WEATHER_GROUPS, {"weather_parts": WEATHER}, "2.1")
    monkeypatch.setenv("AXIO_TRANSPORT", "cloud")
    app = AgentApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await asyncio.wait_for(app.ready.wait(), 50)
        assert app.failure is None
        wanted = {"weather", "station_read", "read_file"}
        await until(pilot, lambda: wanted <= {t.name for t in app.session.agent.tools}, "tools")
        app.composer.load("/plugins")
        await pilot.press("escape", "enter")
        await until(pilot, lambda: "Weather stations" in words_on(app), "the hub")
        await pilot.press(*"stations", "enter")
        await until(pilot, lambda: type(app.screen).__name__ == "StationsScreen", "its screen")
        app.screen.query_one("#url", Input).value = "http://south.test"
        await pilot.click("#btn-save")
        await until(pilot, lambda: len(app.screen_stack) == 1, "closed")
        assert app.opened.extensions is not None
        plugin: Any = app.opened.extensions.plugins["stations"]
        assert plugin.urls == ["default", "http://south.test"]
        config = ProjectConfig(database_file())
        assert await config.get("stations.url") == "http://south.test"
        await config.close()
        app.composer.load("hello")
        await pilot.press("enter")
        await until(pilot, lambda: "cloud-1 in eu:" in words_on(app), "an answer")
        assert "station_read" in words_on(app)
        await _tools(pilot, app, "[x] weather")
        await pilot.press(*"weather", "enter", "escape")
        await until(pilot, lambda: "weather: off now" in words_on(app), "told")
        assert "next start" not in words_on(app)
        assert "weather" not in {tool.name for tool in app.session.agent.tools}
        await _tools(pilot, app, "[ ] weather")
        await pilot.press(*"weather", "enter", "escape")
        await until(pilot, lambda: "weather: on now" in words_on(app), "on")
        assert "weather" in {tool.name for tool in app.session.agent.tools}
    await app.close()
    assert sys.modules["weather_parts"].calls == ["init", "close"]


async def _tools(pilot: Pilot[None], app: Any, seen: str) -> None:
    app.composer.load("/plugins")
    await pilot.press("escape", "enter")
    await until(pilot, lambda: "which of them are asked" in words_on(app), "the hub")
    await pilot.press("enter")
    await until(pilot, lambda: seen in words_on(app), "the tools")


async def _plugins(pilot: Pilot[None], app: Any) -> None:
    app.composer.load("/plugins")
    await pilot.press("escape", "enter")
    await until(pilot, lambda: "which of them are asked" in words_on(app), "the hub")
    await pilot.press("enter")
    await until(pilot, lambda: "[x] read_file" in words_on(app), "the tools")
    await pilot.press(*"shell", "enter", "escape")
    await until(pilot, lambda: "shell: off now" in words_on(app), "told")
    assert "shell" not in {tool.name for tool in app.session.agent.tools}
    app.composer.load("/plugins")
    await pilot.press("escape", "enter")
    await until(pilot, lambda: "which of them are asked" in words_on(app), "the hub again")
    await pilot.press("enter")
    await until(pilot, lambda: "[ ] shell" in words_on(app), "what was kept")
    await pilot.press("escape")
