"""Things that some stores can do besides keeping a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from axio.context import ContextStore, MemoryContextStore

__all__ = ("beside", "forget", "held")


def _innermost(store: ContextStore) -> ContextStore:
    """The store that keeps the session, without what is around it."""
    while inner := getattr(store, "inner", None):
        store = inner
    return store


def beside(store: ContextStore, session_id: str | None = None) -> ContextStore:
    """Another session in the same place; in memory where the store has no such place."""
    make: Callable[[str | None], ContextStore] | None
    make = getattr(_innermost(store), "beside", None)
    return MemoryContextStore() if make is None else make(session_id)


async def forget(store: ContextStore, session_ids: Iterable[str]) -> None:
    """Delete sessions that are below this one (`ID/...`), where they are kept."""
    for id in session_ids:
        delete = getattr(beside(store, id), "delete", None)
        if delete is not None and id.startswith(f"{store.session_id}/"):
            await delete()


async def held(store: ContextStore, *, take_over: bool = False) -> AsyncExitStack:
    """Closed, it lets go of the session; of a store that cannot be held there is nothing to do."""
    stack = AsyncExitStack()
    hold = getattr(_innermost(store), "hold", None)
    if hold is not None:
        await stack.enter_async_context(hold(take_over=take_over))
    return stack
