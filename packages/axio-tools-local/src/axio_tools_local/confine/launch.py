"""Confine this process, then become the command: `python -I -S PROGRAM REQUEST COMMAND...`.

The program is this package as an archive in memory (`axio_tools_local.sandbox`), run with neither
the environment's nor the site's settings. Exit code 126 with a line on stderr: nothing was run.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

from axio_tools_local.confine import landlock, namespaces, seccomp, system

FAILED = 126
_SIGKILL = 9


def main(request: dict[str, Any], command: list[str]) -> None:
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
    os.execvp(command[0], command)


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


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]), sys.argv[2:])
    except (OSError, ValueError) as error:
        # The numbers of exec's own errors are those of a shell (sh(1)).
        sys.stderr.write(f"axio: cannot run {sys.argv[2]!r} in the sandbox: {error}\n")
        sys.stderr.flush()
        os._exit(FAILED)
