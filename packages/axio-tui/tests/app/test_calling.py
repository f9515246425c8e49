"""Calling the person back to a window without focus."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual import events

from axio.tool import Tool
from axio_tui.app.calling import BELL, calling
from support.screen import Puppet, app_over, until, words_on


@pytest.mark.parametrize(
    ("how", "environment", "sent"),
    [
        ("bell", {"TERM": "xterm"}, BELL),
        ("osc9", {"TERM": "xterm"}, f"\x1b]9;axio: a question{BELL}"),
        ("osc9", {"TERM": "tmux-256color"}, BELL),
        ("osc9", {"TERM": "xterm", "TMUX": "/tmp/x"}, BELL),
        ("osc9", {"TERM": "screen"}, BELL),
        ("off", {"TERM": "xterm"}, ""),
        ("off", {"TMUX": "/tmp/x"}, ""),
    ],
)
def test_a_terminal_is_sent_what_it_knows(how: str, environment: dict[str, str], sent: str) -> None:
    assert calling(how, "a question", environment) == sent


async def touch(place: str) -> str:
    """Change something."""
    return "done"


async def test_questions_and_ends_of_runs_call_once_and_only_without_focus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path, guarded=[Tool(name="touch", handler=touch)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app.ready.is_set)
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await app.runs.send(app.session, "with focus")
        puppet.answer("one")
        await until(pilot, lambda: not app.runs.is_busy)
        assert BELL not in written
        app.post_message(events.AppBlur())
        await until(pilot, lambda: not app.app_focus)
        await app.runs.send(app.session, "without")
        await app.runs.send(app.session, "and then")
        puppet.call("touch", '{"place": "there"}')
        await until(pilot, lambda: written.count(BELL) == 1)
        await until(pilot, lambda: "touch" in words_on(app))
        app.questions.refuse_all()
        puppet.answer("two")
        await until(pilot, lambda: len(puppet.requests) == 4)
        assert written.count(BELL) == 1  # one more waited: it goes on
        puppet.answer("three")
        await until(pilot, lambda: not app.runs.is_busy)
        assert written.count(BELL) == 2


def test_a_first_frame_imports_nothing_of_the_core() -> None:
    code = (
        "import sys, axio_tui.app.app; print([m for m in sys.modules if m.split('.')[0] == 'axio'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
