"""Running the calls that were approved while no run was going on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from axio.approval import PendingCall, approved, pending, replaced, used_up
from axio.context import ContextStore
from axio.dispatch import ToolDispatch
from axio.events import StreamEvent
from axio.run import Run
from axio.session import GRACE, shielded
from axio.turn import Call

__all__ = ("run_approved",)


async def run_approved(
    run: Run, may_run: Callable[[int], bool]
) -> AsyncGenerator[StreamEvent, None]:
    """Run each approved call, at most once, and store its result in the place of the approval.

    Stops the run again while other calls wait. `may_run` is asked for all of them at once; if not,
    they stay approved.
    """
    store = run.store
    history = await store.get_history()
    granted = approved(history)
    calls: list[Call] = []
    for waiting in granted:
        call = Call(waiting.tool_use_id, waiting.name, len(calls))
        call.input, call.approved = waiting.input, True
        calls.append(call)
    if calls:
        if not may_run(len(calls)):
            return
        # The approvals are used up first: after a crash from here on nobody may run a call again.
        await store.replace(used_up(history))
        dispatch = ToolDispatch(run.agent.tools, run)
        try:
            dispatch.start(calls)
            while True:
                while dispatch.events:
                    yield dispatch.events.popleft()
                if dispatch.is_done():
                    break
                await dispatch.next_event()
        finally:
            await shielded(_finish(store, dispatch, granted, calls))
    if pending(history):
        run.stop("approval")


async def _finish(
    store: ContextStore, dispatch: ToolDispatch, granted: list[PendingCall], calls: list[Call]
) -> None:
    await dispatch.close()
    # Not by id: the calls of two runs may have the same.
    results = [
        (waiting, call.result)
        for waiting, call in zip(granted, calls, strict=True)
        if call.result is not None
    ]
    async with asyncio.timeout(GRACE):
        await store.replace(replaced(await store.get_history(), results))
