"""Files that several programs change: one at a time, and always as a whole."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ("alone", "replace")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only program that changes the file while the block lasts, from reading it on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The folder is locked, since the file is another one each time.
    number = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def replace(path: Path, text: str) -> None:
    """Write the file as a whole, or not at all. A link is followed, and its mode stays; a new one
    only the user may read."""
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    number, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
