"""Calls that wait for a person, for as long as it takes.

A guard raises `Deferred` instead of asking. The call is then answered with a note that it waits,
the run ends with the reason "approval", and the history is valid and can be stored and reopened.
Any process may `decide`; `agent.resume(context)` then runs what was approved, once, and goes on.
An approval holds for exactly the arguments it was given for.

A handler that raises it has begun something whose result comes later, from a web hook, another
program or a person: the run ends with the reason "waiting", and any process may `answer`.

A call inside another one (`RUN.get().call`) waits in the note of the one around it, which is run
again when no call inside it waits any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.exceptions import AxioError
from axio.history import UNKNOWN_OUTCOME, calls_of
from axio.messages import Message
from axio.results import as_content
from axio.types import ToolCallID
from axio.waiting_notes import (
    Made,
    PendingCall,
    Standing,
    as_history,
    decode_made,
    digest,
    has_notes,
    reason_in,
    standing,
    waiting_inside_note,
    waiting_note,
    with_inner,
)

__all__ = (
    "ApprovalError",
    "Made",
    "PendingCall",
    "Standing",
    "answer",
    "approved",
    "as_history",
    "call_off",
    "decide",
    "digest",
    "first_pending",
    "granted",
    "has_notes",
    "pending",
    "reason_to_stop",
    "replaced",
    "standing",
    "unknown",
    "used_up",
    "waiting",
    "waiting_inside_note",
    "waiting_note",
)

_CALLED_OFF = "[called off] This call has {begun}. {reason}"

_Place: TypeAlias = tuple[int, int]
"""Of a result: the index of its message, and of the block in that."""


class ApprovalError(AxioError):
    """A decision about a call that does not wait, or waits with other arguments."""


# ── looking for them ──────────────────────────────────────────────────────────────────────────────


def pending(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that wait for a decision, in the order they were made."""
    return [call for _, call in _marked(history, Standing.PENDING)]


def waiting(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that have begun and wait for their results, in the order they were made."""
    return [call for _, call in _marked(history, Standing.WAITING)]


def approved(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that were approved and have not been run."""
    return [call for _, call in _marked(history, Standing.APPROVED)]


def granted(history: Sequence[Message]) -> list[tuple[PendingCall, Made]]:
    """The calls that the next run has to run, each with what is known of those inside it: approved
    ones, and those inside which nothing waits any more."""
    return [(call, made) for _, call, made in _granted(history)]


def reason_to_stop(history: Sequence[Message]) -> str:
    """The reason with which a run ends that leaves this history: "approval", "waiting" or ""."""
    if pending(history):  # A person can do something about it.
        return "approval"
    return "waiting" if waiting(history) else ""


def first_pending(history: Sequence[Message]) -> int:
    """The index of the first message with a call that waits or was approved, or the length."""
    found = [index - 1 for note in Standing for (index, _), *_ in _bound(history, note)]
    return min(found, default=len(history))


def _marked(history: Sequence[Message], note: Standing) -> list[tuple[_Place, PendingCall]]:
    """The calls with this note, each with the place of its result or of the one around it."""
    found = [
        (place, replace(call, reason=reason_in(call, text, note)))
        for place, call, text in _bound(history, note)
    ]
    for place, around, made in _around(history):
        inner = _marked(as_history(made), note)
        found += [(place, replace(call, repeat=around.repeat)) for _, call in inner]
    return sorted(found, key=lambda pair: pair[0])


def _around(history: Sequence[Message]) -> list[tuple[_Place, PendingCall, Made]]:
    """The calls that wait for others which they have made, and these."""
    decoded = (
        (place, call, decode_made(text)) for place, call, text in _bound(history, Standing.INSIDE)
    )
    return [(place, call, made) for place, call, made in decoded if made is not None]


def _granted(history: Sequence[Message]) -> list[tuple[_Place, PendingCall, Made]]:
    found: list[tuple[_Place, PendingCall, Made]] = [
        (place, call, {}) for place, call, _ in _bound(history, Standing.APPROVED)
    ]
    for place, call, made in _around(history):
        if not reason_to_stop(as_history(made)):
            found.append((place, call, made))
    return sorted(found, key=lambda triple: triple[0])


def _bound(history: Sequence[Message], note: Standing) -> Iterator[tuple[_Place, PendingCall, str]]:
    """The calls with such a note that is for their very arguments: any other is void."""
    for place, call, text in _failed(history, note.mark):
        if text.startswith(f"{note.mark}{call.digest}]"):
            yield place, call, text


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


# ── changing them ─────────────────────────────────────────────────────────────────────────────────


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
            for place, found in _marked(history, Standing.PENDING)
            if found.tool_use_id == call.tool_use_id
        ]
        same = [(place, found) for place, found in waiting if found.digest == call.digest == bound]
        if waiting and not same:
            raise ApprovalError(f"the call {call.tool_use_id!r} has other arguments")
        place = next((place for place, found in same if found.repeat == call.repeat), None)
        if place is None:
            raise ApprovalError(f"the call {call.tool_use_id!r} does not wait for approval")
        text = Standing.APPROVED.note(bound) if approve else f"denied: {reason or 'not approved'}"
        result = ToolResultBlock(call.tool_use_id, text, True)
        await context.replace(_changed(history, {place: result}))


