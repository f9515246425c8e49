"""Changes that the tools made in a session: each can be shown as a diff and undone.

    for change in changes_of(store):
        print(change.diff())
    await changes_of(store).undo()

A store that has `changes` keeps them, and `Changes.load` reads them after a restart; others have
them in memory, as long as the store object lives. Sub-agents write into the journal of the run that
called them. A file larger than `MAX_FILE_BYTES` is not kept, and of one session not more than
`MAX_BYTES`: beyond that the oldest changes are forgotten. What commands change (`shell`,
`run_python`) is not here.
"""

from __future__ import annotations

import asyncio
import difflib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from axio.context import ContextStore
from axio.run import RUN, Run
from axio.semaphore import Semaphore
from axio.types import JSONObject
from axio_tools_local.workspace import Workspace

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
MAX_CHANGED_BYTES = 64 * 1024 * 1024
"""Of a larger file no part is changed: old and new content are in memory at the same time."""
_MAX_SHOWN = 200_000  # bytes of a file whose diff is shown while the call runs

ONE_AT_A_TIME = Semaphore(1)
"""Held from reading a file to writing it, so that parallel calls do not undo each other."""


_EXPECTED: ContextVar[tuple[str | None, Sequence[Change]] | None] = ContextVar(
    "axio_tools_local.EXPECTED", default=None
)
"""The call that is under way, and the changes that a person has agreed to for it."""


def expect(changes: Sequence[Change]) -> None:
    """Let the call that is under way make one of these changes, or none. For a guard of it."""
    _EXPECTED.set((_call_id(), tuple(changes)))


def _take_expected() -> Sequence[Change] | None:
    """The changes that are expected now: none more after this one; None if all are."""
    expected = _EXPECTED.get()
    if expected is None or expected[0] != _call_id():  # that of a call around this one
        return None
    _EXPECTED.set(None)
    return expected[1]


def _call_id() -> str | None:
    run = RUN.get(None)
    return None if run is None else run.call_id


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
    new_mode: int | None = None
    """The permission bits that the call sets, if it does."""
    real: str = ""
    """Where `path` leads, if the workspace can tell."""
    at: int = 0
    """The number of messages that the session had."""
    id: int = 0
    """The number under which the store keeps it."""

    def is_same(self, other: Change) -> bool:
        """True if it makes the same of the same file."""
        return (self.real, self.path, self.before, self.after, self.mode, self.new_mode) == (
            *(other.real, other.path, other.before, other.after),
            *(other.mode, other.new_mode),
        )

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

    def to_dict(self) -> JSONObject:
        """All of it but the contents and the workspace, as JSON-able data."""
        names = ("path", "mode", "call_id", "new_mode", "real", "at")
        return {name: getattr(self, name) for name in names}

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


@runtime_checkable
class Kept(Protocol):
    """Changes of one session, kept by a store; the contents each once, however often they occur."""

    async def add(
        self, data: JSONObject, before: bytes | None, after: bytes, most: int
    ) -> tuple[int, list[int]]:
        """Keep a change. Returns its number and those of the oldest, which are forgotten so that
        there are at most `most` bytes."""

    async def remove(self, *ids: int) -> None:
        """Forget changes."""

    async def load(self) -> list[tuple[int, JSONObject, bytes | None, bytes]]:
        """All changes, oldest first."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The outcome of undoing several changes: files that are as before, and files that were left
    because they were changed by others since."""

    files: list[str]
    left: list[str]


