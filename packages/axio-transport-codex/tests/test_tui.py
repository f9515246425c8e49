"""The dialog for signing in and out, driven as a person would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Label

from axio_transport_codex import settings, tui
from axio_transport_codex.tui import CodexSettingsScreen


class Host(App[None]):
    """Shows the dialog at once and keeps its answer."""

    def __init__(self, **values: str) -> None:
        super().__init__()
        self.values = values
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(CodexSettingsScreen(self.values), self.answers.append)


def flow(monkeypatch: pytest.MonkeyPatch, outcome: dict[str, str] | Exception | None) -> None:
    async def run() -> dict[str, str]:
        if outcome is None:
            await asyncio.Event().wait()
        if isinstance(outcome, Exception):
            raise outcome
        assert outcome is not None
        return outcome

    monkeypatch.setattr(tui, "run_oauth_flow", run)


def test_it_has_two_addresses() -> None:
    assert settings.CodexSettingsScreen is CodexSettingsScreen


async def test_signing_in_answers_with_the_four_values(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = {"access_token": "a", "refresh_token": "r", "expires_at": "1", "account_id": "x"}
    flow(monkeypatch, tokens)
    app = Host()
    async with app.run_test() as pilot:
        await pilot.click("#btn-sign-in")
        await pilot.pause()
    assert app.answers == [
        {"api_key": "a", "refresh_token": "r", "expires_at": "1", "account_id": "x"}
    ]


async def test_a_failure_is_shown_and_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    flow(monkeypatch, RuntimeError("OAuth flow failed: no sign-in"))
    app = Host()
    async with app.run_test() as pilot:
        await pilot.click("#btn-sign-in")
        await pilot.pause()
        assert "no sign-in" in str(app.screen.query_one("#status", Label).render())
        assert not app.screen.query_one("#btn-sign-in").disabled
        assert app.answers == []


async def test_signing_out_answers_with_nothing() -> None:
    app = Host(api_key="key", account_id="acc")
    async with app.run_test() as pilot:
        assert "acc" in str(app.screen.query_one("#status", Label).render())
        await pilot.click("#btn-sign-out")
    assert app.answers == [{}]


@pytest.mark.parametrize("by", ["button", "key"])
async def test_cancelling_ends_the_wait_for_the_browser(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow(monkeypatch, None)
    app = Host()
    async with app.run_test() as pilot:
        await pilot.click("#btn-sign-in")
        await (pilot.click("#btn-cancel") if by == "button" else pilot.press("escape"))
        await pilot.pause()
        assert app.answers == [None] and not list(app.workers)
