"""The control groups of one command: made before it starts, emptied and removed after its end.

`axio_tools_local.cgroup` finds out where groups can be had and what goes into their files.
"""

from __future__ import annotations

import os
import signal
import time

_SECONDS = 1.0
_PAUSE_SECONDS = 0.005


def make(places: list[tuple[str, list[tuple[str, str, bool]]]], name: str) -> list[str]:
    """A new group in each place, with its settings: file, value, and False for one that may lack.

    `OSError` when a place with settings does not take one; then there is none.
    """
    groups: list[str] = []
    try:
        for place, settings in places:
            group = os.path.join(place, name)
            try:
                os.mkdir(group)
            except OSError:
                if settings:
                    raise
                continue
            groups.append(group)
            for file, value, needed in settings:
                try:
                    _write(group, file, value)
                except OSError:
                    if needed:
                        raise
    except OSError:
        end(groups)
        raise
    return groups


def enter(groups: list[str]) -> None:
    """Move this process into the groups, with all that it will start."""
    for group in groups:
        _write(group, "cgroup.procs", "0")


def end(groups: list[str], seconds: float | None = None) -> None:
    """Kill what the groups list, and remove them. What cannot be removed in time stays."""
    deadline = time.monotonic() + (_SECONDS if seconds is None else seconds)
    for group in groups:
        while not _is_removed(group) and time.monotonic() < deadline:
            _kill(group)
            time.sleep(_PAUSE_SECONDS)


def _is_removed(group: str) -> bool:
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _kill(group: str) -> None:
    try:
        with open(os.path.join(group, "cgroup.procs")) as file:
            members = file.read().split()
    except OSError:
        return
    for member in members:
        if int(member) <= 0:  # of another namespace; to kill(2) it would be the caller's own group
            continue
        try:
            os.kill(int(member), signal.SIGKILL)
        except OSError:
            continue


def _write(group: str, file: str, value: str) -> None:
    # Not created: what is no control file has no effect.
    descriptor = os.open(os.path.join(group, file), os.O_WRONLY)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
