"""From the key that stops a run to the word "Stopped" of the full screen, on a pseudo-terminal.

    PYTHONPATH=tests python -m benchmarks.stop_screen [--rounds 5]

Each round is a process of its own, over a model server on loopback. The time that a terminal's
Escape waits for more of a sequence is in it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

from support.model_server import Call, ModelServer, Part

PATIENCE = 60.0


class Terminal:
    """A terminal that a program writes to; `until` reads on."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = b""

    def write(self, data: bytes) -> None:
        self._seen = b""
        os.write(self._master, data)

    def until(self, words: bytes) -> None:
        """Return when the words have been written since the last key."""
        end = time.monotonic() + PATIENCE
        while words not in self._seen:
            if time.monotonic() > end:
                raise RuntimeError(f"{words!r} never came: {self._seen[-2000:]!r}")
            if select.select([self._master], [], [], 0.1)[0]:
                self._seen += os.read(self._master, 65536)


@contextmanager
def opened(home: Path, url: str) -> Iterator[Terminal]:
    axio = str(Path(sys.executable).with_name("axio"))
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(home)
        os.environ.update(
            HOME=str(home), TERM="xterm-256color", OPENAI_API_KEY="sk-none", OPENAI_BASE_URL=url
        )
        model = ("--transport", "openai-custom", "--model", "scripted", "--yes")
        os.execv(axio, [axio, *model])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 110, 0, 0))
    try:
        yield Terminal(master)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def stopped_after(parts: tuple[Part, ...], sign: bytes) -> float:
    """Seconds from the key to the word, once the sign of the work was on the screen."""
    with tempfile.TemporaryDirectory(prefix="axio-") as folder, ModelServer() as model:
        model.answer(*parts)
        with opened(Path(folder), model.url) as terminal:
            terminal.until(b"F1 help")
            terminal.write(b"go\r")
            terminal.until(sign)
            time.sleep(1)
            began = time.perf_counter()
            terminal.write(b"\x1b")
            terminal.until(b"Stopped")
            return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stop_screen", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    works: dict[str, tuple[tuple[Part, ...], bytes]] = {
        "while it streams": (tuple(chain.from_iterable(repeat(("word ", 0.005), 5_000))), b"word"),
        "while `sleep 60` runs": ((Call("shell", {"command": "sleep 60"}),), b"running"),
    }
    print("| stop | ms, middle | ms, most | goal |\n|---|---|---|---|")
    for name, (parts, sign) in works.items():
        found = [stopped_after(parts, sign) * 1000 for _ in range(rounds)]
        print(f"| {name} | {statistics.median(found):.0f} | {max(found):.0f} | 200 |", flush=True)


if __name__ == "__main__":
    main()
