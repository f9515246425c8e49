"""`tried_apart`: plug-ins are tried in a process of their own, which they may end or hold.

The process is `python -m` this module, with the seconds after which it ends in any case. It reads
the plug-ins, a JSON list of pairs of group and name, and writes JSON lines: `[group, name]` before
each, and `[group, name, problem]` after it. What plug-ins print is dropped.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO, TypeAlias

__all__ = ("Pair", "tried_apart")

Pair: TypeAlias = tuple[str, str]
"""The group and the name of a plug-in."""


def tried_apart(pairs: Iterable[Pair], patience: float, limit: float) -> dict[Pair, str]:
    """The problem of each, "" for none. One that takes more than `patience` seconds has failed;
    those that are not reached within `limit` seconds are missing."""
    trial, deadline = _Trial([*pairs]), monotonic() + limit
    while trial.left and monotonic() < deadline and _go_on(trial, deadline, patience):
        pass
    return trial.known


@dataclass(slots=True)
class _Trial:
    """The last of `begun` is the one that a process has ended or hung with."""

    wanted: list[Pair]
    known: dict[Pair, str] = field(default_factory=dict)
    begun: Pair | None = None

    @property
    def left(self) -> list[Pair]:
        return [pair for pair in self.wanted if pair not in self.known]

    def take(self, line: bytes) -> None:
        match json.loads(line):
            case [group, name]:
                self.begun = group, name
            case [group, name, problem]:
                self.known[group, name] = problem
                self.begun = None

    def blame(self, problem: str) -> bool:
        """The plug-in that was being tried has done it; False if none was."""
        culprit, self.begun = self.begun, None
        if culprit is not None:
            self.known[culprit] = problem
        return culprit is not None


def _go_on(trial: _Trial, deadline: float, patience: float) -> bool:
    """Try those that are not known, until all are, one has ended the process, or it is time; False
    if none of them can be blamed."""
    seconds = str(int(max(0.0, deadline - monotonic())) + 2)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "axio_tui.plugin_trial", seconds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    lines: SimpleQueue[bytes] = SimpleQueue()
    try:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(trial.left).encode())
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        until = deadline  # of the first line: the process has to start
        while line := lines.get(timeout=max(0.01, until - monotonic())):
            trial.take(line)
            until = min(deadline, monotonic() + patience)
        return not trial.left or trial.blame("it ends the program when it is loaded")
    except Empty:
        words = f"it is not loaded within {patience:.1f} s"
        return monotonic() < deadline and trial.blame(words)
    finally:
        with suppress(ProcessLookupError):  # also what the plug-ins have started
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(stream: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


# ── the other process ─────────────────────────────────────────────────────────────────────────


def _main() -> None:
    signal.alarm(int(sys.argv[1]))  # the program that waits for it may have ended meanwhile
    from axio_tui import suspects
    from axio_tui.parts import Parts
    from axio_tui.survey import problem_of

    suspects.is_asked = False
    parts = Parts(lambda line: None)
    with os.fdopen(os.dup(1), "w") as answers:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

        def tell(*words: str) -> None:
            answers.write(f"{json.dumps(words)}\n")
            answers.flush()

        for group, name in json.load(sys.stdin):
            tell(group, name)
            entry = parts.entry(group, name)
            tell(group, name, "" if entry is None else asyncio.run(problem_of(entry)))
        os._exit(0)  # a plug-in may have left threads, and handlers for the end


if __name__ == "__main__":
    _main()
