"""Files that several programs change: one at a time, and always as a whole."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Write the file as a whole; only the user may read it."""
    number, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)
