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
import time

_VARIABLE = "AXIO_COMMAND"
_SECONDS = 2
_PAUSE_SECONDS = 0.001
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, in the ninth field of /proc/PID/stat


def marked(environment: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """A new mark, and the environment with it. Marks of outer commands stay readable."""
    mark = secrets.token_hex(8)
    outer = environment.get(_VARIABLE)
    value = f"{outer}:{mark}" if outer else mark
    return mark.encode(), {**environment, _VARIABLE: value}


def end(mark: bytes) -> None:
    """Kill every process that carries `mark`.

    One that was listed may have forked and gone before it is looked at. So it is over when two
    rounds in a row have met none.
    """
    deadline = time.monotonic() + _SECONDS
    clean = 0
    while clean < 2 and time.monotonic() < deadline:
        if _kill_all(mark):
            clean = 0
            time.sleep(_PAUSE_SECONDS)
        else:
            clean += 1


def _kill_all(mark: bytes) -> bool:
    """Whether any was there, or may have been."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return False
    found = False
    for pid in pids:
        try:
            found |= _kill(pid, mark)
        except OSError:  # gone, or another user's
            continue
    return found


def _kill(pid: int, mark: bytes) -> bool:
    with open(f"/proc/{pid}/environ", "rb") as file:
        environment = file.read()
        if not environment:
            return _is_starting(pid)
        if mark not in environment:
            return False
        pidfd = os.pidfd_open(pid)
        try:
            # The file belongs to the process, not to its number: still readable, still the same.
            file.seek(0)
            if file.read():
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)
    return True


def _is_starting(pid: int) -> bool:
    """Whether a process without an environment is only between two programs (execve(2))."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        state, *fields = file.read().rsplit(b")", 1)[1].split()
    return state not in (b"Z", b"X") and not int(fields[5]) & _KERNEL_THREAD
