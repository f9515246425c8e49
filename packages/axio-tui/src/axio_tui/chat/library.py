"""`Library`: the conversations that are kept of a project, in one database of the user.

async with open_library(say=print) as library:
    session = ChatSession(agent, await library.store())
    await session.open()

A database that cannot be used does not stand in the way: it is said, and what is new is kept in
memory until the program ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import aiosqlite

from axio.context import SessionInfo
from axio_context_sqlite import (
    SQLiteContextStore,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    connect,
)
from axio_tui.chat.upkeep import Retention, tidy
from axio_tui.config.paths import database_file, own_folder
from axio_tui_guards.paths import resolve

__all__ = ("Library", "NoSuchSession", "database_file", "open_library")

_NAMED = 5  # conversations that an error names


class NoSuchSession(LookupError):
    """No conversation of the project is called so, or more than one."""


@asynccontextmanager
async def open_library(
    path: Path | None = None,
    project: str | os.PathLike[str] = ".",
    *,
    say: Callable[[str], object] = lambda notice: None,
    keep: bool = True,
    retention: Retention | None = None,
) -> AsyncIterator[Library]:
    """The library of a project, while the block lasts. `say` is told in one line if the database is
    not as it should be; without `keep` all is in memory, and nothing is read. With `retention`,
    what is older is forgotten once a day, in all projects."""
    folder, path = resolve(project), database_file() if path is None else path
    async with AsyncExitStack() as opened:
        problem = ""
        file: aiosqlite.Connection | None = None
        memory: aiosqlite.Connection | None = None
        try:
            if keep:
                file = await _opened(path, say)
                opened.push_async_callback(file.close)
                await _probe(file, folder)
                if retention is not None:
                    await tidy(file, path.parent, retention, say)
        except (StoreError, OSError) as error:
            told = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            where = "" if str(path) in told else f"{path}: "
            say(f"this conversation will not be kept: {where}{told}")
            keep = False
            # What is on a disk that is full, or may not be written, can still be read.
            if not isinstance(error, StoreFull | StoreReadOnly):
                file = None
            if file is None and _is_there(path):
                problem = f"the conversations that are kept cannot be read: {where}{told}"
        if file is None or not keep:
            memory = await connect(":memory:")
            opened.push_async_callback(memory.close)
        known = file or memory
        assert known is not None
        yield Library(known, folder, memory, problem)


class Library:
    """The conversations of the project `project`, which is a folder.

    Those of sub-agents are hidden. Methods that write may raise `SessionBusy` while another program
    has the conversation open.
    """

    def __init__(
        self,
        connection: aiosqlite.Connection,
        project: str,
        memory: aiosqlite.Connection | None = None,
        problem: str = "",
    ) -> None:
        self.project = project
        self.problem = problem
        """The reason why those that are kept cannot be read; "" where they can, or there are none.
        """
        self._connection = connection
        self._memory = memory

    @property
    def is_kept(self) -> bool:
        """True if what is said outlives the program."""
        return self._memory is None

    async def store(self, session_id: str | None = None) -> SQLiteContextStore:
        """The store of a conversation, for a `ChatSession`; a new one without an id.

        Where nothing can be kept it is a copy in memory.
        """
        if self._memory is None:
            return self._kept(session_id or os.urandom(16).hex())
        copy = self._kept(session_id or os.urandom(16).hex(), self._memory)
        if session_id is not None and self._memory is not self._connection:
            await copy.replace(await self._kept(session_id).get_history())
        return copy

    def _kept(
        self, session_id: str, connection: aiosqlite.Connection | None = None
    ) -> SQLiteContextStore:
        return SQLiteContextStore(connection or self._connection, session_id, self.project)

    async def sessions(self) -> list[SessionInfo]:
        """All conversations that have messages, newest first."""
        return await self._kept("").list_sessions()

    async def search(self, text: str) -> list[SessionInfo]:
        """Those whose name or first prompt holds the text, whatever the case."""
        return await self._kept("").search_sessions(text)

    async def last(self) -> str | None:
        """The id of the conversation to which something was added last; None without one."""
        return await self._kept("").latest_session()

    async def find(self, text: str) -> SessionInfo:
        """The conversation with this id or name, or whose id begins so.

        Raises:
            NoSuchSession: there is none, or it cannot be told which.
        """
        known = await self.sessions()
        names = [info for info in known if info.preview == text]
        for found in (
            [info for info in known if info.session_id == text],
            [info for info in names if await self.name(info.session_id) == text],
            [info for info in known if text and info.session_id.startswith(text)],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                which = ", ".join(info.session_id for info in found[:_NAMED])
                raise NoSuchSession(f"{text!r} may be any of these conversations: {which}")
        there_is = ", ".join(info.session_id for info in known[:_NAMED]) or "none"
        more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        raise NoSuchSession(f"no conversation {text!r} in this project; there is: {there_is}{more}")

    async def name(self, session_id: str) -> str | None:
        """The name that a person has given the conversation."""
        return await self._kept(session_id).name()

    async def rename(self, session_id: str, name: str | None) -> None:
        """Name a conversation; None takes the name away. Allowed while another has it open."""
        await self._kept(session_id).rename(name)

    async def delete(self, session_id: str) -> None:
        """Forget a conversation, those of its sub-agents and all that is kept with them."""
        await self._kept(session_id).delete()


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


# ── a database that may be broken ─────────────────────────────────────────────────────────────


async def _opened(path: Path, say: Callable[[str], object]) -> aiosqlite.Connection:
    """The database, or a new one in the place of one that is damaged, which is kept beside it."""
    own_folder(path.parent)
    try:
        return await connect(path)
    except StoreDamaged:
        async with _alone(path.parent):
            try:
                return await connect(path)  # another program may have mended it
            except StoreDamaged as error:
                aside = _move_aside(path)
                say(
                    f"{path} is damaged ({error.__cause__}): it is {aside} now, and a new one begun"
                )
                return await connect(path)


@asynccontextmanager
async def _alone(folder: Path) -> AsyncIterator[None]:
    """Do what other programs must not do at the same time."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        while not _is_locked(handle):  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _move_aside(path: Path) -> Path:
    """Rename the database with its log, which belongs to it; for its owner alone, as conversations
    are."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.broken-{now}")
    for end in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            os.rename(f"{path}{end}", f"{aside}{end}")
            with suppress(OSError):  # it belongs to another
                os.chmod(f"{aside}{end}", 0o600)
    return aside


async def _probe(connection: aiosqlite.Connection, project: str) -> None:
    """Write a word: that nothing can be kept is found now, and not with a prompt in hand."""
    shelf = SQLiteContextStore(connection, "", project).shelf
    await shelf.put("opened", {"at": datetime.now().astimezone().isoformat(timespec="seconds")})
