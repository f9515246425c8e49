"""Plug-ins that bring tools and choose among them, whole and broken, while an application runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axio.plugins import (
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_GROUP,
    PluginError,
    is_own,
)
from axio.selector import ToolSelector
from axio.tool import AnyTool, Tool
from axio_tui import steps
from axio_tui.chat.commands import CommandFailed, Pick
from axio_tui.chat.plugin_commands import PLUGINS
from axio_tui.config.load import load_config
from axio_tui.config.paths import database_file
from axio_tui.extensions import Extensions, in_turn
from axio_tui.parts import Parts, disabled_in
from axio_tui.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from support.plugs import BROKEN_GROUPS, BROKEN_MODULES, WEATHER, WEATHER_GROUPS, put


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    for name in [name for name in sys.modules if name.startswith(("weather_", "broken_"))]:
        del sys.modules[name]


@pytest.fixture
def weather(tmp_path: Path) -> None:
    put(tmp_path / "site", "acme-weather", WEATHER_GROUPS, {"weather_parts": WEATHER}, "2.1")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LIMIT", 4.0)
    put(tmp_path / "site", "acme-broken", BROKEN_GROUPS, BROKEN_MODULES)


def others(parts: Parts, group: str) -> list[str]:
    return [name for name in parts.names(group) if not is_own(parts.entry(group, name))]  # type: ignore[arg-type]


@asynccontextmanager
async def loaded(told: list[str], selector: str = "", **options: Any) -> AsyncIterator[Extensions]:
    parts = Parts(told.append, **options)
    extensions = Extensions(parts, told.append)
    extensions.load(others(parts, TOOLS_GROUP), others(parts, TOOLS_SETTINGS_GROUP), selector)
    try:
        await asyncio.wait_for(extensions.arrived(), 40)
        yield extensions
    finally:
        await extensions.close()


def names(tools: Any) -> list[str]:
    return [tool.name for tool in tools]


@pytest.mark.usefixtures("weather")
async def test_what_plug_ins_bring_can_be_used_until_they_are_closed() -> None:
    everywhere = ProjectConfig(database_file(), GLOBAL_PROJECT)
    database_file().parent.mkdir(parents=True)
    await everywhere.set("stations.url", "http://north.test")
    told: list[str] = []
    async with loaded(told, "only-weather") as extensions:
        tools = {tool.name: tool for tool in extensions.tools()}
        assert list(tools) == ["weather", "station_read"]
        assert tools["weather"].description == "Forecast for a city."
        assert tools["weather"].concurrency == 2
        assert await tools["station_read"]() == "t at http://north.test"
        assert await tools["weather"](city="Bern", days=2) == "Bern: sunny for 2"
        plain: AnyTool = Tool(name="plain", handler=tools["weather"].handler)
        chosen = await extensions.selector.select([], [plain, *tools.values()])  # type: ignore[union-attr]
        assert names(chosen) == ["weather", "station_read"]
        assert extensions.plugins["stations"].label == "Weather stations"
        assert type(await extensions.screen_of("stations")).__name__ == "StationsScreen"
        assert sys.modules["weather_parts"].calls == ["init"]
    assert sys.modules["weather_parts"].calls == ["init", "close"]
    assert told == []
    await everywhere.close()


@pytest.mark.usefixtures("weather")
async def test_what_is_switched_off_is_not_even_imported() -> None:
    told: list[str] = []
    off = {TOOLS_GROUP: ["weather"], TOOLS_SETTINGS_GROUP: ["stations"]}
    async with loaded(told, off=off) as extensions:
        assert extensions.tools() == []
        assert "weather_parts" not in sys.modules
    assert told == []


@pytest.mark.usefixtures("weather")
async def test_a_part_can_be_switched_off_while_it_runs() -> None:
    async with loaded([], "only-weather") as extensions:
        changes: list[list[str]] = []
        extensions.on_change = lambda: changes.append(names(extensions.tools()))
        await extensions.switch_off(TOOLS_GROUP, "weather")
        await extensions.switch_off(TOOLS_SETTINGS_GROUP, "stations")
        await extensions.switch_off(SELECTOR_GROUP, "only-weather")
        assert changes == [["station_read"], [], []] and extensions.selector is None
        with pytest.raises(PluginError, match="no plug-in 'stations' has begun; there is: none"):
            await extensions.screen_of("stations")
        assert extensions.switch_on(TOOLS_GROUP, "weather")
        assert changes[3:] == [["weather"]]
        assert not extensions.switch_on(GUARDS_GROUP, "no-storms")
        assert not extensions.switch_on(TOOLS_GROUP, "never-there")


@pytest.mark.usefixtures("weather")
async def test_a_part_that_was_off_at_the_start_is_told_to_come_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    async with loaded([], off={TOOLS_GROUP: ["weather"]}) as extensions:
        host: Any = SimpleNamespace(extensions=extensions)
        said = await PLUGINS.run(host, "enable weather")
        assert said == "weather is switched on in this folder, from the next start on."
        listed: Any = await PLUGINS.run(host, "")
        told = {option.label for option in listed.options}
        wanted = "weather (axio.tools) of acme-weather 2.1, off: it is used from the next start on"
        assert wanted in told


@pytest.mark.usefixtures("weather")
async def test_a_tool_that_was_switched_off_while_it_came_comes_when_it_is_switched_on() -> None:
    parts = Parts(print)
    extensions = Extensions(parts, print)
    try:
        extensions.load(["weather"], ())
        await extensions.switch_off(TOOLS_GROUP, "weather")
        assert extensions.tools() == [] and extensions.switch_on(TOOLS_GROUP, "weather")
        await asyncio.wait_for(extensions.arrived(), 40)
        assert names(extensions.tools()) == ["weather"]
    finally:
        await extensions.close()


EXPECTED = {
    "'raises' of acme-broken 1.0: import: RuntimeError: import",
    "'exits' of acme-broken 1.0: import: SystemExit: 4",
    "'interrupts' of acme-broken 1.0: import: KeyboardInterrupt",
    "'hangs' of acme-broken 1.0: import: it took more than 4 s",
    "'gone' of acme-broken 1.0: import: ModuleNotFoundError: No module named 'broken_gone'",
    "'constructorraises' of acme-broken 1.0: constructor: RuntimeError: constructor",
    "'constructorexits' of acme-broken 1.0: constructor: SystemExit: 5",
    "'constructorhangs' of acme-broken 1.0: constructor: it took more than 4 s",
    "'initraises' of acme-broken 1.0: init: ConnectionError: init [/] [red]",
    "'inithangs' of acme-broken 1.0: init: it took more than 4 s",
    "'initblocks' of acme-broken 1.0: init: it has blocked the application for 4 s",
    "'initisnotasync' of acme-broken 1.0: init: TypeError: it is not async",
    "'initinterrupts' of acme-broken 1.0: init: KeyboardInterrupt",
    "'toolsraise' of acme-broken 1.0: all_tools: RuntimeError: all_tools",
    "'toolshang' of acme-broken 1.0: all_tools: it took more than 4 s",
    "'toolsarenone' of acme-broken 1.0: all_tools: str is no Tool",
}


@pytest.mark.usefixtures("weather", "broken")
async def test_each_broken_plug_in_is_told_once_and_the_rest_works() -> None:
    told: list[str] = []
    async with loaded(told) as extensions:
        await asyncio.sleep(0)
        taken = ["read_file"]
        assert names(extensions.tools(taken)) == ["weather", "station_read", "acme_fine"]
        assert names(extensions.tools(taken)) == ["weather", "station_read", "acme_fine"]
        lines = "\n".join(told)
        for words in EXPECTED:
            assert lines.count(words) == 1, (words, lines)
        assert "not broken_parts:read_file of acme-broken" in lines
        assert lines.count("axio itself has a tool 'read_file' already") == 1
        assert "lacks all_tools, init, settings_screen, close" in lines
        assert "is an object of int, not a class" in lines
        assert "'not_async' is not a coroutine function" in lines
        before = len(told)
    assert [line.partition("1.0: ")[2] for line in sorted(told[before:])] == [
        "close: it has blocked the application for 4 s",
        "close: RuntimeError: close",
    ]


@pytest.mark.usefixtures("broken")
async def test_a_transport_that_cannot_be_imported_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = {"axio.transport": {"stuck": "broken_hangs:Transport", "bad": "broken_raises:T"}}
    put(tmp_path / "site", "acme-stuck", groups, {})
    told: list[str] = []
    parts = Parts(told.append)
    extensions = Extensions(parts, told.append)
    extensions.import_transports()
    await asyncio.wait_for(extensions.arrived(), 40)
    assert sum("'stuck' of acme-stuck 1.0: import: it took more than" in one for one in told) == 1
    monkeypatch.setattr(parts, "call", lambda problem, code: pytest.fail("it is tried again"))
    for name in ("stuck", "bad"):
        with pytest.raises(PluginError, match=name):
            parts.load_class(TRANSPORT_GROUP, name)
    await extensions.close()


@pytest.mark.parametrize(
    "answer", [RuntimeError("no"), SystemExit(2), None, 7], ids=lambda answer: str(answer)
)
async def test_a_selector_that_fails_shows_all_tools_and_is_told_once(
    answer: Any, tmp_path: Path
) -> None:
    source = f"""
