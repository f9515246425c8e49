"""Find what a command started and then let go of.

A child that makes a session of its own (`setsid`, a daemon) has left the process group of its
command. Every command therefore carries a mark in its environment, which children inherit. On
Linux the mark can be read from outside. Not found are those that erased it (`env -i setsid ...`),
those of another user, and all on systems without `/proc`; in a sandbox (`axio_tools_local.sandbox`)
a namespace of its own makes sure of them too.
"""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import suppress

_VARIABLE = "AXIO_COMMAND"
_ROUNDS = 20  # one that forks while we look is met in the next round


def marked(environment: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """A new mark, and the environment with it. Marks of outer commands stay readable."""
    mark = secrets.token_hex(8)
    outer = environment.get(_VARIABLE)
    value = f"{outer}:{mark}" if outer else mark
    return mark.encode(), {**environment, _VARIABLE: value}


def end(mark: bytes) -> None:
    """Kill every process that carries `mark`."""
    for _ in range(_ROUNDS):
        if not _kill_all(mark):
            return


def _kill_all(mark: bytes) -> bool:
    """Whether any was alive."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return False
    found = False
    for pid in pids:
        with suppress(OSError):
            found |= _kill(pid, mark)
    return found


def _kill(pid: int, mark: bytes) -> bool:
    pidfd = os.pidfd_open(pid)  # first, so that it is the one we read about whom we kill
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            if mark not in environment.read():
                return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        return True
    finally:
        os.close(pidfd)
