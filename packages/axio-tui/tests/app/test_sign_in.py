"""Signing in with an account from `/connect`, at a real OAuth server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from textual.widgets import Input

from axio_transport_codex import oauth
from axio_transport_codex.tokens import default_path
from axio_tui.app.screens.form import FormScreen
from axio_tui.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from support.loopback import serving
from support.oauth import sign_in, start_oauth_server
from support.screen import until, words_on
from support.started import Start, answered, command, files_with, starting


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with start_oauth_server(oauth.CLIENT_ID, oauth.SCOPES) as url:
        yield url


@pytest.fixture
def start(issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.setattr(oauth, "AUTH_URL", f"{issuer}/auth")
    monkeypatch.setattr(oauth, "TOKEN_URL", f"{issuer}/token")
    monkeypatch.setattr(oauth, "PORT", 0)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    return starting(tmp_path, monkeypatch)


async def backend(request: web.Request) -> web.StreamResponse:
    if len(request.headers.get("Authorization", "")) < len("Bearer a token that was issued"):
        return web.Response(status=401, text="who are you?")
    if request.method == "GET":
        return web.Response(status=404)
    events = (
        {"type": "response.output_text.delta", "delta": "signed in"},
        {"type": "response.completed", "response": {"status": "completed"}},
    )
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return web.Response(text=text, content_type="text/event-stream")


@pytest.mark.parametrize("way", ["pasted", "browser"])
async def test_an_account_is_signed_in_to_and_out_of(
    start: Start, tmp_path: Path, way: str
) -> None:
    rows = ProjectConfig(tmp_path / ".local/share/axio-tui/axio.db", GLOBAL_PROJECT)
    async with serving(backend) as server, start() as (app, pilot):
        await rows.set("transport.codex.base_url", server.url)
        await command(app, pilot, "/connect codex", "Open this address in a browser")
        screen = app.screen
        assert isinstance(screen, FormScreen)
        address = await sign_in(screen.form.notes[1])
        if way == "pasted":
            screen.query_one(Input).value = address
            await pilot.press("enter")
        else:
            async with aiohttp.ClientSession() as browser, browser.get(address) as page:
                assert page.status == 200
        await until(pilot, lambda: "Model of ChatGPT account" in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: "available, signed in" in words_on(app))
        await pilot.press(*"chatgpt", "enter")
        await until(pilot, lambda: "Model of ChatGPT account" in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Going on with" in words_on(app))
        await answered(app, pilot, "hello", "signed in")
        token = json.loads(default_path().read_text())["refresh_token"]
        assert files_with(tmp_path, token) == ["codex.json"]
        assert default_path().stat().st_mode & 0o777 == 0o600
        await command(app, pilot, "/settings codex", "sign in as another")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "The settings of ChatGPT account are saved" in words_on(app))
        assert not default_path().exists() and files_with(tmp_path, token) == []
    await rows.close()


async def test_a_browser_of_the_terminal_draws_nothing_over_the_screen(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = tmp_path / "lynx"
    noisy.write_text(
        f'#!/bin/sh\necho drawn over; printf %s "$1" > {tmp_path}/new\n'
        f"mv {tmp_path}/new {tmp_path}/asked\n"
    )
    noisy.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(noisy))
    async with start() as (app, pilot):
        await command(app, pilot, "/connect codex", "Open this address in a browser")
        screen = app.screen
        assert isinstance(screen, FormScreen)
        await until(pilot, (tmp_path / "asked").exists)
        assert (tmp_path / "asked").read_text() == screen.form.notes[1]
        await pilot.press("escape")
        await until(pilot, lambda: "Connect to" in words_on(app))
    assert "drawn over" not in "".join(capfd.readouterr())


async def test_leaving_the_sign_in_changes_nothing(start: Start) -> None:
    async with start() as (app, pilot):
        await command(app, pilot, "/connect codex", "Open this address in a browser")
        await pilot.press("escape")
        await until(pilot, lambda: "Connect to" in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was changed" in words_on(app))
        assert not default_path().exists()
