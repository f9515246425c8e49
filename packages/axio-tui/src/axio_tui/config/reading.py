"""Files that others may have put there: read without waiting, and never more than is wanted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ("read_at_most",)


def read_at_most(path: str | os.PathLike[str], limit: int) -> tuple[bytes, int]:
    """The first `limit` bytes of a regular file, and the size of all of it.

    A pipe, a device and a folder are `OSError`s, so that none of them is waited for.
    """
    # Without O_NONBLOCK opening a named pipe would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "no regular file", str(Path(path)))
        data = file.read(limit + 1)
        return data[:limit], max(status.st_size, len(data))
