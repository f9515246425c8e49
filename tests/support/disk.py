"""A file system of its own for a test, that can be full or read-only."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.parts import in_ci

__all__ = ("Disk", "remount", "small_disk")

Disk = Callable[[str], Path]


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """`disk("size=512k")` mounts a file system at the folder, until the block ends."""

    def mount(options: str) -> Path:
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            reason = f"a file system of its own cannot be mounted (needs root): {done.stderr}"
            pytest.fail(reason) if in_ci() else pytest.skip(reason)
        return folder

    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)
