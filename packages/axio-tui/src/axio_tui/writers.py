"""Who may still write into a pipe, as Linux tells it (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ("is_fed",)

_PROCESSES = Path("/proc")


def is_fed(descriptor: int) -> bool:
    """True if a process can write into the pipe that has not started this one, such as the command
    before it in a pipeline; also where that is not told."""
    if not (_PROCESSES / "self/fd").exists():
        return True
    status = os.fstat(descriptor)
    ancestors = set(_ancestors())
    return any(
        _writes(process, status)
        for process in _PROCESSES.glob("[0-9]*")
        if int(process.name) not in ancestors
    )


def _ancestors() -> Iterator[int]:
    """This process, its parent, and so on."""
    pid = os.getpid()
    while pid:
        yield pid
        try:
            text = (_PROCESSES / str(pid) / "stat").read_text("utf-8", "replace")
        except OSError:
            return
        pid = int(text.rpartition(")")[2].split()[1])


def _writes(process: Path, pipe: os.stat_result) -> bool:
    with suppress(OSError):  # it has ended, or is another user's
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                end = link.stat()
                is_same = (end.st_dev, end.st_ino) == (pipe.st_dev, pipe.st_ino)
                if is_same and link.lstat().st_mode & 0o200:  # open for writing
                    return True
    return False
