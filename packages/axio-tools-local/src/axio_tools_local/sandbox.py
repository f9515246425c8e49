"""Levels and limits of what a command may do, and the machine's means to enforce them.

| level | changes files | network | other processes |
|---|---|---|---|
| `none` | everywhere | yes | yes |
| `workspace-write` | below the workspace and a temporary folder (`$TMPDIR`) | no | no |
| `read-only` | nowhere | no | no |

Reading is free at every level, and so is what a file in the workspace may do later to who runs it.
"No network" means: the machine's own loopback addresses are there but private, and no service of
this machine can be reached, neither by a port nor by a socket file.

The namespaces come from `bwrap` where it is installed and works, else from the kernel directly,
which then must have Landlock too. A machine that has neither gets `SandboxUnavailable`, never less
than was asked for. No daemon is needed, nor root.

A command must not change how the next one is confined. So the program that confines is kept in
memory (`axio_tools_local.archive`), and the virtual environment that this process runs from stays
read-only, also where it lies in the workspace.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from axio_tools_local import archive, cgroup
from axio_tools_local.cgroup import SandboxUnavailable
from axio_tools_local.confine import landlock, seccomp, system

__all__ = ["Level", "Limits", "Sandbox", "SandboxUnavailable", "means"]

Level: TypeAlias = Literal["none", "workspace-write", "read-only"]

_PROBE_SECONDS = 10
_OWN_PROCESSES = 2  # that wait outside and inside of the namespaces


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one command; None sets none. Where one is reached the kernel says no."""

    cpu_seconds: int | None = None
    """Of each process."""
    memory_bytes: int | None = None
    """Of all its processes together, shared memory and files in memory included; and the address
    space of each."""
    file_bytes: int | None = None
    """Size of each file that is written."""
    processes: int | None = None
    """Processes and threads at a time. Outside of a sandbox those that the user already has do not
    count, but those that are started meanwhile do."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


class Sandbox:
    """A level and limits for the commands of one workspace."""

    def __init__(self, level: Level, root: str, limits: Limits) -> None:
        if level not in get_args(Level):
            raise ValueError(f"sandbox must be one of {', '.join(get_args(Level))}, got {level!r}")
        self._level = level
        self._limits = limits
        self._root = os.path.realpath(root)
        self._protected = _below(self._root, os.path.realpath(sys.prefix))
        self._confined = level != "none"
        if self.wants_launcher and sys.platform != "linux":
            raise SandboxUnavailable("sandbox levels and limits need Linux")
        archive.inherited()  # made before anything can have changed the package

    def check(self, folder: str) -> None:
        """`PermissionError` when nothing in `folder`, a real path, may be changed."""
        if not self._confined:
            return
        writable = self._level == "workspace-write" and _is_in(folder, self._root)
        if not writable or any(_is_in(folder, path) for path in self._protected[-1:]):
            raise PermissionError(
                errno.EACCES, f"the sandbox ({self._level}) allows no change here", folder
            )

    @property
    def wants_temporary(self) -> bool:
        """True if a command needs a temporary folder of its own."""
        return self._level == "workspace-write"

    @property
    def wants_launcher(self) -> bool:
        """True if a command does not start by itself, but through `axio_tools_local.archive`."""
        return self._confined or self._limits != Limits()

    def places(self) -> list[cgroup.Place]:
        """Where the control groups of a command are made. Blocks the first time.

        A group also finds what a command leaves behind that has killed its keeper. In a sandbox it
        cannot: there it sees no process but its own. `SandboxUnavailable` when a limit needs a
        group and none can be had.
        """
        wanted = {}
        if self._limits.memory_bytes is not None:
            wanted["memory"] = self._limits.memory_bytes
        if self._limits.processes is not None and _is_root():
            # The kernel does not count processes of root (`RLIMIT_NPROC` in setrlimit(2)).
            wanted["pids"] = self._limits.processes + (_OWN_PROCESSES if self._confined else 0)
        if not wanted and not self._confined:
            return list(cgroup.tracking())
        return cgroup.places(wanted)

    def command(
        self, argv: Sequence[str], temporary: str | None, environment: dict[str, str]
    ) -> list[str]:
        """Return what to start so that `argv` runs confined; `environment` may be added to.

        `temporary` is a folder to be removed after the run. Blocks the first time, while it finds
        out what the machine can do. Raises `SandboxUnavailable`.
        """
        limits = self._limits
        if not self.wants_launcher:
            return list(argv)
        writable = []
        if self._level == "workspace-write":
            assert temporary is not None
            # A folder on the way to what is protected is mounted, so that it cannot be moved away.
            writable = [self._root, *self._protected[:-1], os.path.realpath(temporary)]
            environment["TMPDIR"] = writable[-1]
        request: dict[str, Any] = {
            "confined": self._confined,
            "writable": writable,
            "protected": self._protected[-1:] if writable else (),
            "processes": None if _is_root() else limits.processes,
            "limits": {
                name: value
                for name, value in (
                    ("RLIMIT_CPU", limits.cpu_seconds),
                    ("RLIMIT_AS", limits.memory_bytes),
                    ("RLIMIT_FSIZE", limits.file_bytes),
                )
                if value is not None
            },
        }
        bwrap = _backend() if self._confined else None
        return [*_launcher(request, bwrap), *argv]


def _is_root() -> bool:
    return os.geteuid() == 0


def _is_in(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder


def _below(top: str, path: str) -> tuple[str, ...]:
    """The folders from `top`, without it, down to `path`, with it; empty when it is elsewhere."""
    if path == top or not _is_in(path, top):
        return ()
    return (*_below(top, os.path.dirname(path)), path)


def _launcher(request: dict[str, Any], bwrap: str | None) -> list[str]:
    namespaces = request["confined"] and bwrap is None
    request = {**request, "namespaces": namespaces, "program": archive.descriptor()}
    launch = [*archive.runner("launch"), json.dumps(request)]
    return launch if bwrap is None else [*_bwrap(bwrap, request), *launch]


def _bwrap(program: str, request: dict[str, Any]) -> list[str]:
    arguments = [program, "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    arguments += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    arguments += ["--remount-ro", "/proc"]  # where the memory of others could be written to
    for path in request["writable"]:
        arguments += ["--bind", path, path]
    for path in request["protected"]:
        arguments += ["--ro-bind", path, path]
    return [*arguments, "--"]


@functools.cache
def _backend() -> str | None:
    """The path of a `bwrap` that works, or None when the kernel is asked directly.

    `SandboxUnavailable` when neither gives a sandbox.
    """
    bwrap, reason = _bwrap_that_works()
    if bwrap is not None:
        return bwrap
    kernel = _why_no_kernel()
    if kernel is None:
        return None
    reasons = dict.fromkeys((reason, kernel))
    raise SandboxUnavailable(
        f"this machine cannot run commands in a sandbox: {'; '.join(reasons)}. "
        'Install bubblewrap, or choose sandbox="none"'
    )


def means() -> dict[str, str | None]:
    """The two means of a sandbox, each with the reason why this machine does not give it; None
    where it does. One is enough. Blocks."""
    bwrap, reason = _bwrap_that_works()
    return {"bubblewrap": None if bwrap else reason, "the kernel alone": _why_no_kernel()}


def _bwrap_that_works() -> tuple[str | None, str]:
    """Its path, or None and the reason."""
    bwrap = shutil.which("bwrap")
    if not seccomp.supported():
        return None, _no_filter()
    if bwrap is None:
        return None, "bwrap is not installed"
    reason = _trial(bwrap)
    return (bwrap, "") if reason is None else (None, f"bwrap does not work: {reason}")


def _why_no_kernel() -> str | None:
    if not seccomp.supported():
        return _no_filter()
    if landlock.abi() < landlock.MINIMUM_ABI:
        return f"the kernel has no Landlock of version {landlock.MINIMUM_ABI} or later"
    reason = _trial(None)
    return None if reason is None else f"the kernel gives no namespaces: {reason}"


def _no_filter() -> str:
    return f"there is no system call filter for {system.machine()}"


def _trial(bwrap: str | None) -> str | None:
    """Why a sandbox of this kind cannot be had; None when it can."""
    request = {"confined": True, "writable": (), "protected": (), "processes": None, "limits": {}}
    try:
        subprocess.run(
            [*_launcher(request, bwrap), "/bin/true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            pass_fds=archive.inherited(),
            timeout=_PROBE_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        return error.stderr.decode("utf-8", "replace").strip() or f"exit code {error.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None
