"""Parts that a store needs for durable work: `axio.durable` in the core names them one by one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol

from axio.context import ContextStore
from axio.durable import Inbox, LiveTail, Work

__all__ = ("Database", "DurableStore", "as_store")


class DurableStore(Protocol):
    """A context store with an inbox, a live tail and the standing of its work.

    `SQLiteContextStore` and `PostgresContextStore` are such.
    """

    @property
    def session_id(self) -> str: ...

    @property
    def inbox(self) -> Inbox: ...

    @property
    def live(self) -> LiveTail: ...

    @property
    def work(self) -> Work: ...

    def own(self) -> AbstractAsyncContextManager[None]: ...

    async def take_over(self) -> None:
        """Take the session from its owner, whose writes are refused from now on."""


class Database(Protocol):
    """Where sessions are: `axio_context_sqlite.SQLite` or `axio_context_postgres.Postgres`."""

    def session(self, id: str | None = None, /) -> DurableStore: ...

    async def unfinished(self, limit: int = 1000, /) -> list[str]:
        """Sessions that were given to an agent and have work that no living run does."""

    async def __aenter__(self) -> object: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


def as_store(store: DurableStore) -> ContextStore:
    """The same store for functions of the core. TypeError if it is none."""
    if not isinstance(store, ContextStore):
        raise TypeError(f"a session must be a ContextStore, got {type(store).__name__}")
    return store
