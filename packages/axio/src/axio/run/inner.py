"""Calls that the handler of another call makes: `RUN.get().call(name, arguments)`.

One that has to wait does not come back to the handler. Once nothing moves any more of what the
handler has called, the handler is cancelled, and the call around waits as well. It is run again
from its start when none of them waits any more: those that had a result have it again. They are
known by their ids, which tell what is called, because calls side by side come in any order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.cancellation import Cancels
from axio.events import ToolInputDelta, ToolUseStart
from axio.history import INTERRUPTED, UNKNOWN_OUTCOME, unique_id
from axio.journal import Outcome, is_final
from axio.permission import APPROVED, BEGIN
from axio.run.call import Call, InnerCall
from axio.run.face import RUN, Run
from axio.tool import AnyTool
from axio.types import JSONObject, ToolCallID, ToolName

if TYPE_CHECKING:
    from axio.approval import Made
    from axio.run.dispatch import ToolDispatch

__all__ = ("InnerCalls", "call_inside", "inner_id", "made_inside", "waits")


class InnerCalls:
    """The calls that the handler of one call makes."""

    __slots__ = ("_cancels", "_held", "_ids", "_outer", "calls", "ended", "stopped")

    def __init__(self, outer: Call) -> None:
        self.calls: list[Call] = []
        self.ended = False
        """True once the handler has ended."""
        self.stopped = False
        """True once the handler was cancelled, because it waits."""
        self._cancels = Cancels(None)
        self._held: list[asyncio.Future[None]] = []
        self._ids: set[ToolCallID] = set()
        self._outer = outer

    def add(self, call: Call) -> None:
        """Take a call in, and make its id unique."""
        call.id = unique_id(call.id, self._ids)
        self._ids.add(call.id)
        self.calls.append(call)

    async def hold(self) -> None:
        """Wait until the handler ends. CancelledError then."""
        held = asyncio.get_running_loop().create_future()
        self._held.append(held)
        self.look()
        await held

    def look(self) -> None:
        """Stop the handler if it waits, and nothing moves any more."""
        if self._held:
            # In a later step: this one may go on to another call.
            asyncio.get_running_loop().call_soon(self._stop)

    def _stands_still(self) -> bool:
        return all(call.result is not None for call in self.calls)

    def _stop(self) -> None:
        if not (self.ended or self.stopped) and self._stands_still():
            self.stopped = True
            self._cancels.cancel(self._outer.task)

    def end(self) -> None:
        """The handler has ended; a cancel was for it alone."""
        self.ended = True
        self._cancels.take_back()
        for held in self._held:
            held.cancel()


def made_inside(call: Call) -> Made:
    """The calls inside `call`, of any depth, that need not or may not be made again."""
    return {**call.made, **{block.id: (block, result) for block, result in _made(call)}}


def _made(call: Call) -> Iterator[tuple[ToolUseBlock, ToolResultBlock]]:
    for inner in () if call.inside is None else call.inside.calls:
        if inner.result is not None and (inner.begun or waits(inner)):
            yield ToolUseBlock(inner.id, inner.name, inner.input), inner.result
        yield from _made(inner)


def waits(call: Call) -> bool:
    """True if the result of a call is a note that it waits."""
    if call.result is None or is_final(call.result):
        return False
    from axio.approval import standing  # Most programs never get here.

    return standing(ToolUseBlock(call.id, call.name, call.input), call.result) is not None


async def call_inside(
    dispatch: ToolDispatch, view: Run, name: ToolName, arguments: Any
) -> ToolResultBlock:
    """Run one more call inside the current one of `view`, in the task of its caller."""
    outer = view.current
    assert outer is not None
    try:
        text = json.dumps(arguments)
    except (TypeError, ValueError) as exc:
        raise TypeError(f"the arguments of {name!r} must be a JSON object: {exc}") from exc
    inside = outer.inside = outer.inside or InnerCalls(outer)
    if inside.stopped:
        raise asyncio.CancelledError("the call around this one waits")
    call, known = _new_call(outer, inside, name, text)
    task = asyncio.current_task()
    assert task is not None
    call.task = task
    dispatch.running += 1
    dispatch.push(ToolUseStart(call.index, call.id, name))
    dispatch.push(ToolInputDelta(call.index, call.id, text))
    tool = dispatch.find(name)
    call.problem = call.problem or _waits_for_itself(call, tool)
    around = RUN.set(view)
    try:
        if not await _is_known(dispatch, call, tool, known):
            call.problem = call.problem or view.whole._refusal(1)
            await dispatch.perform(call)
    finally:
        RUN.reset(around)
        BEGIN.set(None)
        APPROVED.set(None)
        if call.result is None:
            dispatch.finish(call, INTERRUPTED, True)
        inside.look()
    assert call.result is not None
    if not inside.ended and waits(call):
        await inside.hold()
    return call.result


def _new_call(
    outer: Call, inside: InnerCalls, name: ToolName, text: str
) -> tuple[Call, ToolResultBlock | None]:
    """A call, and the result or note that it had when the ones around it ran before."""
    call = InnerCall("", name, outer.index)
    call.outer, call.again, call.approved = outer, outer.again, False
    call.fragments.append(text)
    call.parse(cut=False)
    call.id = inner_id(outer.id, name, call.input)
    inside.add(call)
    before, known = _outermost(call).made.get(call.id, (None, None))
    if known is None or before != ToolUseBlock(call.id, name, call.input):
        return call, None
    from axio.approval import standing

    call.again = True
    call.approved = standing(before, known) is not None
    return call, known


def _outermost(call: Call) -> Call:
    while call.outer is not None:
        call = call.outer
    return call


def inner_id(outer: ToolCallID, name: ToolName, input: JSONObject) -> ToolCallID:
    """The id of a call inside another one; of the second such call it is the one with "_2"."""
    from hashlib import sha256  # Most programs never get here.

    digest = sha256(json.dumps([name, input], sort_keys=True).encode()).hexdigest()
    return f"{outer}/{name}-{digest[:12]}"


async def _is_known(
    dispatch: ToolDispatch, call: Call, tool: AnyTool | None, known: ToolResultBlock | None
) -> bool:
    """Give a call that was made before the result it had then. False if it is to run."""
    if not call.again or call.problem is not None:
        return False
    from axio.approval import Standing, standing

    block, result = ToolUseBlock(call.id, call.name, call.input), known
    before = None if known is None else standing(block, known)
    if known is None or before is not None:
        outcome: ToolResultBlock | Outcome = Outcome.NOT_BEGUN
        if dispatch.journal is not None:
            outcome = await dispatch.journal.outcome(block)
        elif not _outermost(call).approved:  # Else its store knows that it has begun.
            outcome = Outcome.UNKNOWN
        if isinstance(outcome, ToolResultBlock):
            result = outcome
        elif outcome is Outcome.UNKNOWN and not (
            (tool is not None and (tool.read_only or tool.idempotent))
            or before is Standing.INSIDE  # What it has done is known.
        ):
            result = ToolResultBlock(call.id, UNKNOWN_OUTCOME, True)
    if result is None or standing(block, result) in (Standing.APPROVED, Standing.INSIDE):
        return False
    call.begun = True
    dispatch.finish(call, result.content, result.is_error)
    return True


def _waits_for_itself(call: Call, tool: AnyTool | None) -> str | None:
    """The reason not to run a call of a tool that a call around it holds."""
    if tool is None or tool.concurrency is None:
        return None
    outer = call.outer
    while outer is not None:
        if outer.name == tool.name:
            return (
                f"not run: {tool.name!r} runs {tool.concurrency} at a time and is running around "
                "this call, which would wait for ever"
            )
        outer = outer.outer
    return None