class Choosy:
    async def select(self, messages, tools):
        if isinstance({answer!r}, BaseException):
            raise {answer!r}
        return {answer!r}
"""
    put(
        tmp_path / "site",
        "acme",
        {"axio.selector": {"choosy": "broken_c:Choosy"}},
        {"broken_c": source},
    )
    told: list[str] = []
    async with loaded(told, "choosy") as extensions:

        async def handler() -> str:
            return ""

        tools: list[AnyTool] = [Tool(name="a", handler=handler), Tool(name="b", handler=handler)]
        assert extensions.selector is not None
        for _ in range(2):
            assert names(await extensions.selector.select([], tools)) == ["a", "b"]
    assert len(told) == 1 and "axio.selector 'choosy' of acme 1.0: select: " in told[0]


async def test_a_selector_that_is_not_there_is_told_with_those_that_are() -> None:
    told: list[str] = []
    async with loaded(told, "nope") as extensions:
        assert extensions.selector is None
    assert told == ["left out: no selector 'nope'; there is: none is installed"]


@pytest.mark.usefixtures("weather")
async def test_slash_plugins_lists_switches_and_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    async with loaded([]) as extensions:
        host: Any = SimpleNamespace(extensions=extensions)
        listed = await PLUGINS.run(host, "")
        assert isinstance(listed, Pick)
        labels = {option.command: option.label for option in listed.options}
        command = "/plugins disable axio.tools.settings:stations"
        assert labels[command] == ("stations (axio.tools.settings) of acme-weather 2.1, ready")
        assert not any("axio-tools-local" in label for label in labels.values())
        said = await PLUGINS.run(host, command.removeprefix("/plugins "))
        assert said == "stations is switched off in this folder."
        assert names(extensions.tools()) == ["weather"]
        assert sys.modules["weather_parts"].calls == ["init", "close"]
        again = await PLUGINS.run(host, "")
        assert isinstance(again, Pick)
        assert any("2.1, off" in one.label and "enable" in one.command for one in again.options)
        said = await PLUGINS.run(host, "enable stations")
        assert said == "stations is switched on in this folder."
        await extensions.arrived()
        assert names(extensions.tools()) == ["weather", "station_read"]
        said = await PLUGINS.run(host, "disable no-storms")
        assert said == "no-storms is switched off in this folder, from the next start on."
        assert "Only" not in str(await PLUGINS.run(host, "use only-weather"))
        await extensions.arrived()
        chosen = [extensions.selector is not None]
        await PLUGINS.run(host, "use none")
        assert [*chosen, extensions.selector is None] == [True, True]
        for wrong in ("use", "nonsense weather"):
            with pytest.raises(CommandFailed, match="/plugins N switches"):
                await PLUGINS.run(host, wrong)
        for wrong in ("use nope", "enable nope"):
            with pytest.raises(LookupError, match="'nope'"):
                await PLUGINS.run(host, wrong)
    config = load_config({})
    assert disabled_in(config)[GUARDS_GROUP] == ("no-storms",)
    assert disabled_in(config)[TOOLS_SETTINGS_GROUP] == () and not config["selector.active"]


class First:
    def __init__(self, count: int) -> None:
        self.count = count

    async def select(self, messages: Any, tools: Any) -> Any:
        return list(tools)[: self.count]


async def test_two_selectors_choose_one_after_the_other() -> None:
    async def handler() -> str:
        return ""

    tools: list[AnyTool] = [Tool(name=name, handler=handler) for name in "abcd"]
    both = in_turn(First(3), First(2))
    assert isinstance(both, ToolSelector)
    assert names(await both.select([], tools)) == ["a", "b"]
    one = First(1)
    assert in_turn(one, None) is one and in_turn(None, one) is one and in_turn(None, None) is None


SLOW = """
import asyncio
from axio.tool import Tool
from axio_tui.plugin import ToolsPlugin

