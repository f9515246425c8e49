"""From a delta of a model server to the terminal: the wire, the agent, the store and the paint.

    PYTHONPATH=tests python -m benchmarks.screen_event [--turns 10]

Some deltas are marks; the time is from before one is written to when it was read from the
pseudo-terminal. While an answer streams, a paint waits for all that comes within its pause.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.stop_screen import Terminal, opened
from support.model_server import ModelServer, Part

RATE = 200
MARKS = 8  # in the stream of a turn, a quarter of a second from each other


class Moment(threading.Event):
    """A gate that is always open; `at` is when it was passed."""

    at = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.at = time.perf_counter()
        return True


def answer(turn: int, moments: list[Moment]) -> Iterator[Part]:
    """A mark on a screen that was quiet, and then more of them in a stream."""
    yield 0.5
    for number, moment in enumerate(moments):
        yield moment
        yield f" {mark(turn, number)} "
        for _ in range(RATE // 4):
            yield "word "
            yield 1 / RATE


def mark(turn: int, number: int) -> str:
    return f"turn{turn}mark{number}"


def seconds_of(terminal: Terminal, turn: int, moments: list[Moment]) -> list[float]:
    """The time of each mark of a turn."""
    time.sleep(1)
    terminal.write(b"go\r")
    found = []
    for number, moment in enumerate(moments):
        terminal.until(mark(turn, number).encode())
        found.append(time.perf_counter() - moment.at)
    terminal.until(f"after{turn}".encode())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen_event", description=__doc__)
    parser.add_argument("--turns", type=int, default=10)
    turns = [[Moment() for _ in range(MARKS + 1)] for _ in range(parser.parse_args().turns)]
    with tempfile.TemporaryDirectory(prefix="axio-") as folder, ModelServer() as model:
        for turn, moments in enumerate(turns):
            model.answer(*answer(turn, moments), f" after{turn}")
        with opened(Path(folder), model.url) as terminal:
            terminal.until(b"F1 help")
            found = [seconds_of(terminal, turn, moments) for turn, moments in enumerate(turns)]
    print("| delta to terminal | ms, middle | ms, most | goal |\n|---|---|---|---|")
    first, rest = [times[0] for times in found], [one for times in found for one in times[1:]]
    for name, some in (("the first of an answer", first), (f"at {RATE} deltas/s", rest)):
        middle, most = statistics.median(some) * 1000, max(some) * 1000
        print(f"| {name} | {middle:.0f} | {most:.0f} | {50 if some is first else '-'} |")


if __name__ == "__main__":
    main()
