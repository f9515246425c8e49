"""Stay between a program and the server that it started, so that nothing of the server is left.

    program ── lifeline ──> keeper ── parent of ──> server

Run as a program of its own: `keep.py LIFELINE PROGRAM COMMAND...`. The lifeline is a pipe of which
the program holds the other end. A byte in it asks the server to end (SIGTERM); its end means: at
once. So the keeper hears of the program's death however that came, by `kill -9` too. What the
server has started and let go of becomes a child of the keeper, and ends with it.

This is a process for every server, so it imports little, and nothing of axio.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOK_SECONDS = 1.0  # between two looks at the parent: a fork of it may hold the lifeline too
_PAUSE_SECONDS = 0.01
_GIVE_UP_SECONDS = 2.0  # for what cannot be killed, such as another user's
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_DEATH_SIGNAL, _SUBREAPER = 1, 36  # prctl(2): PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


def main(lifeline: int, program: int, command: list[str]) -> int:
    """The exit code of the server, when all that it started has ended too."""
    os.set_inheritable(lifeline, False)
    _control(_SUBREAPER, 1)
    handlers = [(number, signal.signal(number, signal.SIG_IGN)) for number in _IGNORED]
    woken = _watch_children()
    server = os.fork()
    if server == 0:
        _become(command, handlers)
    _let_go_of_pipes()
    watched = [lifeline, woken]
    code: int | None = None
    kill_at = float("inf")
    while True:
        code, alone = _reap(server, code)
        now = time.monotonic()
        if alone or now > kill_at + _GIVE_UP_SECONDS:
            return 128 + signal.SIGKILL if code is None else code
        if code is not None or os.getppid() != program:
            kill_at = min(kill_at, now)
        if now >= kill_at:
            _kill_all(server)
        ready = select.select(watched, [], [], _LOOK_SECONDS if now < kill_at else _PAUSE_SECONDS)[
            0
        ]
        if woken in ready:
            os.read(woken, 4096)
        if lifeline in ready:
            if os.read(lifeline, 1):
                _send(os.killpg, server, signal.SIGTERM)
            else:
                watched.remove(lifeline)
                kill_at = min(kill_at, time.monotonic())


def _become(command: list[str], handlers: Sequence[tuple[signal.Signals, object]]) -> None:
    try:
        os.setsid()
        _control(_DEATH_SIGNAL, signal.SIGKILL)  # should the keeper itself be killed
        for number, handler in handlers:
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode(errors="replace"))
    os._exit(127)


def _control(option: int, value: int) -> None:
    import ctypes

    try:
        ctypes.CDLL(None).prctl(option, *(ctypes.c_ulong(n) for n in (value, 0, 0, 0)))
    except (OSError, AttributeError):  # another system: the server's group has to do
        return


def _watch_children() -> int:
    """A descriptor that can be read from when something has happened to a child."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return woken


def _let_go_of_pipes() -> None:
    """They are the server's: who reads them waits for their end."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)


def _reap(server: int, code: int | None) -> tuple[int | None, bool]:
    """The server's exit code, once it has one, and True when no child is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code, True
        if pid == 0:
            return code, False
        if pid == server:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended


def _kill_all(server: int) -> None:
    """Kill the server's group and every child with its group; their children come here in turn."""
    _send(os.killpg, server, signal.SIGKILL)
    for pid in _children():
        _send(os.kill, pid, signal.SIGKILL)
        try:
            leader = os.getpgid(pid)
        except OSError:
            continue
        if leader != os.getpgrp():
            _send(os.killpg, leader, signal.SIGKILL)


def _children() -> list[int]:
    me = str(os.getpid()).encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                if file.read().rsplit(b")", 1)[1].split()[1] == me:
                    found.append(int(name))
        except OSError:
            continue
    return found


def _send(how: object, target: int, number: int) -> None:
    try:
        how(target, number)  # type: ignore[operator]
    except OSError:  # it has ended meanwhile, or is another user's
        return


if __name__ == "__main__":
    os._exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
