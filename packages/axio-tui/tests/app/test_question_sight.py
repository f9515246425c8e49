"""A question in a window of any size: no key approves of what the person cannot see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from axio.exceptions import GuardError
from axio.tool import AnyTool, Tool
from axio_tools_local.shell import shell
from axio_tui.app.screens.whole_question import WholeQuestion
from axio_tui.app.widgets.composer import Composer
from axio_tui.app.widgets.question import QuestionBar
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.questions import Questions
from support.screen import until

SHELL: AnyTool = Tool(name="shell", handler=shell)
SMALL, USUAL = (20, 6), (80, 24)
SIZES = [(80, 24), (80, 16), (80, 13), (80, 12), (80, 8), (40, 24), (20, 24), (20, 12), (9, 40)]


class Host(App[None]):
    """A composer with a question over it, and real permissions that ask."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.questions: Questions[Asked] = Questions()
        self.permissions = Permissions(self.questions.ask, root=folder)
        self.composer = Composer()
        self.bar = QuestionBar(self.questions, self.composer)

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.composer

    def on_mount(self) -> None:
        self.composer.focus()

    def ask(self) -> asyncio.Task[str]:
        """A call: "ran" if it is allowed, else why not."""
        [guarded] = self.permissions.guarded([SHELL])

        async def check() -> str:
            try:
                for guard in guarded.guards:
                    await guard(guarded, command="rm -r /x")
            except GuardError as error:
                return str(error)
            return "ran"

        return asyncio.create_task(check())

    @property
    def painted(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())


def says_enlarge(app: Host) -> bool:
    return "Enlarge" in app.painted


@pytest.mark.parametrize("is_armed_before", [False, True])
async def test_it_takes_no_key_until_it_is_seen(tmp_path: Path, is_armed_before: bool) -> None:
    app = Host(tmp_path)
    async with app.run_test(size=USUAL if is_armed_before else SMALL) as pilot:
        call = app.ask()
        if is_armed_before:
            await until(pilot, lambda: app.bar.is_armed)
            await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: says_enlarge(app))
        await pilot.pause(1.2)  # longer than a question needs to be armed
        assert not app.bar.is_armed and not app.bar.has_class("-armed")
        await pilot.press("tab")
        await pilot.pause(0.5)
        await pilot.press("y", "s", "p")
        await until(pilot, lambda: app.composer.area.text == "ysp")
        assert not call.done()
        await pilot.press("ctrl+u")
        await pilot.resize_terminal(*USUAL)
        await until(pilot, lambda: app.bar.is_armed)
        assert not says_enlarge(app)
        await pilot.press("y")
        assert await call == "ran"


async def test_it_is_armed_only_where_command_and_keys_are_on_the_screen(tmp_path: Path) -> None:
    app = Host(tmp_path)
    async with app.run_test(size=USUAL) as pilot:
        call = app.ask()
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: app.bar.is_armed or says_enlarge(app))
            if app.bar.is_armed:
                text = " ".join(app.painted.replace("┃", " ").split())
                assert "y once" in text and "$ rm" in text, app.painted
        assert not call.done()


async def test_all_of_it_is_answered_only_where_it_is_seen(tmp_path: Path) -> None:
    app = Host(tmp_path)
    async with app.run_test(size=USUAL) as pilot:
        call = app.ask()
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(app.screen, WholeQuestion))
        await pilot.resize_terminal(*SMALL)
        await pilot.press("y")
        await pilot.pause()
        assert not call.done() and isinstance(app.screen, WholeQuestion)
        await pilot.resize_terminal(*USUAL)
        await pilot.press("y")
        assert await call == "ran"
