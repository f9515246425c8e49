"""`Workspace`: the place where the tools work, as they see it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = ["Entry", "Output", "Running", "Workspace"]


class Output(NamedTuple):
    """A piece of what a command wrote, as it came: not cut at lines or characters."""

    stream: str
    """`"stdout"` or `"stderr"`."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or anything else that has a name. Symbolic links are followed."""

    name: str
    mode: int
    """Kind and permission bits, as `os.stat` has them."""
    size: int
    modified: float
    """Seconds since 1970."""
    broken: bool = False
    """A symbolic link that leads nowhere; the other fields are those of the link."""

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


class Running(Protocol):
    """A command that was started. Iterating it ends when the command and its output have ended."""

    def __aiter__(self) -> AsyncIterator[Output]: ...

    @property
    def exit_code(self) -> int | None:
        """None while it runs and when it had to be killed.

        If a signal ended the command itself: minus its number, or 128 and its number where a place
        cannot tell that from an exit code, as a sandbox.
        """

    @property
    def timed_out(self) -> bool: ...

    @property
    def script(self) -> str | None:
        """Where the script lies, a place that may be another one each time."""


@runtime_checkable
class Workspace(Protocol):
    """Commands and files of one place: this machine, a sandbox, a container.

    Paths are text; relative ones start at the workspace's own folder. A failure raises the
    `OSError` that this machine would (`FileNotFoundError`, `PermissionError`, ...).
    """

    @property
    def python(self) -> str:
        """The command that starts a Python interpreter here."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = ".",
        stdin: bytes | None = None,
        timeout: float | None = None,
        script: str | None = None,
    ) -> AbstractAsyncContextManager[Running]:
        """Start `argv` on entering; on leaving, end it and everything that it started.

        Without `stdin` the command reads nothing. After `timeout` seconds it is ended. A `script`
        is put into a file `*.py`, whose path is added to `argv`, and which is removed at the end.
        """

    async def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        """At most `size` bytes (all, when negative) of a file from `offset` on."""

    async def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        """Replace the file's content in one step, or create the file and its folders.

        `mode` is set exactly; without it a new file gets 0644 and an existing one keeps its own.
        """

    async def remove(self, path: str) -> None:
        """Remove a file."""

    async def stat(self, path: str) -> Entry:
        """Describe the file or folder that `path` leads to."""

    async def list(self, path: str) -> list[Entry]:
        """Describe all that a folder holds, in any order, without `.` and `..`."""