async def answer(
    context: ContextStore, call: PendingCall, content: object, *, is_error: bool = False
) -> None:
    """Give a call that waits its result: one of `waiting`, or of `pending`, which is not run then.

    `content` is what a handler may return. `agent.resume(context)` goes on with it once no call
    waits any more. To give the same answer again changes nothing; `ApprovalError` when the call
    does not wait and has another. The answer to a call inside another one is known until that one
    has its result.
    """
    result = ToolResultBlock(call.tool_use_id, as_content(content), is_error)
    async with context.own():
        history = await context.get_history()
        marked = [
            *_marked(history, Standing.PENDING),
            *_marked(history, Standing.WAITING),
        ]
        places = [place for place, found in marked if _same(found, call)]
        if places:
            await context.replace(_changed(history, {places[0]: result}))
        elif result not in _results_of(history, call):
            raise ApprovalError(f"the call {call.tool_use_id!r} does not wait for a result")


async def call_off(context: ContextStore, reason: str) -> None:
    """Give every call that waits, or may go on, an error result: nothing comes of it any more."""
    async with context.own():
        history = await context.get_history()
        results: dict[_Place, ToolResultBlock] = {}
        for note in Standing:
            has_begun = note in (Standing.WAITING, Standing.INSIDE)
            text = _CALLED_OFF.format(begun="begun" if has_begun else "not been run", reason=reason)
            for place, call, _ in _bound(history, note):
                results[place] = ToolResultBlock(call.tool_use_id, text.strip(), True)
        if results:
            await context.replace(_changed(history, results))


def _same(found: PendingCall, call: PendingCall) -> bool:
    return (found.digest, found.repeat) == (call.digest, call.repeat)


def _results_of(history: Sequence[Message], call: PendingCall) -> list[ToolResultBlock]:
    """The results that stand for calls of this very id, tool and arguments."""
    made = ToolUseBlock(call.tool_use_id, call.name, call.input)
    inner = [as_history(inside) for _, _, inside in _around(history)]
    return [
        result
        for messages in (history, *inner)
        for before, message in pairwise(messages)
        if made in calls_of(before)
        for result in message.tool_results
        if result.tool_use_id == call.tool_use_id
    ]


def unknown(history: Sequence[Message]) -> list[PendingCall]:
    """The calls whose outcome is not known."""
    return [call for _, call, _ in _failed(history, UNKNOWN_OUTCOME)]


def used_up(history: Sequence[Message], *, noted: bool = False) -> list[Message]:
    """`history` with everything `granted` turned into a call whose outcome is unknown; but what
    runs inside of calls may be `noted`, and those that have made others can then run again."""
    return _changed(
        history,
        {
            place: ToolResultBlock(call.tool_use_id, UNKNOWN_OUTCOME, True)
            for place, call, made in _granted(history)
            if not (made and noted)
        },
    )


def replaced(
    history: Sequence[Message], results: Iterable[tuple[PendingCall, ToolResultBlock]]
) -> list[Message]:
    """`history` with results for calls whose outcome was not known, or that went on."""
    places = {(call.digest, call.repeat): place for place, call, _ in _around(history)}
    for place, call, _ in _failed(history, UNKNOWN_OUTCOME):
        places[call.digest, call.repeat] = place
    found = ((places.get((call.digest, call.repeat)), result) for call, result in results)
    return _changed(history, {place: result for place, result in found if place is not None})


def _changed(
    history: Sequence[Message], results: Mapping[_Place, ToolResultBlock]
) -> list[Message]:
    """`history` with other results in these places. One of another id goes into the note there."""
    changed = list(history)
    for (index, at), result in results.items():
        message = changed[index]
        before = message.content[at]
        assert isinstance(before, ToolResultBlock)
        if before.tool_use_id != result.tool_use_id:
            result = with_inner(before, result)
        changed[index] = Message(
            message.role, [*message.content[:at], result, *message.content[at + 1 :]]
        )
    return changed
