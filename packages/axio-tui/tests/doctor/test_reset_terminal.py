"""`axio doctor --reset-terminal`, in a real terminal that a killed program has left."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from axio_tui.doctor.reset import RESET
from support.tmux import Window

LEAVES = (
    "import os, sys, tty; print('before'); tty.setraw(0);"
    "sys.stdout.write('\\x1b[?1049h\\x1b[?1000h\\x1b[?1003h\\x1b[?1006h\\x1b[?1004h\\x1b[?2004h"
    "\\x1b[?25l\\x1b[?1h\\x1b=\\x1b[>1u\\x1b[3;5r\\x1b[7mleft'); sys.stdout.flush();"
    "os.kill(os.getpid(), 9)"
)
# It puts back no modes by itself, as a shell that edits its lines does.
SHELL = """
import subprocess, sys
print("ready", flush=True)
while line := sys.stdin.readline():
    subprocess.run(line, shell=True)
"""
STATES = (
    "alternate_on", "mouse_any_flag", "mouse_sgr_flag", "keypad_cursor_flag", "keypad_flag",
)  # fmt: skip


@pytest.fixture
def window(axio: Any) -> Iterator[Window]:
    window = Window(axio, ("-c", SHELL))
    try:
        yield window
    finally:
        window.close()


def state(window: Window) -> str:
    return window("display", "-p", "-t", "a", " ".join(f"#{{{name}}}" for name in STATES)).strip()


def cursor(window: Window) -> str:
    return window("display", "-p", "-t", "a", "#{cursor_flag}").strip()


def test_a_terminal_is_as_before(axio: Any, window: Window) -> None:
    python = shlex.quote(sys.executable)
    window.start(script=[], size="100x24")
    window.until("ready")
    window.type("stty sane ixon iutf8; stty -a > before.txt; echo noted")
    window.until("noted", 2)
    window.type(f"{python} -c {shlex.quote(LEAVES)}")
    deadline = time.monotonic() + 60
    while state(window) != "1 1 1 1 1":
        assert time.monotonic() < deadline, state(window)
        time.sleep(0.1)
    # The terminal is raw now: Enter is no end of a line, Ctrl+J is.
    command = f"{python} -m axio_tui doctor --reset-terminal && stty -a > after.txt; echo fine"
    window("send-keys", "-t", "a", "-l", "--", command)
    window.keys("C-j")
    window.until("fine", 1)
    while state(window) != "0 0 0 0 0" or cursor(window) != "1":
        assert time.monotonic() < deadline, state(window)
        time.sleep(0.1)
    assert any("before" in line for line in window.lines()), "the normal screen, as it was"
    assert (axio.home / "after.txt").read_text() == (axio.home / "before.txt").read_text()


def test_twice_is_as_once_and_changes_no_text(axio: Any, window: Window) -> None:
    window.start(script=[], size="100x24")
    window.until("ready")
    window.type("echo one; echo two; echo three")
    window.until("three", 2)
    command = f"{shlex.quote(sys.executable)} -m axio_tui doctor --reset-terminal"
    window.type(f"{command}; {command}; echo END=$?")
    window.until("END=0")
    lines = [line for line in window.lines() if line in ("one", "two", "three", "END=0")]
    assert lines == ["one", "two", "three", "END=0"]


def test_without_a_terminal_it_fails_and_writes_nothing(axio: Any) -> None:
    done = axio("doctor", "--reset-terminal")
    assert done.code == 1 and done.out == "" and "no terminal here" in done.line


def test_what_is_switched_off_is_only_switched_off() -> None:
    assert RESET.isascii() and "h" not in RESET.replace("\x1b[?25h", "").replace("\x1b[?7h", "")
