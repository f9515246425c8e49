"""Calls that wait for a person, for as long as it takes.

A guard raises `Deferred` instead of asking. The call is then answered with a note that it waits,
the run ends with the reason "approval", and the history is valid and can be stored and reopened.
Any process may `decide`; `agent.resume(context)` then runs what was approved, once, and goes on.
An approval holds for exactly the arguments it was given for.

A handler that raises it has begun something whose result comes later, from a web hook, another
program or a person: the run ends with the reason "waiting", and any process may `answer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from typing import TypeAlias

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.exceptions import AxioError
from axio.history import UNKNOWN_OUTCOME, calls_of
from axio.messages import Message
from axio.results import as_content
from axio.types import JSONObject, ToolCallID, ToolName

__all__ = (
    "ApprovalError",
    "PendingCall",
    "answer",
    "approved",
    "decide",
    "digest",
    "first_pending",
    "pending",
    "replaced",
    "unknown",
    "used_up",
    "waiting",
    "waiting_note",
)

_WAITS = "[waiting for approval {digest}] This call has not been run. {reason}"
_BEGUN = (
    "[waiting for the result {digest}] This call has begun, and its result comes later. {reason}"
)
_APPROVED = "[approved {digest}] This call will be run when the session goes on."


_Place: TypeAlias = tuple[int, int]
"""Of a result: the index of its message, and of the block in that."""


class ApprovalError(AxioError):
    """A decision about a call that does not wait, or waits with other arguments."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits. All of it is JSON; `digest` stands for these very arguments, `reason` is
    what the guard that put it off has said.

    `repeat` is the number of calls before it that are the same in all of that: a model may give
    its calls the same ids in every run.
    """

    tool_use_id: ToolCallID
    name: ToolName
    input: JSONObject
    digest: str
    repeat: int = 0
    reason: str = ""


def digest(id: ToolCallID, name: ToolName, input: JSONObject) -> str:
    """SHA-256 of the call's id, its tool and its arguments: an approval is bound to it."""
    return sha256(json.dumps([id, name, input], sort_keys=True).encode()).hexdigest()


def waiting_note(
    id: ToolCallID, name: ToolName, input: JSONObject, reason: str, *, has_begun: bool = False
) -> str:
    """The result of a call that was deferred."""
    note = _BEGUN if has_begun else _WAITS
    return note.format(digest=digest(id, name, input), reason=reason).strip()


