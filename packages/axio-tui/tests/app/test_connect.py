"""`/connect` and `/settings` in the full screen, over all that the command opens and over real
servers."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest

from axio.plugins import Installed
from axio_tui.args import build_parser
from axio_tui.beginning import Beginning
from axio_tui.config.load import configure
from axio_tui.config.secrets import Secrets
from axio_tui.errors import WrongUse
from axio_tui.project import open_for
from axio_tui.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from support.loopback import serving
from support.provider import provider
from support.screen import until, words_on
from support.started import Start, answered, command, enter, files_with, starting

KEY = "sk-right-0123456789-wxyz"
WRONG = "sk-wrong-9876543210-dcba"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    return starting(tmp_path, monkeypatch)


async def test_three_steps_lead_to_the_next_prompt_and_to_the_next_start(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(provider(key=KEY)) as server:
        async with start() as (app, pilot):
            assert "offline model" in words_on(app) and "/connect" in words_on(app)
            await command(app, pilot, "/connect", "Connect to")
            await pilot.press("o", "t", "h", "e", "r", "enter")
            await until(pilot, lambda: "Address" in words_on(app))
            await enter(app, pilot, server.url, "> API key")
            await pilot.press(*KEY)
            assert KEY[:8] not in words_on(app)
            await pilot.press("ctrl+s")
            await until(pilot, lambda: "Model of another server" in words_on(app))
            await pilot.press(*"large", "enter")
            await until(pilot, lambda: "Going on with large" in words_on(app))
            await answered(app, pilot, "hello", "large says: ready")
            assert app.session.agent.transport is await app.host.models.of("chat")
            assert KEY not in repr(app.session.agent.transport)
        assert files_with(tmp_path, KEY) == ["secrets.toml"]
        async with start() as (app, pilot):
            await answered(app, pilot, "hello", "large says: ready")
            assert "offline model" not in words_on(app)
    assert KEY not in caplog.text
    secrets = tmp_path / ".config" / "axio" / "secrets.toml"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert secrets.parent.stat().st_mode & 0o777 == 0o700
    tried = [asked.body for asked in server.asked if "messages" in asked.body]
    assert len(tried) == 3 and len(str(tried[0])) < 500, "the trial is small, and made once"


async def test_a_wrong_key_says_which_step_to_do_again_and_saves_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(provider(key=KEY)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        async with start() as (app, pilot):
            await command(app, pilot, "/connect openai", "> API key")
            assert f"Address: {server.url}, in OPENAI_BASE_URL" in words_on(app).replace("\n", "")
            await enter(app, pilot, WRONG, "> Protocol")
            await pilot.press("enter")
            await until(pilot, lambda: "Model of OpenAI" in words_on(app))
            assert "these are known; the key was refused" in words_on(app)
            await pilot.press("enter")
            await until(pilot, lambda: "keep it all the same" in words_on(app))
            assert "401" in words_on(app) and "Nothing is saved" in words_on(app)
            assert WRONG not in words_on(app).replace("\n", "")
            assert "> give the key or the address again" in words_on(app)
            assert files_with(tmp_path, WRONG) == []
            await pilot.press("enter")
            await until(pilot, lambda: "...dcba stays" in words_on(app))
            await enter(app, pilot, KEY, "> Protocol")
            await pilot.press("enter")
            await until(pilot, lambda: "Model of OpenAI" in words_on(app))
            await enter(app, pilot, "small", "Going on with small")
            await answered(app, pilot, "hello", "small says: ready")
    assert files_with(tmp_path, WRONG) == [] and files_with(tmp_path, KEY) == ["secrets.toml"]


async def test_a_model_that_is_not_there_leads_back_to_the_models(start: Start) -> None:
    async with serving(provider("small", "large")) as server, start() as (app, pilot):
        await command(app, pilot, "/connect openai-custom", "> Address")
        await enter(app, pilot, server.url, "> API key")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Model of another server" in words_on(app))
        await pilot.press(*"absent")
        await until(pilot, lambda: "Enter takes what you have typed" in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: "there is no such model" in words_on(app))
        assert "404" in words_on(app) and "> choose another model" in words_on(app)
        await pilot.press("enter")
        await until(pilot, lambda: "Model of another server" in words_on(app))
        await enter(app, pilot, "large", "Going on with large")


async def test_a_server_that_is_not_there_leads_back_to_its_address(
    start: Start, tmp_path: Path
) -> None:
    async with serving(provider()) as server:
        gone = server.url
    async with start() as (app, pilot):
        before = app.session.agent.transport
        await command(app, pilot, "/connect openai-custom", "> Address")
        await enter(app, pilot, "no address", "> API key")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "! an address begins with http://" in words_on(app))
        await enter(app, pilot, gone, "> API key")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Model of another server" in words_on(app))
        await pilot.press(*"any", "enter")
        await until(pilot, lambda: "keep it all the same" in words_on(app))
        assert "cannot be reached" in words_on(app)
        assert "> give the key or the address again" in words_on(app)
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was changed" in words_on(app))
        assert app.session.agent.transport is before
    assert files_with(tmp_path, gone) == []


async def test_a_slow_trial_can_be_stopped_and_kept_all_the_same(
    start: Start, tmp_path: Path
) -> None:
    slow = asyncio.Event()
    async with serving(provider("only", slow=slow)) as server, start() as (app, pilot):
        await command(app, pilot, "/connect openai-custom", "> Address")
        await enter(app, pilot, server.url, "> API key")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Asking only of another server" in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: "the trial was stopped" in words_on(app))
        await until(pilot, lambda: server.gone == 1)
        assert files_with(tmp_path, server.url) == []
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: "Going on with only" in words_on(app))
        slow.set()
        await answered(app, pilot, "hello", "only says: ready")


async def test_settings_that_change_while_it_runs_hold_from_the_next_prompt_on(
    start: Start, tmp_path: Path
) -> None:
    async with (
        serving(provider("one", key=KEY)) as first,
        serving(provider("one", key=KEY, words=["from the second"])) as second,
        start() as (app, pilot),
    ):
        await command(app, pilot, "/settings", "Settings of")
        assert "not set up, it needs: Address" in words_on(app)
        await pilot.press(*"other", "enter")
        await until(pilot, lambda: "> Address" in words_on(app))
        await enter(app, pilot, first.url, "> API key")
        await enter(app, pilot, KEY, "> Protocol")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "are saved, its key in" in words_on(app))
        await pilot.press("escape")
        await command(app, pilot, "/model openai-custom:one", "one of openai-custom")
        await answered(app, pilot, "hello", "one says: ready")
        await command(app, pilot, "/settings openai-custom", "...wxyz stays")
        await enter(app, pilot, second.url, "> API key")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "are saved" in words_on(app))
        await answered(app, pilot, "again", "from the second")
    assert files_with(tmp_path, KEY) == ["secrets.toml"]
    with sqlite3.connect(tmp_path / ".local/share/axio-tui/axio.db") as db:
        rows = dict(db.execute("SELECT key, value FROM axio_config"))
    db.close()
    assert rows == {"transport.openai-custom.base_url": second.url}


async def test_a_key_of_the_environment_is_named_and_not_asked_for(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(provider(key=KEY)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        async with start() as (app, pilot):
            await command(app, pilot, "/settings openai", "> Protocol")
            assert "API key: ...wxyz, in OPENAI_API_KEY, which comes first" in words_on(app)
            await pilot.press("escape")
            await until(pilot, lambda: "OpenAI is set as it was" in words_on(app))


async def test_without_any_model_it_opens_and_a_connection_is_enough(
    start: Start, tmp_path: Path
) -> None:
    rows = ProjectConfig(tmp_path / ".local/share/axio-tui/axio.db")
    await rows.set("transports.disabled", "local, codex, anthropic, openai, nebius, openrouter")
    await rows.close()
    async with serving(provider(key=KEY)) as server, start() as (app, pilot):
        assert "no model, /connect takes one" in words_on(app)
        await answered(app, pilot, "hello", "no model is connected: /connect takes one")
        await command(app, pilot, "/connect openai-custom", "> Address")
        await enter(app, pilot, server.url, "> API key")
        await pilot.press(*KEY, "ctrl+s")
        await until(pilot, lambda: "Model of another server" in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Going on with small" in words_on(app))
        await answered(app, pilot, "again", "small says: ready")


async def test_a_saved_model_that_cannot_be_had_is_named_and_another_begins(
    start: Start, tmp_path: Path
) -> None:
    rows = ProjectConfig(tmp_path / ".local/share/axio-tui/axio.db", GLOBAL_PROJECT)
    for saved, words in (
        ("openai:gpt-4.1-mini", "the transport openai needs a key"),
        ("gone:model", "no transport 'gone'"),
    ):
        await rows.set("model.chat", saved)
        async with start() as (app, pilot):
            await until(pilot, lambda words=words: words in words_on(app))  # type: ignore[misc]
            assert "/connect takes another" in words_on(app)
            assert "offline model" in words_on(app)
    await rows.close()
    args = build_parser().parse_args(["run", "--tools", "none", "hello"])
    args.literal = False
    args.project = open_for(args, lambda text: None)
    configure(args, lambda text: None, args.project.configs)
    with pytest.raises(WrongUse, match="no transport 'gone'"):
        await Beginning(args, Installed(), Secrets(), print).choice()
