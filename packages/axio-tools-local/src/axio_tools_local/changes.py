"""Changes that the tools made in a session: each can be shown as a diff and undone.

    for change in changes_of(store):
        print(change.diff())
    await changes_of(store).undo()

The journal lives as long as the store object of the session, in memory. Sub-agents write into the
journal of the run that called them. A file larger than `MAX_FILE_BYTES` is not kept, and of one
session not more than `MAX_BYTES`: beyond that the oldest changes are forgotten. What commands
change (`shell`, `run_python`) is not here.
"""

from __future__ import annotations

import asyncio
import difflib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from axio.context import ContextStore
from axio.run import RUN, Run
from axio.semaphore import Semaphore
from axio_tools_local.workspace import Workspace

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
MAX_CHANGED_BYTES = 64 * 1024 * 1024
"""Of a larger file no part is changed: old and new content are in memory at the same time."""
_MAX_SHOWN = 200_000  # bytes of a file whose diff is shown while the call runs

ONE_AT_A_TIME = Semaphore(1)
"""Held from reading a file to writing it, so that parallel calls do not undo each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One file, before and after one call."""

    workspace: Workspace
    path: str
    before: bytes | None
    """None when there was no file."""
    after: bytes
    mode: int | None
    """The permission bits before."""
    call_id: str | None

    def diff(self) -> str:
        """A unified diff; one line when the file is not text."""
        if b"\0" in self.after or b"\0" in (self.before or b""):
            return f"Binary file {self.path} changed\n"
        old = (self.before or b"").decode("utf-8", "replace").splitlines(keepends=True)
        new = self.after.decode("utf-8", "replace").splitlines(keepends=True)
        name = "/dev/null" if self.before is None else self.path
        lines = difflib.unified_diff(old, new, name, self.path)
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )

    async def undo(self) -> None:
        """Put the file back; `ValueError` when it is not as the call had left it."""
        async with ONE_AT_A_TIME:
            try:
                # No more than tells whether it is one of the two.
                now = await self.workspace.read(self.path, 0, self._size + 1)
            except FileNotFoundError:
                now = None
            if now == self.before:
                return
            if now != self.after:
                raise ValueError(f"{self.path} was changed again; nothing was undone")
            if self.before is None:
                await self.workspace.remove(self.path)
            else:
                await self.workspace.write(self.path, self.before, self.mode)

    @property
    def _size(self) -> int:
        return len(self.after) + len(self.before or b"")


class Changes:
    """The changes of one session, oldest first."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()
        self._size = 0

    def __iter__(self) -> Iterator[Change]:
        return iter(tuple(self._changes))

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: Change) -> None:
        self._changes.append(change)
        self._size += change._size
        while self._size > MAX_BYTES:
            self._size -= self._changes.popleft()._size

    def discard(self, change: Change) -> None:
        if change in self._changes:
            self._changes.remove(change)
            self._size -= change._size

    async def undo(self, call_id: str | None = None) -> list[Change]:
        """Undo the newest change, or all those of one call, newest first; they are forgotten.

        `LookupError` when there is none.
        """
        found = [c for c in reversed(self._changes) if call_id is None or c.call_id == call_id]
        if not found:
            raise LookupError("there is no change to undo")
        undone = found if call_id is not None else found[:1]
        for change in undone:
            await change.undo()
            self.discard(change)
        return undone


_journals: WeakKeyDictionary[ContextStore, Changes] = WeakKeyDictionary()


def changes_of(store: ContextStore) -> Changes:
    """The journal of the session that `store` holds."""
    return _journals.setdefault(store, Changes())


async def content_before(workspace: Workspace, path: str) -> bytes | None:
    """Return what a file holds, cut where it is too large to be kept; None without a file."""
    try:
        return await workspace.read(path, 0, MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None


async def content_to_change(workspace: Workspace, path: str) -> bytes:
    """The whole of an existing file; `ValueError` when it is larger than `MAX_CHANGED_BYTES`."""
    size = (await workspace.stat(path)).size
    if size <= MAX_CHANGED_BYTES:
        data = await workspace.read(path, 0, MAX_CHANGED_BYTES + 1)
        size = len(data)  # it may grow, and files of the kernel have no size
    if size > MAX_CHANGED_BYTES:
        raise ValueError(
            f"{path} has {size} bytes, the limit for a change is {MAX_CHANGED_BYTES}; nothing was "
            "changed. A command such as sed can do it"
        )
    return data


async def write_recorded(
    workspace: Workspace, path: str, before: bytes | None, after: bytes, mode: int | None
) -> None:
    """Write a file, put its before-image into the session and show the diff."""
    run = RUN.get(None)
    if run is None or max(len(before or b""), len(after)) > MAX_FILE_BYTES:
        await workspace.write(path, after, mode)
        return
    old_mode = None if before is None else (await workspace.stat(path)).mode & 0o7777
    change = Change(workspace, path, before, after, old_mode, run.call_id)
    journal = changes_of(_outermost(run).store)
    journal.add(change)  # first: a cancelled call may still get its writing done
    try:
        await workspace.write(path, after, mode)
    except OSError:
        journal.discard(change)
        raise
    if run.call_id is not None and change._size <= _MAX_SHOWN and before != after:
        run.progress(await asyncio.to_thread(change.diff), key="diff")


def _outermost(run: Run) -> Run:
    while run.parent is not None:
        run = run.parent
    return run
