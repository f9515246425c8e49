"""`LocalWorkspace`: files and commands of this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from axio_tools_local import atomic, environment
from axio_tools_local.process import Process
from axio_tools_local.sandbox import Level, Limits, Sandbox
from axio_tools_local.workspace import Entry


class LocalWorkspace:
    """Relative paths start at `root`, which is by default the current directory.

    Absolute paths and `..` lead anywhere. `~` is an ordinary name, so that a guard and a tool
    cannot take one path for two different files.

    `sandbox` says what commands and writes may do (`axio_tools_local.sandbox`), `limits` what a
    command may use up. `SandboxUnavailable` when this machine cannot give them: nothing runs then.

    `pass_variables` names what commands get of this program's environment although it looks like a
    credential (`axio_tools_local.environment`); None means what `AXIO_PASS_VARIABLES` lists.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        sandbox: Level = "none",
        limits: Limits | None = None,
        pass_variables: Iterable[str] | None = None,
    ) -> None:
        if isinstance(pass_variables, str):
            raise TypeError(f"pass_variables is a list of names, got the text {pass_variables!r}")
        self.root = _from_here(os.curdir if root is None else root)
        self._sandbox = Sandbox(sandbox, self.root, limits or Limits())
        self._passed = None if pass_variables is None else frozenset(pass_variables)

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
        if not argv or not argv[0]:
            raise ValueError("no program is named: a command has at least one argument")
        sandbox = self._sandbox
        async with AsyncExitStack() as stack:
            temporary = None
            if script is not None or sandbox.wants_temporary:
                temporary = tempfile.mkdtemp(prefix="axio-")
                stack.push_async_callback(asyncio.to_thread, shutil.rmtree, temporary, True)
            path = None
            if temporary is not None and script is not None:
                path = _put_script(temporary, script)
                argv = (*argv, path)
            passed = environment.passed_by_default() if self._passed is None else self._passed
            variables = environment.for_command(os.environ, passed)
            command = await asyncio.to_thread(sandbox.command, argv, temporary, variables)
            process = Process(
                command,
                cwd=self._absolute(cwd),
                stdin=stdin,
                timeout=timeout,
                environment=variables,
                places=await asyncio.to_thread(sandbox.places),
                launcher=sandbox.wants_launcher,
                script=path,
                temporary=temporary,
            )
            yield await stack.enter_async_context(process)

    async def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        return await asyncio.to_thread(_read, self._absolute(path), offset, size)

    async def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        check = self._sandbox.check
        await asyncio.to_thread(atomic.replace, self._absolute(path), data, mode, check)

    async def real(self, path: str) -> str:
        """Where a path leads, with all symbolic links followed."""
        return await asyncio.to_thread(os.path.realpath, self._absolute(path))

    async def remove(self, path: str) -> None:
        await asyncio.to_thread(atomic.remove, self._absolute(path), self._sandbox.check)

    async def stat(self, path: str) -> Entry:
        return await asyncio.to_thread(_stat, self._absolute(path), os.path.basename(path))

    async def list(self, path: str) -> list[Entry]:
        return await asyncio.to_thread(_list, self._absolute(path))

    def _absolute(self, path: str) -> str:
        return os.path.join(self.root, path)


def _from_here(path: str | os.PathLike[str]) -> str:
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise FileNotFoundError("the current directory was removed") from error


def _put_script(folder: str, text: str) -> str:
    path = os.path.join(folder, "script.py")
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
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
            return file.read(size) or b""  # None where a file of the kernel has nothing to say
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
