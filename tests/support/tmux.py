"""A window of a tmux of its own, in which a command runs and is typed to."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from support.parts import requires

__all__ = ("Window",)

DEADLINE = 50.0
_SOCKETS = count()  # a server that ends may still hold the socket that it had


class Window:
    """One window of a tmux of its own. `until` waits for words on the screen."""

    def __init__(self, axio: Any, command: Sequence[str]) -> None:
        """`command` is run by Python, in the home of the fixture `axio`."""
        self._axio = axio
        self._command = command
        self._tmux = [
            str(requires("tmux")),
            "-u",
            "-f",
            "/dev/null",
            "-S",
            f"{axio.home}-tmux-{next(_SOCKETS)}",
        ]

    def __call__(self, *args: str) -> str:
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*self._tmux, *args], capture_output=True, text=True, timeout=60, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(
        self,
        *args: str,
        script: list[Any] | None = None,
        size: str = "80x24",
        folder: Path | None = None,
        **given: str,
    ) -> None:
        """Run the command with these arguments and variables, in the home or the folder; a line
        says when it has ended."""
        variables = {"TERM": "screen", "LC_ALL": "C.UTF-8", **given}
        environment = self._axio._environment(script, variables)
        set_it = [f"{name}={value}" for name, value in environment.items()]
        command = ["env", "-i", *set_it, sys.executable, *self._command, *args]
        where = shlex.quote(str(folder or self._axio.home))
        line = f"cd {where} && {shlex.join(command)}; echo END=$?; cat"
        width, _, height = size.partition("x")
        self("new-session", "-d", "-s", "a", "-x", width, "-y", height, line)

    def keys(self, *keys: str) -> None:
        self("send-keys", "-t", "a", *keys)

    def type(self, text: str) -> None:
        self("send-keys", "-t", "a", "-l", "--", text)
        self.keys("Enter")

    def paste(self, text: str) -> None:
        self("set-buffer", "--", text)
        self("paste-buffer", "-p", "-t", "a")

    def lines(self) -> list[str]:
        """All that was printed, also what has left the screen."""
        return self("capture-pane", "-p", "-J", "-S", "-", "-t", "a").splitlines()

    def shown(self) -> list[str]:
        """The lines on the screen."""
        return self("capture-pane", "-p", "-t", "a").splitlines()

    def until(self, words: str, count: int = 1, seconds: float = DEADLINE) -> list[str]:
        """All lines, once `words` are in so many of them."""
        deadline = time.monotonic() + seconds
        while sum(words in line for line in self.lines()) < count:
            assert time.monotonic() < deadline, "\n".join(self.lines())
            time.sleep(0.1)
        return self.lines()

    def until_gone(self, words: str, seconds: float = DEADLINE) -> None:
        """Return once no line on the screen has the words."""
        deadline = time.monotonic() + seconds
        while any(words in line for line in self.shown()):
            assert time.monotonic() < deadline, "\n".join(self.shown())
            time.sleep(0.1)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=60, check=False)