class Changes:
    """The changes of one session, oldest first."""

    def __init__(self, kept: Kept | None = None) -> None:
        self._changes: deque[Change] = deque()
        self._size = 0
        self._kept = kept

    def __iter__(self) -> Iterator[Change]:
        return iter(tuple(self._changes))

    def __len__(self) -> int:
        return len(self._changes)

    async def load(self, workspace: Workspace) -> None:
        """Read what the store has kept of files in `workspace`."""
        if self._kept is None:
            return
        self._changes.clear()
        self._size = 0
        for id, data, before, after in await self._kept.load():
            self.add(Change(workspace, before=before, after=after, id=id, **data))

    def add(self, change: Change) -> None:
        self._changes.append(change)
        self._size += change._size
        while self._size > MAX_BYTES:
            self._size -= self._changes.popleft()._size

    def discard(self, change: Change) -> None:
        if change in self._changes:
            self._changes.remove(change)
            self._size -= change._size

    async def record(self, change: Change) -> Change:
        """Add a change and keep it; the change with its number."""
        if self._kept is not None:
            id, gone = await self._kept.add(
                change.to_dict(), change.before, change.after, MAX_BYTES
            )
            change = replace(change, id=id)
            for old in [old for old in self._changes if old.id in gone]:
                self.discard(old)
        self.add(change)
        return change

    async def forget(self, change: Change) -> None:
        """Remove a change, also from where it is kept."""
        self.discard(change)
        if self._kept is not None:
            await self._kept.remove(change.id)

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
            await self.forget(change)
        return undone

    async def undo_since(self, at: int) -> Undone:
        """Undo, newest first, what was changed when the session had more than `at` messages.

        A file that was changed by others since is left as it is, and its changes are kept.
        """
        undone: dict[str, str] = {}
        left: dict[str, str] = {}
        for change in self._since(at):
            file = change.real or change.path
            if file in left:
                continue
            try:
                await change.undo()
            except (ValueError, OSError):
                left[file] = undone.pop(file, change.path)
            else:
                undone[file] = change.path
                await self.forget(change)
        return Undone(list(undone.values()), list(left.values()))

    async def forget_since(self, at: int) -> None:
        """Let stand what was changed when the session had more than `at` messages."""
        for change in self._since(at):
            await self.forget(change)

    def _since(self, at: int) -> list[Change]:
        return [change for change in reversed(self._changes) if change.at > at]


_journals: WeakKeyDictionary[ContextStore, Changes] = WeakKeyDictionary()


def changes_of(store: ContextStore) -> Changes:
    """The journal of the session that `store` holds."""
    known = _journals.get(store)
    if known is None:
        kept = getattr(store, "changes", None)
        known = Changes(kept if isinstance(kept, Kept) else None)
        _journals[store] = known
    return known


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


async def planned(
    workspace: Workspace, path: str, before: bytes | None, after: bytes, mode: int | None
) -> Change:
    """The change that would make `after` of a file; nothing is changed yet."""
    old_mode = None if before is None else (await workspace.stat(path)).mode & 0o7777
    find: Callable[[str], Awaitable[str]] | None = getattr(workspace, "real", None)
    real = "" if find is None else await find(path)
    return Change(workspace, path, before, after, old_mode, _call_id(), mode, real)


async def write_recorded(change: Change) -> None:
    """Make a change, put it into the journal of the session and show the diff.

    `ValueError` when a person has agreed to other changes: nothing is changed then.
    """
    expected = _take_expected()
    if expected is not None and not any(change.is_same(one) for one in expected):
        raise ValueError(
            f"{change.path} is not as it was when the change was shown; nothing was changed. Read "
            "it again"
        )
    # The place that was looked at, even if a link leads elsewhere by now.
    path = change.path if expected is None else change.real or change.path
    workspace, run = change.workspace, RUN.get(None)
    if run is None or max(len(change.before or b""), len(change.after)) > MAX_FILE_BYTES:
        await workspace.write(path, change.after, change.new_mode)
        return
    store = _outermost(run).store
    journal = changes_of(store)
    # First: a cancelled call may still get its writing done.
    change = await journal.record(replace(change, at=len(await store.get_history())))
    try:
        await workspace.write(path, change.after, change.new_mode)
    except OSError:
        await journal.forget(change)
        raise
    if run.call_id is not None and change._size <= _MAX_SHOWN and change.before != change.after:
        run.progress(await asyncio.to_thread(change.diff), key="diff")


def _outermost(run: Run) -> Run:
    while run.parent is not None:
        run = run.parent
    return run
