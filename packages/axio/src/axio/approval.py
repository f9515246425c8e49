"""Calls that wait for a person, for as long as it takes.

A guard raises `Deferred` instead of asking. The call is then answered with a note that it waits,
the run ends with the reason "approval", and the history is valid and can be stored and reopened.
Any process may `decide`; `agent.resume(context)` then runs what was approved, once, and goes on.
An approval holds for exactly the arguments it was given for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.exceptions import AxioError
from axio.history import UNKNOWN_OUTCOME, calls_of
from axio.messages import Message
from axio.types import JSONObject, ToolCallID, ToolName

__all__ = (
    "ApprovalError",
    "PendingCall",
    "approved",
    "decide",
    "digest",
    "first_pending",
    "pending",
    "replaced",
    "unknown",
    "used_up",
    "waiting_note",
)

_WAITS = "[waiting for approval {digest}] This call has not been run. {reason}"
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


def waiting_note(id: ToolCallID, name: ToolName, input: JSONObject, reason: str) -> str:
    """The result of a call that was deferred."""
    return _WAITS.format(digest=digest(id, name, input), reason=reason).strip()


def pending(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that wait, in the order they were made."""
    return [call for _, call in _marked(history, _WAITS)]


def _reason(call: PendingCall, text: str) -> str:
    """The words of the guard in a note."""
    return text.removeprefix(waiting_note(call.tool_use_id, call.name, call.input, "")).strip()


def approved(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that were approved and have not been run."""
    return [call for _, call in _marked(history, _APPROVED)]


def first_pending(history: Sequence[Message]) -> int:
    """The index of the first message with a call that waits or was approved, or the length."""
    marked = [*_marked(history, _WAITS), *_marked(history, _APPROVED)]
    return min((index - 1 for (index, _), _ in marked), default=len(history))


def _marked(history: Sequence[Message], note: str) -> list[tuple[_Place, PendingCall]]:
    """The calls with this note, each with the place of its result."""
    mark = note.partition("{")[0]
    # A note for other arguments is void: the call neither waits nor is approved.
    return [
        (place, replace(call, reason=_reason(call, text)) if note is _WAITS else call)
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
