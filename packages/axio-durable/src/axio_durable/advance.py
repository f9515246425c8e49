"""`advance`: go on with a session from wherever its history stands, until nothing is left to do.

Any process may call it at any time, and again after any death: the store's owner is the only one
that writes, its history says how far the work has come, and its journal which calls have begun. So
whatever calls `advance` at least once after each message makes an agent durable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from axio.agent import Agent
from axio.approval import call_off, first_pending, unknown
from axio.blocks import ToolResultBlock
from axio.budget import Budget
from axio.context import ContextStore
from axio.durable import Standing
from axio.events import Error, SessionEndEvent
from axio.exceptions import SessionBusy, StoreError, message_of
from axio.history import NOT_BEGUN, calls_of, open_turn, repair
from axio.journal import Outcome
from axio.run.store import recalled
from axio_durable.attended import Attended
from axio_durable.store import DurableStore
from axio_durable.watch import Watch, Watched, unwatched

__all__ = ("End", "advance")

_WAITS = ("approval", "waiting")


class End(NamedTuple):
    """Why there was nothing more to do: the reason of the last run, and the words of its failure.

    "end_turn" when the model has answered, "approval" and "waiting" when calls wait, "cancelled",
    "error", or the limit that was reached.
    """

    reason: str
    words: str = ""


BeforeRest: TypeAlias = Callable[[DurableStore, End], Awaitable[None]]
BeforeCancel: TypeAlias = Callable[[DurableStore], Awaitable[None]]


async def advance(
    store: DurableStore,
    agent: Agent | Callable[[], Awaitable[Agent]],
    *,
    budget: Budget | None = None,
    before_rest: BeforeRest | None = None,
    before_cancel: BeforeCancel | None = None,
    watch: Watch = unwatched,
) -> End:
    """Finish the open turn, answer what is in the inbox, and rest.

    `agent` may be a function that is only called if there is a run to be made.
    `before_rest` is told of the end before it is noted, `before_cancel` of a cancel before its
    calls are called off: after a crash, or when they raise, they are told again. `watch` sees the
    attempt and its runs.

    A run that fails is over, and its session rests; one that cannot store is not: what the store
    raises passes, such as `SessionBusy` while another worker has the session, and this is to be
    called again.
    """
    async with store.own():
        standing = await store.work.attempt()
        if standing.is_at_rest:
            return End(standing.reason, standing.words)
        with watch(store.session_id, standing) as watched:
            hooks = before_rest, before_cancel
            return await _to_rest(store, standing, agent, budget, hooks, watched)


async def _to_rest(
    store: DurableStore,
    standing: Standing,
    agent: Agent | Callable[[], Awaitable[Agent]],
    budget: Budget | None,
    hooks: tuple[BeforeRest | None, BeforeCancel | None],
    watched: Watched,
) -> End:
    session = Attended(store)
    before_rest, before_cancel = hooks
    end = End(standing.reason, standing.words)
    while not standing.is_at_rest:
        cancelled = standing.cancelled
        if cancelled is None:
            worker = agent if isinstance(agent, Agent) else await agent()
            end = await _go_on(session, worker, budget, watched, takes=end.reason not in _WAITS)
        else:
            if before_cancel is not None:
                await before_cancel(store)
            end = await _call_off(session, cancelled)
        standing = await store.work.standing()
        if standing.cancelled != cancelled:
            continue
        if standing.has_mail and end.reason not in _WAITS:
            if cancelled is not None:  # Else the rest notes that it has been done.
                await store.work.cancelled(cancelled)
                standing = await store.work.standing()
            continue
        if before_rest is not None:
            await before_rest(store, end)
        await store.work.rest(standing.stirred, *end)
        standing = await store.work.standing()
    return end


async def _go_on(
    session: Attended, agent: Agent, budget: Budget | None, watched: Watched, *, takes: bool
) -> End:
    """One run, after which the model has had the last word, a call waits, or it has failed.

    Before it, it takes what was posted; not while calls have no results, which come first.
    """
    history = await session.get_history()
    if unknown(history[-2:]):  # A message after them would say that nothing else is known.
        history = await recalled(session, history)
    if takes and open_turn(history) == len(history) == first_pending(history):
        await session.store.inbox.take()
    stream = agent.resume(session, budget=budget)
    failure: BaseException | None = None
    end: SessionEndEvent | None = None
    async with session.attending(stream):
        try:
            async for event in watched(stream):
                session.show(event)
                if isinstance(event, Error):
                    failure = event.exception
                elif isinstance(event, SessionEndEvent):
                    end = event
        finally:
            await stream.aclose()
    if isinstance(failure, (StoreError, SessionBusy)):
        raise failure
    reason = "error" if end is None else end.reason or end.stop_reason.value
    return End(reason, "" if failure is None else message_of(failure))


async def _call_off(session: Attended, until: int) -> End:
    """Let nothing more come of what was under way, nor of what was posted before the cancel."""
    await _settle(session)
    await call_off(session, "The session was cancelled.")
    await session.store.inbox.take(until)
    return End("cancelled")


async def _settle(session: ContextStore) -> None:
    """Give the calls of a turn whose worker has died their results, without running any."""
    history = await session.get_history()
    if open_turn(history) == len(history):
        return
    known = {}
    for call in calls_of(history[-1]):
        found = await session.journal.outcome(call) if session.journal else Outcome.UNKNOWN
        if found is Outcome.NOT_BEGUN:
            found = ToolResultBlock(call.id, NOT_BEGUN, True)
        if isinstance(found, ToolResultBlock):
            known[call.id] = found
    await session.replace(repair(history, known=known))
