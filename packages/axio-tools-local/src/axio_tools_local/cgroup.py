"""A control group that bounds the number of processes (cgroups(7), controller `pids`)."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

_HIERARCHIES = ("/sys/fs/cgroup/pids", "/sys/fs/cgroup")  # version 1, version 2
_SECONDS = 1
_PAUSE_SECONDS = 0.01


class SandboxUnavailable(RuntimeError):
    """This machine cannot give the level or the limit that was asked for."""


def make(processes: int) -> str:
    """A new group, to be removed with `remove`."""
    for hierarchy in _HIERARCHIES:
        group = Path(hierarchy, f"axio-{secrets.token_hex(8)}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / "pids.max").write_text(str(processes))
        except OSError:
            group.rmdir()
            continue
        return str(group)
    raise SandboxUnavailable(
        "the limit on processes does not bind root, for whom it needs a control group "
        "(pids in /sys/fs/cgroup), and none can be made here; run as another user"
    )


def joined(group: str, argv: list[str]) -> list[str]:
    """A command that enters the group and becomes `argv`."""
    return ["/bin/sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec "$@"', group, *argv]


def remove(group: str) -> None:
    """Remove a group whose processes were killed; waits until they are gone."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return os.rmdir(group)
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
