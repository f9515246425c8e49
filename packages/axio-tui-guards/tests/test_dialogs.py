"""Guards that ask in windows of a Textual application."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Input

from axio.exceptions import GuardError
from axio.tool import Tool
from axio_tui_guards import PathGuard
from axio_tui_guards.dialogs import LLMGuardDialog, PathGuardDialog
from support.screen import until, words_on


async def pressed(dialog: Any, *keys: str, size: tuple[int, int] = (80, 24)) -> Any:
    app: App[None] = App()
    given: list[Any] = []
    async with app.run_test(size=size) as pilot:
        app.push_screen(dialog, given.append)
        await until(pilot, lambda: app.screen is dialog and app.focused is not None)
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: given)
    return given[0]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["a"], "y"),
        (["d"], "n"),
        (["escape"], "n"),
        (["enter"], "n"),
        (["left", "enter"], "deny"),
        (["left", "left", "enter"], "y"),
    ],
)
async def test_a_path_is_allowed_by_a_plain_yes_only(keys: list[str], answer: str) -> None:
    assert await pressed(PathGuardDialog("'write_file' wants [/] /etc"), *keys) == answer


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["a"], "y"),
        (["d"], "n"),
        (["escape"], "n"),
        (["left", "enter"], "always"),
        (["tab", *"not the logs", "enter"], "not the logs"),
        (["tab", "enter"], "n"),
        (["tab", "a", "escape"], "n"),
    ],
)
async def test_a_review_is_answered_by_a_key_or_a_reason(keys: list[str], answer: str) -> None:
    dialog = LLMGuardDialog("Reviewer: RISKY")
    keys = ["space" if key == " " else key for key in keys]
    if keys[0] == "tab":
        app: App[None] = App()
        given: list[Any] = []
        async with app.run_test() as pilot:
            app.push_screen(dialog, given.append)
            await until(pilot, lambda: app.screen is dialog and app.focused is not None)
            dialog.query_one(Input).focus()
            await pilot.press(*keys[1:])
            await until(pilot, lambda: given)
        assert given == [answer]
    else:
        assert await pressed(dialog, *keys) == answer


@pytest.mark.parametrize(
    "text", ["y", "Y", "yes", " always ", "ALWAYS", "once", "run", "session", "project", "s", "p"]
)
async def test_words_that_would_allow_are_no_reason_and_refuse(text: str) -> None:
    dialog = LLMGuardDialog("Reviewer: RISKY")
    app: App[None] = App()
    given: list[Any] = []
    async with app.run_test() as pilot:
        app.push_screen(dialog, given.append)
        await until(pilot, lambda: app.screen is dialog and app.focused is not None)
        dialog.query_one(Input).value = text
        dialog.query_one(Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: given)
    assert given == ["n"]


async def test_a_long_question_is_cut_and_nothing_in_it_is_hidden() -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        app.push_screen(PathGuardDialog("[red]a\x1b\u202eb[/]\n" + "x y" * 4000))
        await until(pilot, lambda: "[red]a⟨U+001B⟩⟨U+202E⟩b[/]" in words_on(app))
        text = app.screen.query_one("#question").render()
        assert len(str(text)) < 5100


def _has(ends: list[str], count: int) -> bool:
    return len(ends) == count


async def test_a_guard_asks_in_the_window() -> None:
    async def handler(path: str) -> str:
        return path

    app: App[None] = App()
    ends: list[str] = []

    async def prompt(text: str) -> str:
        return await app.push_screen_wait(PathGuardDialog(text))

    async def ask() -> None:
        try:
            await PathGuard(prompt).check(Tool(name="look", handler=handler), path="/etc/hosts")
        except GuardError as error:
            ends.append(str(error))
        else:
            ends.append("allowed")

    async with app.run_test() as pilot:
        for count, key in enumerate(("d", "a"), 1):
            app.run_worker(ask())
            await until(pilot, lambda: "/etc/hosts" in words_on(app))
            await pilot.press(key)
            await until(pilot, partial(_has, ends, count))
    assert "denied" in ends[0] and ends[1] == "allowed"
