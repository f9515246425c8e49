"""Stay between a program and its command, so that nothing which the command starts is left.

    program ── lifeline ──> keeper ── parent of ──> waiter ── parent of ──> command

The lifeline is a pipe of which the program holds one end. A byte in it asks the command to end
(SIGTERM); its end means: at once. So the keeper hears of the program's death however that came.
What a command has started and let go of becomes a child of the keeper, by any means
away. A child that still runs when the command has ended has a moment to end by itself.

The waiter does nothing but wait. It is what the command knows as its parent, so that a command
which kills or stops its parent does not get rid of its keeper.

This is imported whenever a command starts, so it imports little.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import sys
import time

from axio_tools_local.confine import group, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_SECONDS = 1.0  # between two looks at the parent: a fork of it may hold the lifeline too
_DRAIN_SECONDS = 0.25
_KILL_SECONDS = 2.0  # until what cannot be killed, such as another user's, is given up
_PAUSE_SECONDS = 0.002

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main(arguments: list[str]) -> None:
    """`REQUEST COMMAND...`; the request is what `axio_tools_local.process.Process` writes."""
    request = marshal.loads(bytes.fromhex(arguments[0]))
    argv = arguments[1:]
    for descriptor in request["private"]:
        os.set_inheritable(descriptor, False)
    groups: list[str] = []
    try:
        groups = group.make(request["places"], request["name"])
        keeper = _start(groups, argv)
    except OSError as error:
        group.end(groups)
        system.fail(argv[0], error)
    code = keeper.stay(request["lifeline"], request["program"])
    group.end(groups)
    if request["temporary"] is not None:
        _remove(request["temporary"])
    _exit_as(code)


def _start(groups: list[str], argv: list[str]) -> Keeper:
    adopts = system.adopt_orphans()
    # Ignored before there is a command that could send them.
    handlers = [(number, signal.signal(number, signal.SIG_IGN)) for number in _IGNORED]
    told, telling = os.pipe()
    waiter = _fork()
    if waiter == 0:
        try:
            command = _fork()
            if command == 0:
                os.setsid()
                for number, handler in handlers:
                    signal.signal(number, handler)
                group.enter(groups)
                system.become(argv)
        except OSError as error:
            system.fail(argv[0], error)
        os.write(telling, command.to_bytes(8, "big"))
        _let_go_of_pipes()
        _exit_as(os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]))
    os.close(telling)
    command = int.from_bytes(os.read(told, 8), "big")
    os.close(told)
    return Keeper(waiter, command or waiter, adopts)


def _fork() -> int:
    """As `os.fork`. The child dies when its parent is killed."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        if sys.platform == "linux":
            system.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    return child


class Keeper:
    """`waiter` is a child, `command` the group that it waits for. `adopts`: orphans come here."""

    def __init__(self, waiter: int, command: int, adopts: bool) -> None:
        self._waiter = waiter
        self._command = command
        self._adopts = adopts
        self._code: int | None = None

    def stay(self, lifeline: int, program: int) -> int:
        """The exit code of the command, when all that it started has ended too."""
        _let_go_of_pipes()
        woken = _watch_children()
        watched = [lifeline, woken]
        kill_at = float("inf")
        while True:
            alone = self._reap()
            now = time.monotonic()
            if alone or now > kill_at + _KILL_SECONDS:
                return -signal.SIGKILL if self._code is None else self._code
            if self._code is not None:
                kill_at = min(kill_at, now + _DRAIN_SECONDS)
            if now >= kill_at:
                self._kill_all()
            pause = _PAUSE_SECONDS if now >= kill_at else min(_LOOK_SECONDS, kill_at - now)
            ready = select.select(watched, [], [], pause)[0]
            if woken in ready:
                os.read(woken, 4096)
            if lifeline in ready:
                if not os.read(lifeline, 1):
                    watched.remove(lifeline)
                    kill_at = min(kill_at, now)
                elif self._code is None:
                    _kill(os.killpg, self._command, signal.SIGTERM)
            if os.getppid() != program:
                kill_at = min(kill_at, now)

    def _reap(self) -> bool:
        """Take note of children that have ended; True when none is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return self._adopts or not _is_there(self._command)
            if pid == 0:
                return False
            if pid == self._waiter and os.WIFSTOPPED(status):
                _kill(os.kill, pid, signal.SIGCONT)
            elif pid == self._waiter:
                self._code = os.waitstatus_to_exitcode(status)

    def _kill_all(self) -> None:
        """Kill the command's group, and each other child of the keeper with its group.

        Their children come to the keeper in turn. A child that is not reaped keeps its number, and
        so does a group that has members.
        """
        if self._code is None or not self._adopts:
            _kill(os.killpg, self._command, signal.SIGKILL)
        for pid in _children():
            _kill(os.kill, pid, signal.SIGKILL)
            leader = os.getpgid(pid)
            if leader != os.getpgrp():  # where the waiter is, and a command that has no session yet
                _kill(os.killpg, leader, signal.SIGKILL)


def _remove(folder: str) -> None:
    """As far as it can be. The program does so too, unless it has been killed."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            _discard(f"{path}/{name}")
    _discard(folder)


def _discard(path: str) -> None:
    for remove in (os.unlink, os.rmdir):
        try:
            return remove(path)
        except OSError:
            continue


def _exit_as(code: int) -> None:
    """End as the command did: with its exit code, or by the signal that ended it."""
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _let_go_of_pipes() -> None:
    """They are the command's: who reads them waits for their end."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)


def _watch_children() -> int:
    """A descriptor that can be read from when something has happened to a child."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return woken


def _is_there(group: int) -> bool:
    """True if a process group has members. Without orphans that is all that can be seen."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _kill(how: Callable[[int, int], None], target: int, number: int) -> None:
    try:
        how(target, number)
    except OSError:  # ended meanwhile, or another user's
        return


def _children() -> list[int]:
    """The numbers of living and dead children; none where the system does not tell."""
    me = os.getpid()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rsplit(b")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == me:
            found.append(int(name))
    return found
