"""Which stream holds which store, and what happens to one that nobody reads any more."""

from __future__ import annotations

import logging
from weakref import ref

from axio.context import ContextStore
from axio.exceptions import SessionBusy
from axio.run import Run
from axio.stream import AgentStream

__all__ = ("close_abandoned", "open_streams", "refuse_nesting")

logger = logging.getLogger(__name__)

open_streams: dict[int, ref[AgentStream]] = {}
"""By the store's id: the stream's own frame keeps the store alive, and removes the entry."""


def refuse_nesting(store: ContextStore, run: Run) -> None:
    """`SessionBusy` if `run`, or one around it, works on `store`: it would wait for itself."""
    outer: Run | None = run
    while outer is not None:
        # A wrapper, as AutoCompactStore, hands on what its inner store is held by.
        if outer.store is store or outer.store.own() is store.own():
            raise SessionBusy(
                "this session belongs to the run that is going on: use `await context.fork()` "
                "or a new context for a run inside it"
            )
        outer = outer.parent


async def close_abandoned(store: ContextStore) -> None:
    """End a stream on this store that its consumer left without closing it.

    Its last events wait for the consumer, should it come back.
    """
    known = open_streams.get(id(store))
    stream = None if known is None else known()
    if stream is not None and stream.is_abandoned():
        logger.info("closing a stream that was left in the middle of its run")
        await stream.end_unread()
