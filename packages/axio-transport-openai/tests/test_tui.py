"""The settings dialogs, driven as a person would, and the file of one's own servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Label

from axio.models import Capability, ModelSpec
from axio_transport_openai.custom import OpenAICompatibleTransport
from axio_transport_openai.tui import (
    CustomHubScreen,
    ModelEditScreen,
    NebiusSettingsScreen,
    OpenAISettingsScreen,
    OpenRouterSettingsScreen,
    ProviderEditScreen,
)

DIALOGS = (OpenAISettingsScreen, NebiusSettingsScreen, OpenRouterSettingsScreen)
KEY = "sk-test-0123456789-wxyz"


class Host(App[None]):
    """Shows a screen at once and keeps its answer."""

    def __init__(self, screen: Screen[Any]) -> None:
        super().__init__()
        self.first = screen
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self.first, self.answers.append)

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.screen.query_one(f"#{name.replace('_', '-')}", Input).value = value

    async def save(self, pilot: Pilot[None]) -> None:
        """Enter, in the first line: a button that was just pressed takes no second press."""
        self.screen.query(Input).first().focus()
        await pilot.press("enter")
        await pilot.pause()


@pytest.mark.parametrize("dialog", DIALOGS)
async def test_blank_lines_are_left_out_of_the_answer(dialog: type) -> None:
    app = Host(dialog({"api_key": "old", "base_url": "http://old"}))
    async with app.run_test() as pilot:
        assert app.screen.query_one("#api-key", Input).password
        app.fill(api_key=f" {KEY} ", base_url="")
        await pilot.click("#btn-save")
    assert app.answers == [{"api_key": KEY}]


@pytest.mark.parametrize("dialog", DIALOGS)
@pytest.mark.parametrize("by", ["#btn-cancel", "escape"])
async def test_cancelling_answers_none(dialog: type, by: str) -> None:
    app = Host(dialog({}))
    async with app.run_test() as pilot:
        await (pilot.click(by) if by.startswith("#") else pilot.press(by))
    assert app.answers == [None]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "a" / "b" / "servers.json"
    monkeypatch.setattr(CustomHubScreen, "CONFIG_PATH", path)
    return path


def test_servers_are_kept_for_their_owner_alone(hub: Path) -> None:
    server = OpenAICompatibleTransport(name="mine", base_url="http://h/v1", api_key=KEY)
    server.models[("org/model")] = ModelSpec("org/model", frozenset({Capability.tool_use}))
    CustomHubScreen.save_config([server])
    assert hub.stat().st_mode & 0o777 == 0o600 and hub.parent.stat().st_mode & 0o777 == 0o700
    (loaded,) = CustomHubScreen.load_config()
    assert (loaded.name, loaded.base_url, loaded.api_key) == ("mine", "http://h/v1", KEY)
    assert loaded.models.ids() == ["org/model"]
    assert json.loads(hub.read_text())[0] == server.to_dict()
    assert [file.name for file in hub.parent.iterdir()] == ["servers.json"]


@pytest.mark.parametrize("text", ["", "{", "{}", "[1, {}, null]", '[{"name": 3}]', "\xff"])
def test_a_broken_file_holds_no_servers(hub: Path, text: str) -> None:
    hub.parent.mkdir(parents=True)
    hub.write_text(text, "latin-1")
    assert [one for one in CustomHubScreen.load_config() if one.base_url] == []


async def test_servers_are_added_changed_and_removed(hub: Path) -> None:
    app = Host(CustomHubScreen({}))
    async with app.run_test() as pilot:
        await pilot.press("a")
        for name in ("a/b", "a:b"):
            app.fill(name=name, base_url="http://h/v1")
            await app.save(pilot)
            assert isinstance(app.screen, ProviderEditScreen)
            assert "without / and :" in str(app.screen.query_one(".wrong", Label).render())
        app.fill(name="mine", base_url="nowhere")
        await app.save(pilot)
        assert "http://" in str(app.screen.query_one(".wrong", Label).render())
        app.fill(base_url="http://h/v1", api_key=KEY, models="org/model, other")
        await app.save(pilot)
        assert [one.models.ids() for one in CustomHubScreen.load_config()] == [
            ["org/model", "other"]
        ]
        await pilot.press("enter")
        app.fill(models="org/model")
        await app.save(pilot)
        (changed,) = CustomHubScreen.load_config()
        assert changed.models.ids() == ["org/model"] and changed.api_key == KEY
        await pilot.press("m")
        await pilot.press("enter")
        assert isinstance(app.screen, ModelEditScreen)
        app.fill(context_window="32000", capabilities="text, vision")
        await app.save(pilot)
        await pilot.press("a")
        app.fill(model_id="org/model")
        await app.save(pilot)
        assert "another model has this name" in str(app.screen.query_one("#keys", Label).render())
        await pilot.press("a")
        app.fill(model_id="small")
        await app.save(pilot)
        await pilot.press("escape")
        (changed,) = CustomHubScreen.load_config()
        assert changed.models.ids() == ["org/model", "small"]
        able = frozenset({Capability.text, Capability.vision})
        spec = changed.models["org/model"]
        assert (spec.context_window, spec.capabilities) == (32000, able)
        await pilot.press("d", "escape")
        await pilot.pause()
    assert app.answers == [None] and CustomHubScreen.load_config() == []


async def test_a_model_is_filled_in(hub: Path) -> None:
    app = Host(ModelEditScreen(None))
    async with app.run_test(size=(80, 40)) as pilot:
        app.fill(model_id="org/big", context_window="1000", capabilities="text, flying")
        await app.save(pilot)
        assert "flying" in str(app.screen.query_one(".wrong", Label).render())
        app.fill(capabilities="text, vision", max_output_tokens="0")
        await app.save(pilot)
    able = frozenset({Capability.text, Capability.vision})
    assert app.answers == [ModelSpec("org/big", able, 0, 1000)]


def test_the_package_imports_textual_for_its_dialogs_only() -> None:
    code = (
        "import sys; import axio_transport_openai.custom as c; "
        "c.OpenAICompatibleTransport.load_config(); print('textual' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
