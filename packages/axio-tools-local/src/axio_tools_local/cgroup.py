"""Where this machine gives control groups that bound a command (cgroups(7)).

The groups themselves are made, and removed, by the keeper of the command
(`axio_tools_local.confine.group`).
"""

from __future__ import annotations

import functools
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TypeAlias

from axio_tools_local.confine import group

Place: TypeAlias = tuple[str, list[tuple[str, str, bool]]]
"""A folder in which to make a group, and the group's settings (see `group.make`)."""

_ROOT = "/sys/fs/cgroup"
_LIMITS = {"memory": "memory_bytes", "pids": "processes"}
_TRIAL = {"memory": 1 << 28, "pids": 16}


class SandboxUnavailable(RuntimeError):
    """This machine cannot give the level or the limit that was asked for."""


def places(limits: Mapping[str, int]) -> list[Place]:
    """Where to make groups that hold a command to limits, by controller: `memory`, `pids`.

    Blocks the first time, while it finds out. `SandboxUnavailable` names what cannot be had.
    """
    if not limits:
        return []
    parent = _parent(2, tuple(limits))
    if parent is not None:  # there a process is in one group only
        return [(parent, [s for name in limits for s in _settings(2, name, limits[name])])]
    found = {name: _parent(1, (name,)) for name in limits}
    missing = [name for name, parent in found.items() if parent is None]
    if missing:
        raise SandboxUnavailable(
            f"{' and '.join(_LIMITS[name] for name in missing)} cannot be held to here: that needs "
            f"a control group ({', '.join(missing)} in {_ROOT}), and none can be made"
        )
    return [(parent, _settings(1, name, limits[name])) for name, parent in found.items() if parent]


@functools.cache
def tracking() -> tuple[Place, ...]:
    """Where to make a group that bounds nothing, and only lists what a command has started.

    Empty where the machine gives none. Blocks the first time, while it finds out.
    """
    with suppress(FileNotFoundError):  # another system
        for version, controller in ((2, ""), (1, "pids"), (1, "freezer")):
            for parent in _candidates(version, controller):
                if _takes((parent, [])):
                    return ((parent, []),)
    return ()


def _settings(version: int, controller: str, value: int) -> list[tuple[str, str, bool]]:
    """The files to write. What the kernel may lack only makes the limit stricter."""
    if controller == "pids":
        return [("pids.max", str(value), True)]
    if version == 1:
        files = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        return [(files[0], str(value), True), (files[1], str(value), False)]
    return [
        ("memory.max", str(value), True),
        ("memory.swap.max", "0", False),
        ("memory.oom.group", "1", False),
    ]


@functools.cache
def _parent(version: int, controllers: tuple[str, ...]) -> str | None:
    """The nearest folder above, or of, this process's own group that takes such a group."""
    settings = [s for name in controllers for s in _settings(version, name, _TRIAL[name])]
    for parent in _candidates(version, controllers[0]):
        if version == 2:
            with suppress(OSError), open(f"{parent}/cgroup.subtree_control", "w") as file:
                file.write(" ".join(f"+{name}" for name in controllers))
        if _takes((parent, settings)):
            return parent
    return None


def _candidates(version: int, controller: str) -> Iterator[str]:
    hierarchies = (controller,) if version == 1 else ("", "unified")
    own = _own_group(controller if version == 1 else "")
    for hierarchy in hierarchies:
        top = os.path.join(_ROOT, hierarchy).rstrip("/")
        folder = os.path.normpath(f"{top}/{own}")
        while folder.startswith(top):
            if os.path.isdir(folder):
                yield folder
            folder = os.path.dirname(folder)


def _own_group(controller: str) -> str:
    """The path of this process's group in the hierarchy of a controller; `""` is version 2."""
    with open("/proc/self/cgroup") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    return next((path for _, names, path in lines if controller in names.split(",")), "/")


def _takes(place: Place) -> bool:
    """True if a group can be made there and a process can enter it."""
    try:
        made = group.make([place], f"axio-{secrets.token_hex(8)}")
    except OSError:
        return False
    try:
        # Without the first test an ordinary folder would take it too.
        enter = ["/bin/sh", "-c", 'test -e "$0/cgroup.procs" && echo 0 > "$0/cgroup.procs"', *made]
        return subprocess.run(enter, capture_output=True).returncode == 0
    finally:
        group.end(made)
