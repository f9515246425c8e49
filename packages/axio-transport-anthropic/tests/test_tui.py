"""The settings dialog, driven as a person would."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App
from textual.widgets import Input

from axio_transport_anthropic.tui import AnthropicSettingsScreen


class Host(App[None]):
    """Shows the dialog at once and keeps its answer."""

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self.settings = settings
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(AnthropicSettingsScreen(self.settings), self.answers.append)


async def test_what_is_filled_in_is_the_answer() -> None:
    app = Host(api_key="old")
    async with app.run_test() as pilot:
        app.screen.query_one("#api-key", Input).value = " new "
        await pilot.click("#btn-save")
        assert app.answers == [{"api_key": "new"}]


async def test_the_settings_of_before_are_shown() -> None:
    app = Host(api_key="key", base_url="http://localhost/v1")
    async with app.run_test() as pilot:
        assert app.screen.query_one("#api-key", Input).password
        await pilot.press("enter")
        assert app.answers == [{"api_key": "key", "base_url": "http://localhost/v1"}]


@pytest.mark.parametrize("by", ["button", "key"])
async def test_cancelling_answers_none(by: str) -> None:
    app = Host(api_key="key")
    async with app.run_test() as pilot:
        await (pilot.click("#btn-cancel") if by == "button" else pilot.press("escape"))
        assert app.answers == [None]
