"""The full screen as the command opens it, in a home without any key, over real transports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from textual.pilot import Pilot

from axio_tui.app.app import AgentApp
from axio_tui.app.opening import opening
from axio_tui.args import build_parser
from axio_tui.chat import providers
from axio_tui.config import keyring
from axio_tui.config.load import configure
from axio_tui.project import open_for
from support.screen import until, words_on

__all__ = ("Start", "answered", "command", "enter", "files_with", "starting")

Opened: TypeAlias = tuple[AgentApp, "Pilot[None]"]
Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Opened]]


def starting(home: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Opens the application with the options that are given, "--tools none" without any."""
    project = home / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL",
                 "ANTHROPIC_API_KEY", "NEBIUS_API_KEY", "OPENROUTER_API_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keyring, "is_installed", lambda: False)

    async def none_runs(servers: object) -> list[object]:
        return []  # of those on the machine of the tests

    monkeypatch.setattr(providers, "find_own_servers", none_runs)
    monkeypatch.setattr("axio_tui.choose.find_own_servers", none_runs)

    @asynccontextmanager
    async def opened(*options: str) -> AsyncIterator[Opened]:
        args = build_parser().parse_args(options or ("--tools", "none"))
        args.literal = False
        args.project = open_for(args, lambda text: None)
        configure(args, lambda text: None, args.project.configs)
        app = AgentApp(opening(args))
        async with app.run_test(size=(100, 40)) as pilot:
            await until(pilot, app.ready.is_set)
            assert app.failure is None, app.failure
            yield app, pilot
        await app.close()

    return opened


async def command(app: AgentApp, pilot: Pilot[None], line: str, seen: str) -> None:
    """Call a command, and wait for what comes."""
    app.composer.load(line)
    await pilot.press("escape", "enter")  # Escape closes what is offered for the line
    await until(pilot, lambda: seen in words_on(app))


async def enter(app: AgentApp, pilot: Pilot[None], text: str, seen: str) -> None:
    """Type a text in place of what stands in the line, go on, and wait for what comes."""
    await pilot.press("ctrl+a", "ctrl+k", *text, "enter")
    await until(pilot, lambda: seen in words_on(app))


async def answered(app: AgentApp, pilot: Pilot[None], prompt: str, seen: str) -> None:
    """Send a prompt, and wait for what comes."""
    app.composer.load(prompt)
    await pilot.press("enter")
    await until(pilot, lambda: seen in words_on(app))


def files_with(home: Path, secret: str) -> list[str]:
    """The names of the files that a text is in."""
    files = (file for file in home.rglob("*") if file.is_file())
    return sorted(file.name for file in files if secret.encode() in file.read_bytes())