calls = []
began = asyncio.Event()


class Slow:
    label = "Slow"
    all_tools = []

    async def init(self, config=None, global_config=None):
        calls.append("init")
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            calls.append("given up")

    def settings_screen(self): ...

    async def close(self):
        calls.append("close")
"""


@pytest.mark.parametrize("way", ["switched off", "closed"])
async def test_a_plug_in_that_still_begins_is_closed_when_it_is_given_up(
    tmp_path: Path, way: str
) -> None:
    put(
        tmp_path / "site",
        "acme-slow",
        {TOOLS_SETTINGS_GROUP: {"slow": "weather_slow:Slow"}},
        {"weather_slow": SLOW},
    )
    module = import_module("weather_slow")
    told: list[str] = []
    extensions = Extensions(Parts(told.append), told.append)
    try:
        extensions.load([], ["slow"])
        await asyncio.wait_for(module.began.wait(), 40)
        if way == "switched off":
            await extensions.switch_off(TOOLS_SETTINGS_GROUP, "slow")
            assert extensions.plugins == {}
            await asyncio.wait_for(extensions.arrived(), 40)
    finally:
        await extensions.close()
    assert module.calls == ["init", "given up", "close"] and told == []


@pytest.mark.usefixtures("weather")
async def test_a_plug_in_that_was_switched_off_is_not_brought_back_by_its_settings() -> None:
    async with loaded([]) as extensions:
        asked = asyncio.create_task(extensions.refresh("stations"))
        await asyncio.sleep(0)
        await extensions.switch_off(TOOLS_SETTINGS_GROUP, "stations")
        await asked
        assert extensions.plugins == {}
        await extensions.refresh("stations")
        assert names(extensions.tools()) == ["weather"]


@pytest.mark.usefixtures("weather")
async def test_the_selector_that_was_chosen_last_is_used() -> None:
    async with loaded([]) as extensions:
        extensions.select_with("only-weather")
        await asyncio.sleep(0)
        extensions.select_with("")
        await asyncio.wait_for(extensions.arrived(), 40)
        assert extensions.selector is None
