"""The full screen in a real terminal, over a scripted transport: settings, a kill, odd bytes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.tmux import Window

COMMAND = ("-m", "axio_tui", "--transport", "scripted")
TELLING = """
import os, sys
from axio_tui.__main__ import main

with open("pid", "w") as file:
    file.write(str(os.getpid()))
sys.exit(main(["--transport", "scripted"]))
"""

WAITING = """
import os, sys, time

while not os.path.exists("go"):
    time.sleep(0.05)
from axio_tui.__main__ import main

sys.exit(main(["--transport", "scripted"]))
"""

Open = Callable[..., Window]


@pytest.fixture
def opened(axio: Any) -> Iterator[Open]:
    """Opens the full screen in a window, and waits until it takes prompts."""
    windows: list[Window] = []

    def open(*args: str, script: list[Any], command: Any = COMMAND, **given: Any) -> Window:
        window = Window(axio, command)
        windows.append(window)
        window.start(*args, script=script, **given)
        window.until("F1 help")
        return window

    try:
        yield open
    finally:
        for window in windows:
            window.close()


def test_what_is_wrong_in_the_configuration_stands_in_the_transcript(
    axio: Any, opened: Open
) -> None:
    path = axio.home / ".config/axio/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("mode = 'plan'\nsystem = \n")
    window = opened(script=[["One."]], size="900x24")  # the line has a path of any length
    window.until("the mode is plan")
    window.type("hello")
    (line,) = [line for line in window.until("One.") if "configuration" in line]
    assert "config.toml:2: " in line and "it is left out" in line


def test_keys_of_the_configuration_hold_and_alt_enter_is_a_new_line(
    axio: Any, opened: Open
) -> None:
    path = axio.home / ".config/axio/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[keys]\nmode = 'f9'\nsteer = 'ctrl+o'\nsteeer = 'f10'\n")
    window = opened(script=[["One."]], size="200x60")
    window.until("config.toml:3: Ctrl+O is for keys.steer, and not for keys.calls")
    window.until("config.toml:4: there is no setting 'keys.steeer'")
    window.keys("F9")
    window.until("PLAN")
    window.keys("F1")
    lines = window.until("This terminal does not send: Shift+Enter")
    assert any("F9  " in line and "next mode" in line for line in lines)
    window.keys("Escape")
    window.until("Ask. / commands")
    window.keys("x", "y", "M-Enter", "z")
    window.until("z")
    lines = window.until("xy")
    at = next(index for index, line in enumerate(lines) if line.strip() == "xy")
    assert lines[at + 1].strip() == "z"


def test_what_was_typed_before_a_question_about_the_folder_is_in_the_composer(
    axio: Any,
) -> None:
    (axio.home / "AGENTS.md").write_text("Be brief.")
    window = Window(axio, ("-c", WAITING))
    try:
        window.start(script=[["One."]])
        window.keys("-l", "yes please")
        window.until("yes please")
        (axio.home / "go").touch()
        window.until("Do you trust who wrote them?")
        window.type("no")
        window.until("F1 help")
        window.until("yes please")
        window.keys("Enter")
        window.until("One.")
    finally:
        window.close()


def test_an_answer_that_was_killed_is_told_when_its_conversation_goes_on(
    axio: Any, opened: Open
) -> None:
    window = opened(script=[["The beginning of", 600]], command=("-c", TELLING))
    window.type("hello")
    window.until("The beginning of")
    os.kill(int((axio.home / "pid").read_text()), signal.SIGKILL)
    window.until("END=137")
    window("kill-server")
    again = opened("-c", script=[["Two."]])
    assert any("hello" in line for line in again.until("the program ended in the middle"))
    again.type("go on")
    again.until("Two.")


def test_no_byte_of_a_terminal_ends_it_or_is_a_key_in_a_paste(opened: Open) -> None:
    window = opened(script=[["One."], ["Two."]])
    window.keys("-H", "ff")
    window.type("typed")
    assert any("\ufffdtyped" in line for line in window.until("One."))
    window.paste("evil \033[31mred\033[0m \033]0;pwn\007 \021end")
    window.until("end")
    window.keys("Enter")
    lines = window.until("Two.")
    (line,) = [line for line in lines if "evil" in line]
    assert line.index("evil") < line.index("red") < line.index("pwn") < line.index("end")
    window.keys("C-q")
    window.until("END=0")


SHELL = ("-c", "import os; os.execvp('bash', ['bash', '--norc', '-i'])")


def test_ctrl_z_stops_all_of_its_job_and_fg_draws_all_of_the_screen_again(axio: Any) -> None:
    window = Window(axio, SHELL)
    try:
        window.start(script=[["One."]], PS1="$ ")
        window.type(f"sh -c '{sys.executable} -m axio_tui --transport scripted; exit 7'")
        window.until("F1 help")
        window.type("hello")
        window.until("One.")
        window.keys("C-z")
        window.until("Stopped")
        window.type("clear; echo of the $((40 + 2)) shell")
        window.until("of the 42 shell")
        window.type("fg")
        lines = window.until("F1 help")
        assert any("hello" in line for line in lines) and any("One." in line for line in lines)
        window.keys("C-q")
        window.until("axio --resume")
        window.type("echo left=$?")
        window.until("left=7")
    finally:
        window.close()
