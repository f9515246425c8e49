"""Confine this process, then become the command: `REQUEST COMMAND...`."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from axio_tools_local.confine import landlock, namespaces, seccomp, system

_SIGKILL = 9


def main(arguments: list[str]) -> None:
    try:
        _launch(json.loads(arguments[0]), arguments[1:])
    except (OSError, ValueError) as error:
        system.fail(arguments[1], error)


def _launch(request: dict[str, Any], command: list[str]) -> None:
    """`request` is what `axio_tools_local.sandbox.Sandbox` writes."""
    os.set_inheritable(request["program"], False)
    system.die_with_parent(_SIGKILL)
    if request["confined"]:
        writable = request["writable"]
        if request["namespaces"]:
            cwd = os.getcwd()
            namespaces.enter(writable, request["protected"])
            os.chdir(cwd)  # the same folder by its new mount
        system.drop_capabilities()
        system.no_new_privileges()
        if landlock.abi() >= landlock.MINIMUM_ABI:
            shared_memory = ["/dev/shm"] if writable and os.path.isdir("/dev/shm") else []
            landlock.apply([*writable, *shared_memory])
        seccomp.apply()
        if request["namespaces"]:
            namespaces.run_as_child()
    _limit(request["limits"], request["processes"])
    system.become(command)


def _limit(limits: dict[str, int], processes: int | None) -> None:
    """Set resource limits, `{"RLIMIT_CPU": seconds, ...}`, of which no process can rid itself."""
    import resource

    if processes is not None:
        # The kernel counts all of the user's; those that are there already shall not count.
        limits = {**limits, "RLIMIT_NPROC": _threads_of_user() + processes}
    for name, value in limits.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _threads_of_user() -> int:
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{name}/task"))
    return count - 1  # this one becomes the command
