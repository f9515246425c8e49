"""`/plugins` with plug-ins and a store that fail: it is told, and the application goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axio.exceptions import StoreError
from axio_tui.app import plugin_screens
from support.plugs import put
from support.screen import until, words_on
from support.started import Start, answered, command, starting

FAULTY = """
from textual.screen import ModalScreen
from textual.widgets import Label


class Plugin:
    label = "plain"
    all_tools: list = []

    async def init(self, config=None, global_config=None): ...
    async def close(self): ...

    def settings_screen(self):
        return FailsOnAKey()


class FailsOnAKey(ModalScreen):
    def compose(self):
        yield Label("FAULTY SETTINGS")

    def key_x(self):
        raise RuntimeError("cannot take a key [/]")


class NoScreen(Plugin):
    def settings_screen(self):
        return 7


class RaisesAtOnce(Plugin):
    def settings_screen(self):
        raise RuntimeError("no widgets [/]")


class Unspeakable:
    def __str__(self):
        raise RuntimeError("no words")


class NoLabel(NoScreen):
    label = Unspeakable()
"""
GROUPS = {
    "axio.tools.settings": {
        "onakey": "faulty_parts:Plugin",
        "noscreen": "faulty_parts:NoScreen",
        "atonce": "faulty_parts:RaisesAtOnce",
        "nolabel": "faulty_parts:NoLabel",
    }
}


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    site = put(tmp_path / "site", "faulty", GROUPS, {"faulty_parts": FAULTY})
    monkeypatch.syspath_prepend(str(site))
    yield starting(tmp_path, monkeypatch)
    sys.modules.pop("faulty_parts", None)


async def _hub(app: Any, pilot: Any) -> None:
    await until(pilot, lambda: len(app.opened.extensions.plugins) == 4)
    await command(app, pilot, "/plugins", "which of them are asked")


async def _goes_on(app: Any, pilot: Any, words: str) -> None:
    await until(pilot, lambda: words in words_on(app).replace("\n", " "))
    await until(pilot, lambda: len(app.screen_stack) == 1)
    await answered(app, pilot, "hello", "hello")
    assert app.is_running and not app.crash_words


@pytest.mark.parametrize(
    ("name", "words"),
    [("atonce", "RuntimeError: no widgets [/]"), ("noscreen", "has int in place of a screen"),
     ("nolabel", "has int in place of a screen"), ("onakey", "cannot take a key [/]")],
)  # fmt: skip
async def test_a_plug_in_whose_screen_fails_is_told_and_the_rest_goes_on(
    start: Start, name: str, words: str
) -> None:
    async with start("--no-save") as (app, pilot):
        await _hub(app, pilot)
        assert "nolabel" in words_on(app)
        names = list(app.opened.extensions.plugins)  # type: ignore[union-attr]
        await pilot.press(*["down"] * (4 + names.index(name)), "enter")
        if name == "onakey":
            await until(pilot, lambda: "FAULTY SETTINGS" in words_on(app))
            await pilot.press("x")
        await _goes_on(app, pilot, words)


async def test_a_store_that_keeps_nothing_is_told(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*given: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(plugin_screens, "save_names", full)
    async with start("--no-save") as (app, pilot):
        await _hub(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "[x] read_file" in words_on(app))
        await pilot.press(*"shell", "enter", "escape")
        await _goes_on(app, pilot, "the disk is full")


async def test_a_plug_in_that_is_not_there_is_named(start: Start) -> None:
    async with start("--no-save") as (app, pilot):
        await until(pilot, lambda: len(app.opened.extensions.plugins) == 4)  # type: ignore[union-attr]
        await command(app, pilot, "/settings plug-in nope", "no plug-in 'nope' has begun")
