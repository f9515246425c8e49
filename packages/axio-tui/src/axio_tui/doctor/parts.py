"""Plug-ins that are installed: each is loaded in a process of its own, which it may end or hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import IO

from axio_tui.doctor.findings import Finding
from axio_tui.errors import words_of_others

__all__ = ("look_at_plugins",)

Pair = tuple[str, str]


@dataclass(slots=True)
class _Trial:
    """`known` are done; the last of `begun` is the one that a process has ended or hung with."""

    known: dict[Pair, str] = field(default_factory=dict)
    begun: Pair | None = None
    notes: list[str] = field(default_factory=list)
    is_done: bool = False

    def take(self, line: bytes) -> None:
        words = json.loads(line)
        match words:
            case []:
                self.is_done = True
            case [note]:
                self.notes.append(note)
            case [group, name]:
                self.begun = group, name
            case [group, name, problem]:
                self.known[group, name] = problem
                self.begun = None

    def blame(self, problem: str) -> bool:
        """The plug-in that was being loaded has done it; False if none was."""
        culprit, self.begun = self.begun, None
        if culprit is not None:
            self.known[culprit] = problem
        return culprit is not None


def look_at_plugins(limit: float) -> Iterator[Finding]:
    """Each is loaded within a part of the limit; those that come after one that hangs, too."""
    trial, deadline = _Trial(), time.monotonic() + limit * 0.9
    while not trial.is_done and time.monotonic() < deadline:
        if not _go_on(trial, deadline, limit / 2):
            break
    problems = {pair: words for pair, words in trial.known.items() if words}
    for (group, name), words in problems.items():
        advice = "axio works without it: mend it, or uninstall its package"
        yield Finding("warning", f"plug-in {name}", f"{group}: {words_of_others(words)}", advice)
    for note in trial.notes:
        yield Finding("warning", "plug-ins", words_of_others(note), "uninstall one of them")
    if not trial.is_done:
        words = f"the {len(trial.known)} that were loaded in the time are not all"
        yield Finding("warning", "plug-ins", words, "axio doctor --limit N waits longer")
    counts = Counter(group for (group, _), words in trial.known.items() if not words)
    told = ", ".join(f"{number} in {group}" for group, number in counts.items()) or "none"
    yield Finding("ok", "plug-ins", told)


def _go_on(trial: _Trial, deadline: float, patience: float) -> bool:
    """Load those that are not known, until all are, one has ended the process, or it is time; False
    if none of them can be blamed. Each may take `patience` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "axio_tui.doctor.plugin_trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    lines: SimpleQueue[bytes] = SimpleQueue()
    try:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps([*trial.known]).encode())
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        while line := lines.get(timeout=max(0.01, min(patience, deadline - time.monotonic()))):
            trial.take(line)
        return trial.is_done or trial.blame("it ends the program when it is loaded")
    except Empty:
        return time.monotonic() < deadline and trial.blame(
            f"it is not loaded within {patience:.1f} s"
        )
    finally:
        with suppress(ProcessLookupError):  # also what the plug-ins have started
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(stream: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")