def pending(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that wait for a decision, in the order they were made."""
    return [call for _, call in _marked(history, _WAITS)]


def waiting(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that have begun and wait for their results, in the order they were made."""
    return [call for _, call in _marked(history, _BEGUN)]


def _reason(call: PendingCall, text: str, note: str) -> str:
    """The words in a note of the guard or handler that put the call off."""
    return text.removeprefix(note.format(digest=call.digest, reason="").strip()).strip()


def approved(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that were approved and have not been run."""
    return [call for _, call in _marked(history, _APPROVED)]


def first_pending(history: Sequence[Message]) -> int:
    """The index of the first message with a call that waits or was approved, or the length."""
    marked = [call for note in (_WAITS, _BEGUN, _APPROVED) for call in _marked(history, note)]
    return min((index - 1 for (index, _), _ in marked), default=len(history))


def _marked(history: Sequence[Message], note: str) -> list[tuple[_Place, PendingCall]]:
    """The calls with this note, each with the place of its result."""
    mark = note.partition("{")[0]
    # A note for other arguments is void: the call neither waits nor is approved.
    return [
        (place, call if note is _APPROVED else replace(call, reason=_reason(call, text, note)))
        for place, call, text in _failed(history, mark)
        if text.startswith(f"{mark}{call.digest}]")
    ]


def _failed(
    history: Sequence[Message], beginning: str
) -> Iterator[tuple[_Place, PendingCall, str]]:
    """The calls whose result is an error that begins so, with its place and its text."""
    made: dict[ToolCallID, list[ToolUseBlock]] = {}
    for index, message in enumerate(history[:-1], 1):
        calls = {call.id: call for call in calls_of(message)}
        for at, block in enumerate(history[index].content if calls else ()):
            if not (isinstance(block, ToolResultBlock) and block.is_error):
                continue
            call = calls.get(block.tool_use_id)
            if call is None or not isinstance(block.content, str):
                continue
            if block.content.startswith(beginning):
                bound = digest(call.id, call.name, call.input)
                repeat = made.get(call.id, []).count(call)
                found = PendingCall(call.id, call.name, call.input, bound, repeat)
                yield (index, at), found, block.content
        for call in calls.values():
            made.setdefault(call.id, []).append(call)


async def decide(
    context: ContextStore, call: PendingCall, *, approve: bool, reason: str = ""
) -> None:
    """Write down the decision about one pending call; `agent.resume(context)` acts on it.

    `ApprovalError` when the call does not wait any more, or `call` has other arguments than the
    history. A refusal is final: the model is told, with `reason`.
    """
    async with context.own():
        history = await context.get_history()
        bound = digest(call.tool_use_id, call.name, call.input)
        waiting = [
            (place, found)
            for place, found in _marked(history, _WAITS)
            if found.tool_use_id == call.tool_use_id
        ]
        same = [(place, found) for place, found in waiting if found.digest == call.digest == bound]
        if waiting and not same:
            raise ApprovalError(f"the call {call.tool_use_id!r} has other arguments")
        place = next((place for place, found in same if found.repeat == call.repeat), None)
        if place is None:
            raise ApprovalError(f"the call {call.tool_use_id!r} does not wait for approval")
        text = _APPROVED.format(digest=bound) if approve else f"denied: {reason or 'not approved'}"
        result = ToolResultBlock(call.tool_use_id, text, True)
        await context.replace(_changed(history, {place: result}))


async def answer(
    context: ContextStore, call: PendingCall, content: object, *, is_error: bool = False
) -> None:
    """Give a call that waits its result: one of `waiting`, or of `pending`, which is not run then.

    `content` is what a handler may return. `agent.resume(context)` goes on with it once no call
    waits any more. To give the same answer again changes nothing; `ApprovalError` when the call
    does not wait and has another.
    """
    result = ToolResultBlock(call.tool_use_id, as_content(content), is_error)
    async with context.own():
        history = await context.get_history()
        marked = [*_marked(history, _WAITS), *_marked(history, _BEGUN)]
        places = [place for place, found in marked if _same(found, call)]
        if places:
            await context.replace(_changed(history, {places[0]: result}))
        elif result not in _results_of(history, call):
            raise ApprovalError(f"the call {call.tool_use_id!r} does not wait for a result")


def _same(found: PendingCall, call: PendingCall) -> bool:
    return (found.digest, found.repeat) == (call.digest, call.repeat)


def _results_of(history: Sequence[Message], call: PendingCall) -> list[ToolResultBlock]:
    """The results that stand for calls of this very id, tool and arguments."""
    made = ToolUseBlock(call.tool_use_id, call.name, call.input)
    return [
        result
        for before, message in pairwise(history)
        if made in calls_of(before)
        for result in message.tool_results
        if result.tool_use_id == call.tool_use_id
    ]


def unknown(history: Sequence[Message]) -> list[PendingCall]:
    """The calls whose outcome is not known."""
    return [call for _, call, _ in _failed(history, UNKNOWN_OUTCOME)]


def used_up(history: Sequence[Message]) -> list[Message]:
    """`history` with every approval turned into a call whose outcome is unknown."""
    return _changed(
        history,
        {
            place: ToolResultBlock(call.tool_use_id, UNKNOWN_OUTCOME, True)
            for place, call in _marked(history, _APPROVED)
        },
    )


def replaced(
    history: Sequence[Message], results: Iterable[tuple[PendingCall, ToolResultBlock]]
) -> list[Message]:
    """`history` with results for calls whose outcome was not known."""
    failed = _failed(history, UNKNOWN_OUTCOME)
    places = {(call.digest, call.repeat): place for place, call, _ in failed}
    found = ((places.get((call.digest, call.repeat)), result) for call, result in results)
    return _changed(history, {place: result for place, result in found if place is not None})


def _changed(
    history: Sequence[Message], results: Mapping[_Place, ToolResultBlock]
) -> list[Message]:
    changed = list(history)
    for (index, at), result in results.items():
        message = changed[index]
        changed[index] = Message(
            message.role, [*message.content[:at], result, *message.content[at + 1 :]]
        )
    return changed
