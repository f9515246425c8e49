"""Plug-ins that may have ended the program: none does it twice.

    watched(entry, entry.load)

While the code of a plug-in runs, a note of it lies in the data folder, locked by this process. A
note without a lock was left by a process that has ended in the middle. All that are left are tried
first, once and in a process of their own: those that are well lose their notes, the others stay
out. One that was noted by chance, as when a person has ended the program, is well.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeVar

from axio.plugins import PluginError
from axio_tui.config.paths import data_folder, own_folder
from axio_tui.plugin_trial import Pair, tried_apart

__all__ = ("are_tried", "noted", "try_suspects", "watched")

T = TypeVar("T")

is_asked = True
"""False in the process that tries them."""
_PATIENCE, _LIMIT = 10.0, 60.0
_trying = threading.Lock()
_guilty: dict[Pair, str] | None = None  # None until they were tried


def watched(entry: EntryPoint, code: Callable[[], T]) -> T:
    """The result of code of a plug-in. `PluginError` for one that has ended the program."""
    if is_asked and (problem := try_suspects().get((entry.group, entry.name))):
        raise PluginError(problem)
    with noted(entry):
        return code()


@contextmanager
def noted(entry: EntryPoint) -> Iterator[None]:
    """The code of a plug-in runs while the block lasts."""
    note, file = -1, ""
    if is_asked:
        with suppress(OSError):  # a home that may not be written
            note, file = tempfile.mkstemp(dir=own_folder(_folder()))
            fcntl.flock(note, fcntl.LOCK_EX)
            os.write(note, f"{entry.group}\n{entry.name}".encode())
    try:
        yield
    finally:
        if file:
            with suppress(OSError):
                os.unlink(file)
            os.close(note)


def are_tried() -> bool:
    """True once it is known which of them are well."""
    return _guilty is not None or not is_asked


def try_suspects(patience: float = _PATIENCE) -> dict[Pair, str]:
    """The problems of those that are not well. They are tried once in the life of a process."""
    global _guilty
    with _trying:
        if _guilty is None:
            left = _left_over()
            known: dict[Pair, str] = {}
            with suppress(OSError):  # no process can be started
                known = tried_apart({*left.values()}, patience, _LIMIT) if left else {}
            tried = {pair: known.get(pair, "there was no time to try it") for pair in left.values()}
            _guilty = {pair: problem for pair, problem in tried.items() if problem}
            for file, pair in left.items():
                if pair not in _guilty:
                    with suppress(OSError):
                        file.unlink()
        return _guilty


def _left_over() -> dict[Path, Pair]:
    found = {}
    with suppress(OSError):  # there is no such folder
        for file in _folder().iterdir():
            with suppress(OSError), file.open(errors="replace") as note:
                fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
                group, _, name = note.read().partition("\n")
                found[file] = group, name
    return found


def _folder() -> Path:
    return data_folder() / "loading"
