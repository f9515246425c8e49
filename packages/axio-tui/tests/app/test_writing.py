"""From the composer to the model: files that are mentioned, and commands of the person's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from axio_tui.app.app import AgentApp
from axio_tui.app.screens.ask import Ask
from axio_tui.chat.entries import Note, User
from support.screen import Puppet, app_over, until, words_on


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("SHELL", "/bin/sh")
    return work


@asynccontextmanager
async def running(
    folder: Path, **given: Any
) -> AsyncIterator[tuple[AgentApp, Puppet, Pilot[None]]]:
    puppet = Puppet()
    app = app_over(puppet, folder, **given)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app.ready.is_set)
        yield app, puppet, pilot


async def write(app: AgentApp, pilot: Pilot[None], text: str) -> None:
    """Write a text at once, and send it."""
    app.composer.write(text)
    await pilot.press("enter")


def entries(app: AgentApp, kind: type[User] | type[Note]) -> list[str]:
    return [entry.text for entry in app.session.conversation.entries if isinstance(entry, kind)]


async def test_a_file_goes_to_the_model_and_its_name_to_the_person(folder: Path) -> None:
    (folder / "calc.py").write_text("a secret of mine\n")
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "look at @calc.py")
        await until(pilot, lambda: puppet.requests)
        assert "a secret of mine" in puppet.requests[0][-1].text
        await until(pilot, lambda: "[file calc.py, 1 line]" in words_on(app))
        assert "a secret of mine" not in words_on(app)
        assert entries(app, User) == ["look at @calc.py\n[file calc.py, 1 line]"]


async def test_a_prompt_with_a_file_that_waits_comes_back_as_it_was_written(folder: Path) -> None:
    (folder / "calc.py").write_text("x\n")
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "one")
        await until(pilot, lambda: puppet.requests)
        await write(app, pilot, "look at @calc.py")
        await until(pilot, lambda: app.session.inbox.waiting)
        await pilot.press("up")
        await until(pilot, lambda: app.composer.area.text == "look at @calc.py")


async def test_a_secret_is_sent_only_if_the_person_says_so(folder: Path) -> None:
    (folder / ".env").write_text("KEY=value\n")
    async with running(folder) as (app, puppet, pilot):
        for answer, sent in (("n", 0), ("y", 1)):
            await write(app, pilot, "see @.env")
            await until(pilot, lambda: isinstance(app.screen, Ask))
            await pilot.press(answer)
            await until(pilot, lambda: not isinstance(app.screen, Ask))
            if sent:
                await until(pilot, lambda: puppet.requests)
            else:
                await until(pilot, lambda: "may hold secrets: not sent" in words_on(app))
            assert len(puppet.requests) == sent
        assert "KEY=value" in puppet.requests[0][-1].text


async def test_a_picture_is_refused_before_it_is_sent_to_a_model_without_eyes(folder: Path) -> None:
    (folder / "dot.gif").write_bytes(
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
    )
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "what is @dot.gif")
        await until(pilot, lambda: "sees none: not sent" in words_on(app))
        assert puppet.requests == []
        await pilot.press("up")
        await until(pilot, lambda: app.composer.area.text == "what is @dot.gif")


async def test_a_command_of_the_person_is_shown_and_not_sent(folder: Path) -> None:
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "!echo one; echo '[/]' >&2; exit 3")
        await until(pilot, lambda: entries(app, Note))
        [shown] = entries(app, Note)
        assert shown.startswith("$ echo one") and shown.endswith("exit code 3")
        await until(pilot, lambda: "[/]" in words_on(app))
        assert puppet.requests == []


async def test_with_two_marks_the_model_is_told(folder: Path) -> None:
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "!!echo one")
        await until(pilot, lambda: puppet.requests)
        assert "$ echo one\none\n" in puppet.requests[0][-1].text


async def test_escape_stops_a_command_of_the_person(folder: Path) -> None:
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "!echo started; sleep 600; echo ended > ended")
        await until(pilot, lambda: "started" in words_on(app).replace("echo started", ""))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped: $ echo started" in words_on(app))
        assert not (folder / "ended").exists() and puppet.requests == []


async def test_prompts_are_there_again_in_the_next_conversation(folder: Path) -> None:
    async with running(folder, keeps=True) as (app, puppet, pilot):
        await write(app, pilot, "the first prompt")
        await until(pilot, lambda: puppet.requests)
    async with running(folder) as (app, puppet, pilot):
        await write(app, pilot, "kept nowhere")
        await until(pilot, lambda: puppet.requests)
        for prompt in ("kept nowhere", "the first prompt"):
            await pilot.press("up")
            await until(pilot, lambda prompt=prompt: app.composer.area.text == prompt)  # type: ignore[misc]
    async with running(folder) as (app, _, pilot):
        await pilot.press("up")
        await until(pilot, lambda: app.composer.area.text == "the first prompt")
