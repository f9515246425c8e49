"""`LocalWorkspace`: files and commands of this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from axio_tools_local import atomic, cgroup
from axio_tools_local.process import Process
from axio_tools_local.sandbox import Level, Limits, Sandbox, program_descriptors
from axio_tools_local.workspace import Entry


class LocalWorkspace:
    """Relative paths start at `root`, which is by default the current directory.

    Absolute paths and `..` lead anywhere. `~` is an ordinary name, so that a guard and a tool
    cannot take one path for two different files.

    `sandbox` says what commands and writes may do (`axio_tools_local.sandbox`), `limits` what a
    command may use up. `SandboxUnavailable` when this machine cannot give them: nothing runs then.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        sandbox: Level = "none",
        limits: Limits | None = None,
    ) -> None:
        self.root = os.path.abspath(os.getcwd() if root is None else root)
        self._sandbox = Sandbox(sandbox, self.root, limits or Limits())

    @property
    def python(self) -> str:
        return sys.executable

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
        sandbox = self._sandbox
        async with AsyncExitStack() as stack:
            temporary = None
            if script is not None or sandbox.wants_temporary:
                temporary = tempfile.mkdtemp(prefix="axio-")
                stack.push_async_callback(asyncio.to_thread, shutil.rmtree, temporary, True)
            if script is not None:
                argv = (*argv, _put_script(temporary, script))
            command, environment = await asyncio.to_thread(sandbox.command, argv, temporary)
            if (limit := sandbox.cgroup_limit) is not None:
                group = cgroup.make(limit)
                stack.push_async_callback(asyncio.to_thread, cgroup.remove, group)
                command = cgroup.joined(group, command)
            process = Process(
                command,
                cwd=self._absolute(cwd),
                stdin=stdin,
                timeout=timeout,
                environment=environment,
                descriptors=program_descriptors(),
            )
            yield await stack.enter_async_context(process)

    async def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        return await asyncio.to_thread(_read, self._absolute(path), offset, size)

    async def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        check = self._sandbox.check
        await asyncio.to_thread(atomic.replace, self._absolute(path), data, mode, check)

    async def remove(self, path: str) -> None:
        await asyncio.to_thread(atomic.remove, self._absolute(path), self._sandbox.check)

    async def stat(self, path: str) -> Entry:
        return await asyncio.to_thread(_stat, self._absolute(path), os.path.basename(path))

    async def list(self, path: str) -> list[Entry]:
        return await asyncio.to_thread(_list, self._absolute(path))

    def _absolute(self, path: str) -> str:
        return os.path.join(self.root, path)


def _put_script(folder: str | None, text: str) -> str:
    assert folder is not None
    path = os.path.join(folder, "script.py")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def _read(path: str, offset: int, size: int) -> bytes:
    # Not blocking, so that a named pipe is refused instead of waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(f"{path} is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(offset)
            return file.read(size)
    finally:
        os.close(descriptor)


def _stat(path: str, name: str) -> Entry:
    broken = False
    try:
        facts = os.stat(path)
    except OSError:
        facts = os.lstat(path)
        broken = stat.S_ISLNK(facts.st_mode)
    return Entry(name, facts.st_mode, facts.st_size, facts.st_mtime, broken)


def _list(path: str) -> list[Entry]:
    entries = []
    for name in os.listdir(path):
        try:
            entries.append(_stat(os.path.join(path, name), name))
        except FileNotFoundError:  # removed meanwhile
            continue
    return entries
