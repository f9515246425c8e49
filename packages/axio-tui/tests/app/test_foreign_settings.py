"""Settings screens of plug-ins as the contract of the 0.9 series has them, in the full screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axio_tui.own_servers import load_own
from support.loopback import serving
from support.plugs import put
from support.provider import provider
from support.screen import until, words_on
from support.started import Start, answered, command, files_with, starting

KEY = "sk-right-0123456789-wxyz"

PARTS = '''
from dataclasses import dataclass, field
from typing import Any
from axio.events import IterationEnd, TextDelta
from axio.models import ModelRegistry, ModelSpec
from axio.types import StopReason, Usage
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

SMALL = ModelSpec("small")


@dataclass
class OldTransport:
    """A transport without fields: called with strings, as the contract says."""

    api_key: str = ""
    model: ModelSpec = SMALL
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry([SMALL]))
    session: Any = None
    region: str = "nowhere"
    name: str = "old"

    async def fetch_models(self) -> None:
        pass

    async def stream(self, messages, tools, system):
        assert not self.session.closed
        yield TextDelta(0, f"{self.name} of {self.region} with {self.api_key[-4:]}")
        yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))


class OldScreen(ModalScreen):
    BINDINGS = [("escape", "cancel", "Cancel")]

    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__()
        self.settings = settings

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("OLD SETTINGS")
            yield Input(self.settings.get("region", ""), id="region")
            yield Input(self.settings.get("api_key", ""), password=True, id="api-key")
            yield Button("Save", id="btn-save")

    def on_button_pressed(self) -> None:
        filled = {"region": "#region", "api_key": "#api-key"}
        self.dismiss({n: self.query_one(i, Input).value for n, i in filled.items()})

    def action_cancel(self) -> None:
        self.dismiss(None)

    @classmethod
    def load_config(cls, session):
        return [OldTransport(session=session, name="one", region="its own", api_key="xxxx-one1")]


class Strange(OldScreen):
    @classmethod
    def load_config(cls, session):
        raise RuntimeError("no configuration")


class FailsToBeMade(Strange):
    def __init__(self, settings):
        raise RuntimeError("no such [/] thing")


class FailsToCompose(Strange):
    def compose(self):
        raise RuntimeError("cannot compose [/]")


class FailsOnAKey(Strange):
    def key_x(self):
        raise RuntimeError("cannot take a key [/]")


class EndsOddly(Strange):
    def on_mount(self):
        self.dismiss("a text")


class Plugin:
    label = "Old tools"
    all_tools = []

    async def init(self, config=None, global_config=None) -> None:
        self.config = global_config

    def settings_screen(self):
        return PluginScreen(self.config)

    async def close(self) -> None:
        pass


class PluginScreen(ModalScreen):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def compose(self) -> ComposeResult:
        yield Label("PLUGIN SETTINGS")

    async def key_s(self) -> None:
        await self.config.set("old.level", "7")
        self.dismiss(None)
'''
SCREENS = ("OldScreen", "FailsToBeMade", "FailsToCompose", "FailsOnAKey", "EndsOddly")
GROUPS = {
    "axio.transport": {name.lower(): "old_parts:OldTransport" for name in SCREENS},
    "axio.transport.settings": {name.lower(): f"old_parts:{name}" for name in SCREENS},
    "axio.tools.settings": {"old": "old_parts:Plugin"},
}


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    return starting(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed distribution that was written for the 0.9 series."""
    folder = put(tmp_path / "installed", "old", GROUPS, {"old_parts": PARTS})
    monkeypatch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("old_parts", None)


