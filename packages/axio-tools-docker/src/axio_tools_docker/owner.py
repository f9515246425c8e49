"""The owner of a container or volume: the process that made it, told in a label.

A program that is killed cannot tidy up. The next one that starts asks of each label if its owner
still lives, and removes what has none. An owner on another machine, before the last start of this
one, or in another namespace of processes cannot be judged from here: its container ends by its own
idle limit, and is removed when it has.
"""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

__all__ = ["LABEL", "lives", "this_process"]

LABEL = "axio.owner"


@functools.cache
def _here() -> str:
    """The machine since its last start, and the namespace in which process numbers count."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str | None:
    """When a process was started, in ticks: a number may be given to another one later."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() or not _runs(pid) else "?"
    except (PermissionError, ProcessLookupError):
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def this_process() -> str:
    """The text of the label."""
    return f"{_here()} {os.getpid()} {_started(os.getpid())}"


def lives(owner: str) -> bool | None:
    """True or False of an owner that can be judged from here; None of any other."""
    here, _, process = owner.rpartition(" ")[0].rpartition(" ")
    if here != _here() or not process.isdigit():
        return None
    return _started(int(process)) == owner.rpartition(" ")[2]
