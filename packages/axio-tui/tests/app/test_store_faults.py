"""Faults of the store while the person writes: they are told, and the application goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axio.exceptions import SessionLost
from axio_tui.chat.session import ChatSession
from support.screen import Puppet, app_over, until, words_on


async def lost(*given: Any) -> None:
    raise SessionLost("another program has it")


@pytest.mark.parametrize(
    ("broken", "keys"),
    [("keep_draft", ["h", "i"]), ("note", [*"!ls", "enter"]), ("points", ["escape", "escape"])],
)
async def test_what_cannot_be_kept_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, keys: list[str]
) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        monkeypatch.setattr(ChatSession, broken, lost)
        monkeypatch.setattr("axio_tui.app.actions._TWICE", 60.0)  # for a machine that stands still
        await pilot.press(*("exclamation_mark" if key == "!" else key for key in keys))
        await until(pilot, said(app, "another program has it"))
        monkeypatch.undo()
        await pilot.press("ctrl+u", "y", "o", "enter")
        await until(pilot, lambda: puppet.requests)
        puppet.answer("One.")
        await until(pilot, said(app, "One."))
    await app.close()


async def test_a_prompt_that_cannot_be_taken_back_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        await pilot.press("a", "enter")
        await until(pilot, lambda: puppet.requests)
        await pilot.press("b", "enter")
        await until(pilot, said(app, "next: b"))
        monkeypatch.setattr(app.session.inbox, "take_back", lost)
        await pilot.press("up")
        await until(pilot, said(app, "another program has it"))
        assert "next: b" in words_on(app)
        puppet.answer("One.")
        await until(pilot, lambda: len(puppet.requests) == 2)
    await app.close()


async def test_the_composer_tells_why_the_editor_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor")
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        await pilot.press("h", "i", "ctrl+g")
        await until(pilot, said(app, "editor"))
        assert app.composer.kept == "hi"
    await app.close()


def said(app: Any, words: str) -> Callable[[], bool]:
    return lambda: words in words_on(app)
