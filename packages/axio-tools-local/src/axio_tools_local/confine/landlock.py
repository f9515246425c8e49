"""No change outside of some folders (landlock(7)).

Landlock looks at opening, creating, linking, moving, removing and truncating, not at the change of
permissions, owners and times; for those the mounts are read-only (`namespaces`). Reading is free.
A confined process can neither trace nor, from ABI 6 on, signal one that is not.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from axio_tools_local.confine import system

MINIMUM_ABI = 2
"""Below that files could not be moved from one folder to another, not even inside the workspace."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

# LANDLOCK_ACCESS_FS_*: all but EXECUTE (bit 0), READ_FILE (2) and READ_DIR (3).
_WRITE_FILE = 1 << 1
_CHANGES = {
    2: _WRITE_FILE | 0x3FF0,  # REMOVE_*, MAKE_*, REFER
    3: 1 << 14,  # TRUNCATE
    5: 1 << 15,  # IOCTL_DEV
}
_ON_DEVICES = _WRITE_FILE | 1 << 14 | 1 << 15
_SCOPES = 0b11  # ABI 6: abstract sockets and signals stay among the confined

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def abi() -> int:
    """The version of Landlock that this kernel has; 0 without it."""
    try:
        return system.syscall(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def apply(writable: Iterable[str]) -> None:
    """Confine this process, and all that it starts, to changes below `writable`."""
    version = abi()
    handled = sum(bits for since, bits in _CHANGES.items() if version >= since)
    attributes = struct.pack("=QQQ", handled, 0, _SCOPES if version >= 6 else 0)
    ruleset = system.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in writable:
            _allow(ruleset, path, handled)
        for path in _DEVICES:
            _allow(ruleset, path, handled & _ON_DEVICES)
        system.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, folder))
        system.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(folder)
