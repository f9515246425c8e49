"""The front end of lines in a real terminal: its scrollback, and how it is typed to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.tmux import Window

COMMAND = ("-m", "axio_tui", "--plain", "--transport", "scripted")
LONG = "\n".join(f"line {number}" for number in range(300))


@pytest.fixture
def window(axio: Any) -> Iterator[Window]:
    window = Window(axio, COMMAND)
    try:
        yield window
    finally:
        window.close()


def test_each_line_is_once_in_the_scrollback_of_the_normal_screen(window: Window) -> None:
    window.start(script=[[LONG], ["Two."]])
    window.until("you:")
    window.type("first")
    lines = window.until("you:", 2)
    assert window("display", "-p", "-t", "a", "#{alternate_on}").strip() == "0"
    for number in range(1, 300):
        assert lines.count(f"line {number}") == 1
    assert "axio: line 0" in lines
    window("resize-window", "-t", "a", "-x", "40", "-y", "10")
    window.type("second")
    window.until("axio: Two.")
    window.keys("C-d")
    window.until("END=0")


def test_a_paste_is_one_prompt_and_waits_for_enter(window: Window) -> None:
    window.start("--tools", "none", script=[["One."]])
    window.until("you:")
    window.paste("first line\nsecond line\n")
    window.until("second line")
    time.sleep(0.5)
    assert not any(line.startswith("axio: One.") for line in window.lines())
    window.keys("Enter")
    window.until("axio: One.")
    window.type("/rewind")
    window.until("1  first line second line")


def test_an_approval_is_a_typed_word(axio: Any, window: Window) -> None:
    call = ["acme_change", {"path": "made"}]
    window.start(script=[[call], ["Fin."], [call], ["Fin."]])
    window.until("you:")
    window.type("change it")
    window.until("Run it? [yes")
    window.keys("Enter")
    window.until("axio: Fin.")
    assert not (axio.home / "made").exists(), "Enter alone"
    window.type("change it")
    window.until("Run it? [yes", 2)
    window.type("yes")
    lines = window.until("axio: Fin.", 2)
    assert (axio.home / "made").exists()
    assert lines.count('tool: acme_change(path="made")') == 2, "once for each call"


def test_the_turn_is_stopped_what_waits_is_parked_and_sent_by_enter(window: Window) -> None:
    window.start(script=[["One.\n", 60], ["Two."]])
    window.until("you:")
    window.type("first")
    window.until("axio: One.")
    window.type("second")
    window.until("queued: second")
    window.keys("C-c")
    window.until("axio: (stopped)")
    window.until("parked: second")
    window.keys("Enter")
    window.until("axio: Two.")
    window.keys("C-c")
    window.until("END=130")
