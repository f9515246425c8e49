"""Keys of the application that the person has given other actions."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from axio.blocks import TextBlock
from axio.messages import Message
from axio.tool import Tool
from axio_tui.app.app import AgentApp
from axio_tui.app.keys import keymap
from axio_tui.app.screens.form import FormScreen
from axio_tui.app.screens.help import help_on
from axio_tui.app.screens.sessions import SessionsScreen
from axio_tui.config.forms import Field, Form
from axio_tui.config.keys import ACTIONS
from support.screen import Puppet, app_over, until, words_on


async def ready(app: AgentApp, pilot: Pilot[None]) -> None:
    await until(pilot, app.ready.is_set)
    await pilot.pause()


async def test_keys_that_were_changed_do_what_they_stand_for(tmp_path: Path) -> None:
    keys = {"help": ["f9"], "send": ["alt+enter"], "newline": ["enter"], "stop": ["ctrl+t"]}
    puppet = Puppet()
    app = app_over(puppet, tmp_path, keys=keys)
    async with app.run_test(size=(80, 40)) as pilot:
        await ready(app, pilot)
        assert "F9 help" in words_on(app) and "Enter new line" in words_on(app)
        await pilot.press("a", "enter", "b", "alt+enter")
        await until(pilot, lambda: puppet.requests)
        assert puppet.requests[0][-1].text == "a\nb"
        await until(pilot, lambda: "Ctrl+T stops" in words_on(app))
        await pilot.press("escape", "f1")
        assert app.runs.is_busy and len(app.screen_stack) == 1
        await pilot.press("ctrl+t")
        await until(pilot, lambda: not app.runs.is_busy)
        await pilot.press("f9")
        await until(pilot, lambda: "Keys in the composer" in words_on(app))
        assert "F9 " in words_on(app) and "F1 " not in words_on(app)


async def test_an_action_may_have_no_key(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path, keys={"quit": [], "calls": [], "help": []})
    async with app.run_test(size=(80, 40)) as pilot:
        await ready(app, pilot)
        told = help_on(app.screen)._text
        assert "open or close all calls" not in told and "no key" not in told
        await pilot.press("ctrl+q", "f1")
        assert app.is_running and len(app.screen_stack) == 1
        assert "help" not in words_on(app).splitlines()[-1]


async def test_help_lists_what_the_terminal_does_not_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_over(Puppet(), tmp_path, keys={"steer": ["ctrl+enter", "f9"]})
    async with app.run_test(size=(80, 40)) as pilot:
        await ready(app, pilot)
        lines = help_on(app.screen)._text.splitlines()
        assert any(line.split() == ["Up", "earlier", "prompt"] for line in lines)
        (last,) = [line for line in lines if line.startswith("This terminal does not send: ")]
        assert "Shift+Enter (new line)" in last and "Ctrl+Enter (send it into the run" in last
        assert sum("Shift+Enter" in line or "Ctrl+Enter" in line for line in lines) == 1
        monkeypatch.setattr(app._driver, "tells_all", True, raising=False)
        told = help_on(app.screen)._text
        assert "does not send" not in told and "Ctrl+Enter, F9" in told


async def test_windows_and_questions_have_the_keys_of_the_person_too(tmp_path: Path) -> None:
    keys = {"rename": ["f9"]}
    keys |= {"steer": ["f8"], "search": ["alt+r"]}
    app = app_over(Puppet(), tmp_path, messages=[Message("user", [TextBlock("walks")])], keys=keys)
    async with app.run_test(size=(80, 40)) as pilot:
        await ready(app, pilot)
        await app.push_screen(SessionsScreen(app.opened.library, ""))
        await until(pilot, lambda: "F9 renames, F3 goes on" in words_on(app))
        await pilot.press("f2")
        assert "the new name" not in words_on(app)
        await pilot.press("f9")
        await until(pilot, lambda: "the new name" in words_on(app))
        await pilot.press("escape", "escape")
        saved: list[dict[str, str] | None] = []
        await app.push_screen(FormScreen(Form("It", [Field("name", "text")], {}, [])), saved.append)
        await until(pilot, lambda: "F8 is done at once" in words_on(app))
        await pilot.press("a", "ctrl+s", "f8")
        await until(pilot, lambda: saved)
        assert saved == [{"name": "a"}]
        await pilot.press("alt+r")
        await until(pilot, lambda: "Alt+R an older one" in words_on(app))


async def test_a_question_has_the_keys_of_the_person(tmp_path: Path) -> None:
    puppet, shell = Puppet(), Tool(name="shell", handler=asked)
    keys = {"complete": ["ctrl+y"]}
    app = app_over(puppet, tmp_path, guarded=[shell], keys=keys)
    async with app.run_test(size=(80, 40)) as pilot:
        await ready(app, pilot)
        puppet.call("shell", '{"command": "touch made"}')
        await pilot.press("a", "enter")
        await until(pilot, lambda: "Ctrl+Y to answer" in words_on(app))
        await until(pilot, lambda: app.question_bar.is_armed)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: not app.question_bar.has_class("-armed"))


async def asked(command: str) -> str:
    """Never called."""
    return command


def test_every_action_is_bound_under_its_name() -> None:
    from axio_tui.app.widgets.composer import Composer

    bound = {getattr(one, "id", None) for one in (*AgentApp.BINDINGS, *Composer.BINDINGS)}
    assert bound - {None} == set(ACTIONS)
    assert keymap({name: action.keys for name, action in ACTIONS.items()}) == {}