async def test_a_screen_of_the_contract_saves_and_the_next_prompt_uses_it(
    start: Start,
    tmp_path: Path,
) -> None:
    async with start("--transport", "oldscreen", "--tools", "none") as (app, pilot):
        await answered(app, pilot, "hello", "old of nowhere with")
        await command(app, pilot, "/settings oldscreen", "OLD SETTINGS")
        screen: Any = app.screen
        screen.query_one("#region").value = "the north"
        screen.query_one("#api-key").value = KEY
        await pilot.click("#btn-save")
        await until(pilot, lambda: "The settings of oldscreen are saved" in words_on(app))
        await answered(app, pilot, "again", "old of the north with wxyz")
        await command(app, pilot, "/settings oldscreen", "the north")
        await pilot.press("escape")
        await until(pilot, lambda: "oldscreen is set as it was" in words_on(app))
    assert files_with(tmp_path, KEY) == ["secrets.toml"]


async def test_what_a_screen_keeps_can_be_connected_to_by_its_name(
    start: Start,
) -> None:
    async with start() as (app, pilot):
        await command(app, pilot, "/connect", "Connect to")
        await pilot.press(*"oldscreen.one", "enter")
        await until(pilot, lambda: "Going on with small" in words_on(app))
        await answered(app, pilot, "hello", "one of its own with one1")
        assert app.host.models.name == "oldscreen.one:small"
    async with start() as (app, pilot):
        await answered(app, pilot, "hello", "one of its own with one1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("failstobemade", "RuntimeError: no such [/] thing"),
        ("failstocompose", "cannot compose [/]"),
        ("failsonakey", "cannot take a key [/]"),
        ("endsoddly", "has ended without settings"),
    ],
)
async def test_a_screen_that_fails_is_closed_and_named_and_the_rest_goes_on(
    start: Start,
    name: str,
    words: str,
) -> None:
    async with start("--transport", "oldscreen", "--tools", "none") as (app, pilot):
        app.composer.load(f"/settings {name}")
        await pilot.press("escape", "enter")
        if name == "failsonakey":
            await until(pilot, lambda: "OLD SETTINGS" in words_on(app))
            app.screen.set_focus(None)
            await pilot.press("x")
        await until(pilot, lambda: words in words_on(app).replace("\n", " "))
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await answered(app, pilot, "hello", "old of nowhere")
        assert not app.crash_words


async def test_the_screen_of_a_plug_in_with_tools_is_shown(start: Start) -> None:
    async with start("--transport", "oldscreen") as (app, pilot):
        await until(pilot, lambda: "old" in app.opened.extensions.plugins)  # type: ignore[union-attr]
        await command(app, pilot, "/settings", "plug-in with tools")
        await pilot.press(*"plug-in", "enter")
        await until(pilot, lambda: "PLUGIN SETTINGS" in words_on(app))
        await pilot.press("s")
        await until(pilot, lambda: "The tools of old are as" in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await command(app, pilot, "/settings old", "PLUGIN SETTINGS")
        await pilot.press("s")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_servers_of_ones_own_are_added_on_their_screen_and_used(
    start: Start,
    tmp_path: Path,
) -> None:
    async with serving(provider("big", key=KEY)) as server, start() as (app, pilot):
        await command(app, pilot, "/settings", "another server: several")
        await pilot.press(*"several", "enter")
        await until(pilot, lambda: "Servers of your own" in words_on(app))
        await pilot.press("a")
        await until(pilot, lambda: "Models, with commas" in words_on(app))
        screen: Any = app.screen
        filled = {"name": "mine", "base-url": server.url, "api-key": KEY, "models": "big"}
        for id, value in filled.items():
            screen.query_one(f"#{id}").value = value
        await pilot.press("enter")
        await until(pilot, lambda: "mine  " in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: "openai-custom.mine" in words_on(app))
        await pilot.press("escape")
        await command(app, pilot, "/connect openai-custom.mine", "Going on with big")
        await answered(app, pilot, "hello", "big says: ready")
    assert files_with(tmp_path, KEY) == ["openai-custom.json"]


def test_what_a_class_keeps_is_known_without_its_screen() -> None:
    from axio.plugins import Installed

    assert load_own("openai-custom", Installed()) == {}
    assert load_own("openai", Installed()) == {}
