"""`LocalWorkspace`: files and commands of this machine."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from axio_tools_local.process import Process
from axio_tools_local.workspace import Entry


class LocalWorkspace:
    """Relative paths start at `root`, or at the current directory at the time of each call.

    Absolute paths and `..` lead anywhere. `~` is an ordinary name, so that a guard and a tool
    cannot take one path for two different files.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = None if root is None else os.path.abspath(root)

    @property
    def python(self) -> str:
        return sys.executable

    def absolute(self, path: str) -> str:
        return os.path.join(self.root or os.getcwd(), path)

    @asynccontextmanager
    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = ".",
        stdin: bytes | None = None,
        timeout: float | None = None,
        script: str | None = None,
    ) -> AsyncIterator[Process]:
        async with Process(argv, cwd=self.absolute(cwd), stdin=stdin, timeout=timeout) as process:
            yield process

    async def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        return await asyncio.to_thread(_read, self.absolute(path), offset, size)

    async def stat(self, path: str) -> Entry:
        return await asyncio.to_thread(_stat, self.absolute(path), os.path.basename(path))

    async def list(self, path: str) -> list[Entry]:
        return await asyncio.to_thread(_list, self.absolute(path))


def _read(path: str, offset: int, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def _stat(path: str, name: str) -> Entry:
    broken = False
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        facts = os.lstat(path)
        broken = stat.S_ISLNK(facts.st_mode)
    return Entry(name, facts.st_mode, facts.st_size, facts.st_mtime, broken)


def _list(path: str) -> list[Entry]:
    return [_stat(os.path.join(path, name), name) for name in os.listdir(path)]
