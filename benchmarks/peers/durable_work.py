"""The durable work of every system: sessions of four answers with calls that change something.

A program of a system is `python -m benchmarks.peers.NAME WHERE FOLDER SESSIONS`. It begins the
sessions unless FOLDER holds "begun", ends them ten at a time, and prints the seconds of its CPU.
With "kill" in FOLDER the process dies in the middle of one call of each session, after its effect;
it is then started again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.turns import PROMPT, Turn, changing, result_of

__all__ = ("PROMPT", "TURNS", "change", "main", "turn")

TURNS = changing()

_folder = Path(sys.argv[2]) if len(sys.argv) == 4 else Path()


def turn(answers: int) -> Turn:
    """The answer of the model, by the number of those it has given."""
    return TURNS[min(answers, len(TURNS) - 1)]


def change(session: str, key: str) -> str:
    """Change something, and maybe die of it."""
    with (_folder / "effects").open("a", encoding="utf-8") as effects:
        effects.write(f"{session} {key}\n")
    if key == "1 0" and (_folder / "kill").exists():
        killed = _folder / f"killed {session}"
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
    return result_of(key)


async def main(work: Callable[[str, list[str]], Awaitable[None]]) -> None:
    """`work(where, sessions)` ends the sessions; those that are there already are not begun."""
    where, _, sessions = sys.argv[1:]
    names = [f"session {number}" for number in range(int(sessions))]
    started = time.process_time()
    await work(where, names)
    print(json.dumps({"cpu": time.process_time() - started}))
