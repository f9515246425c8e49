"""The store while a run has it: valid before every model call, and again when the run has ended."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from weakref import ref

from axio.blocks import ToolResultBlock
from axio.context import ContextStore
from axio.exceptions import SessionBusy
from axio.history import UNKNOWN_OUTCOME, calls_of, check, repair
from axio.messages import Message
from axio.run import ending
from axio.run.face import Run
from axio.run.turn import Turn

if TYPE_CHECKING:
    from axio.run.stream import AgentStream

__all__ = (
    "close_abandoned",
    "mend",
    "open_streams",
    "refuse_nesting",
    "settle",
    "store_approved",
    "take_approved",
)

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


async def mend(
    store: ContextStore, history: list[Message], known: int, own: list[Message]
) -> list[Message]:
    """`history`, mended in the store if a crash or another writer left it invalid.

    Its first `known` messages are valid. `own`, if it ends in them, are the run's, and stay.
    """
    problems = check(history, known)
    if not problems:
        return history
    before = len(history) - len(own)
    mended = [*repair(history[:before]), *own] if history[before:] == own else repair(history)
    words = "; ".join(problem.text for problem in problems[:5])
    logger.warning("mending the history of a session: %s", words)
    kept = len(history)
    try:
        if mended[:kept] == history:
            await ending.shielded(store.extend(mended[kept:]))
        else:
            await ending.shielded(store.replace(mended))
    except NotImplementedError:
        logger.warning("%s cannot replace its history", type(store).__name__)
        return mended
    return await store.get_history()


async def settle(store: ContextStore, loaded: int, turn: Turn) -> None:
    """Store what may be kept of an interrupted turn, which began at a history of `loaded` messages.

    The interruption may have come in the middle of a write, so the store is asked what it holds:
    an open turn is answered, the part of a turn that was never stored is appended.
    """
    if turn.granted:
        await store_approved(store, turn)
        return
    history = await store.get_history()
    if calls := calls_of(history[-1]) if history else []:
        known = {call.id: call.result for call in turn.calls}
        results = [
            known.get(call.id) or ToolResultBlock(call.id, UNKNOWN_OUTCOME, True) for call in calls
        ]
        await store.append(Message("user", [*results]))
    elif len(history) == loaded and (partial := turn.partial()):
        await store.append(Message("assistant", partial))


async def take_approved(store: ContextStore) -> None:
    """Use up the approvals: after a crash from here on the calls are never run again."""
    from axio.approval import used_up  # Most runs have a prompt, and need none of this.

    await store.replace(used_up(await store.get_history()))


async def store_approved(store: ContextStore, turn: Turn) -> None:
    """Put the results of approved calls in the place of their approvals."""
    from axio.approval import replaced

    # Not by id: the calls of two runs may have the same.
    results = [
        (waiting, call.result)
        for waiting, call in zip(turn.granted, turn.calls, strict=True)
        if call.result is not None
    ]
    async with asyncio.timeout(ending.GRACE):
        await store.replace(replaced(await store.get_history(), results))
