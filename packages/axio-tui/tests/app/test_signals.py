"""Signals that end programs: the full screen closes all, and gives the terminal back."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import pytest

LONG = 60.0


class Screen:
    """The full screen in a session of its own, on a terminal that can be taken away."""

    def __init__(self, axio: Any, *, ignores_hangup: bool = False) -> None:
        def prepare() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if ignores_hangup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        variables = axio._environment([["One."]], {"TERM": "xterm", "LC_ALL": "C.UTF-8"})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "axio_tui", "--transport", "scripted"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=axio.home,
            env=variables,
            start_new_session=True,
            preexec_fn=prepare,
        )
        os.close(slave)
        self.written = b""

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONG
        while not condition():
            assert time.monotonic() < deadline, self.written[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.written += os.read(self.master, 65536)
                except OSError:  # all have closed the terminal
                    return

    def close(self) -> None:
        self.process.kill()
        self.process.wait(LONG)
        if self.master >= 0:
            os.close(self.master)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_as_the_key_does(axio: Any, signum: signal.Signals) -> None:
    screen = Screen(axio)
    try:
        screen.until(lambda: b"F1 help" in screen.written)
        os.write(screen.master, b"hello\r")
        screen.until(lambda: b"One." in screen.written)
        screen.process.send_signal(signum)
        screen.until(lambda: screen.process.poll() is not None)
        screen.until(lambda: b"axio --resume" in screen.written)
        assert screen.process.wait(LONG) == 128 + signum and b"axio --resume" in screen.written
        after = screen.written.rpartition(b"\x1b[?1049l")[2]
        assert b"\x1b[?1000l" in screen.written and b"\x1b[?25h" in after
    finally:
        screen.close()


@pytest.mark.parametrize("ignores_hangup", [False, True])
def test_it_ends_when_its_terminal_is_gone(axio: Any, ignores_hangup: bool) -> None:
    """With the same status whether the terminal's signal or its end is seen first."""
    screen = Screen(axio, ignores_hangup=ignores_hangup)
    try:
        screen.until(lambda: b"F1 help" in screen.written)
        os.close(screen.master)
        screen.master = -1
        assert screen.process.wait(LONG) == 128 + signal.SIGHUP
    finally:
        screen.close()


def test_stopped_from_outside_it_goes_on_and_gives_the_terminal_back(axio: Any) -> None:
    """A stop that could not be seen coming, as by `kill -STOP`."""
    screen = Screen(axio)
    try:
        modes = termios.tcgetattr(screen.master)
        screen.until(lambda: b"F1 help" in screen.written)
        assert termios.tcgetattr(screen.master) != modes
        screen.process.send_signal(signal.SIGSTOP)
        os.waitpid(screen.process.pid, os.WUNTRACED)
        shown = len(screen.written)
        screen.process.send_signal(signal.SIGCONT)
        screen.until(lambda: b"F1 help" in screen.written[shown:].rpartition(b"\x1b[?1049h")[2])
        os.write(screen.master, b"hello\r")
        screen.until(lambda: b"One." in screen.written)
        screen.process.send_signal(signal.SIGTERM)
        screen.until(lambda: screen.process.poll() is not None)
        assert screen.process.wait(LONG) == 128 + signal.SIGTERM
        assert termios.tcgetattr(screen.master) == modes
    finally:
        screen.close()
