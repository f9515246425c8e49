"""Whose program listens at a port of this machine, as Linux tells it (proc_net(5))."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ("is_ours", "owners_of")

_LISTENING = "0A"
# Addresses at which a connection to 127.0.0.1 may be taken, as the kernel writes them.
_V4 = ("0100007F", "00000000")
_V6 = ("0" * 32, "0000000000000000FFFF00000100007F", "0000000000000000FFFF000000000000")


def owners_of(port: int, tables: Path = Path("/proc/net")) -> set[int]:
    """The users whose sockets may take a connection to 127.0.0.1; empty where that is not told."""
    found = set()
    for name, addresses in (("tcp", _V4), ("tcp6", _V6)):
        with suppress(OSError, ValueError, IndexError):
            for line in (tables / name).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].partition(":")
                if fields[3] == _LISTENING and int(number, 16) == port and address in addresses:
                    found.add(int(fields[7]))
    return found


def is_ours(port: int, tables: Path = Path("/proc/net")) -> bool:
    """True if only this user, or root, listens there. What is not told is not ours."""
    owners = owners_of(port, tables)
    return bool(owners) and owners <= {os.getuid(), 0}
