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

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256
from itertools import pairwise
from typing import TypeAlias

from axio.blocks import ToolResultBlock, ToolUseBlock, from_dict, to_dict
from axio.context import ContextStore
from axio.exceptions import AxioError
from axio.history import UNKNOWN_OUTCOME, calls_of
from axio.journal import is_final
from axio.messages import Message
from axio.results import as_content
from axio.types import JSONObject, ToolCallID, ToolName

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

_WAITS = "[waiting for approval {digest}] This call has not been run. {reason}"
_BEGUN = (
    "[waiting for the result {digest}] This call has begun, and its result comes later. {reason}"
)
_APPROVED = "[approved {digest}] This call will be run when the session goes on."
_INSIDE = "[waiting inside {digest}] This call goes on when those that it has made may go on."


class Standing(Enum):
    """Of a call that has no result yet. The values are the notes in the place of the result."""

    PENDING = _WAITS
    WAITING = _BEGUN
    INSIDE = _INSIDE
    APPROVED = _APPROVED


_CALLED_OFF = "[called off] This call has {begun}. {reason}"

_Place: TypeAlias = tuple[int, int]
"""Of a result: the index of its message, and of the block in that."""

Made: TypeAlias = Mapping[ToolCallID, tuple[ToolUseBlock, ToolResultBlock]]
"""Calls inside another one, by id, each with its result or the note that it waits."""


class ApprovalError(AxioError):
    """A decision about a call that does not wait, or waits with other arguments."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits. All of it is JSON; `digest` stands for these very arguments, `reason` is
    what the guard that put it off has said.

    `repeat` is the number of calls before it that are the same in all of that: a model may give
    its calls the same ids in every run. Of a call inside another one it is that one's.
    """

    tool_use_id: ToolCallID
    name: ToolName
    input: JSONObject
    digest: str
    repeat: int = 0
    reason: str = ""


# ── the notes ─────────────────────────────────────────────────────────────────────────────────────


def digest(id: ToolCallID, name: ToolName, input: JSONObject) -> str:
    """SHA-256 of the call's id, its tool and its arguments: an approval is bound to it."""
    return sha256(json.dumps([id, name, input], sort_keys=True).encode()).hexdigest()


def waiting_note(
    id: ToolCallID, name: ToolName, input: JSONObject, reason: str, *, has_begun: bool = False
) -> str:
    """The result of a call that was deferred."""
    note = _BEGUN if has_begun else _WAITS
    return note.format(digest=digest(id, name, input), reason=reason).strip()


def waiting_inside_note(
    id: ToolCallID, name: ToolName, input: JSONObject, made: Made | None = None
) -> str:
    """The result of a call that has `made` others, some of which wait. Of nested ones only the
    outermost says what they are."""
    note = _INSIDE.format(digest=digest(id, name, input))
    return note if made is None else f"{note}\n{_encode(made)}"


def standing(call: ToolUseBlock, result: ToolResultBlock) -> Standing | None:
    """The note that `result` is; None for a real result, and for a note of another call."""
    if is_final(result):
        return None
    text, bound = str(result.content), digest(call.id, call.name, call.input)
    found = (each for each in Standing if text.startswith(f"{_mark(each.value)}{bound}]"))
    return next(found, None)


def _mark(note: str) -> str:
    return note.partition("{")[0]


def _encode(made: Made) -> str:
    return json.dumps([[to_dict(call), to_dict(result)] for call, result in made.values()])


def _decode(note: str) -> Made | None:
    """The calls that a note of the outermost one names; None if it names none."""
    made: dict[ToolCallID, tuple[ToolUseBlock, ToolResultBlock]] = {}
    try:
        for pair in json.loads(note.partition("\n")[2]):
            call, result = map(from_dict, pair)
            if not (isinstance(call, ToolUseBlock) and isinstance(result, ToolResultBlock)):
                return None
            made[call.id] = call, result
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return made


def as_history(made: Made) -> list[Message]:
    calls, results = [call for call, _ in made.values()], [result for _, result in made.values()]
    return [Message("assistant", [*calls]), Message("user", [*results])]


# ── looking for them ──────────────────────────────────────────────────────────────────────────────


def pending(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that wait for a decision, in the order they were made."""
    return [call for _, call in _marked(history, _WAITS)]


def waiting(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that have begun and wait for their results, in the order they were made."""
    return [call for _, call in _marked(history, _BEGUN)]


def has_notes(message: Message) -> bool:
    """True if some results of the message are only notes of calls that wait or were approved: it
    will be replaced."""
    marks = tuple(_mark(standing.value) for standing in Standing)
    return any(
        result.is_error and isinstance(result.content, str) and result.content.startswith(marks)
        for result in message.tool_results
    )


def approved(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that were approved and have not been run."""
    return [call for _, call in _marked(history, _APPROVED)]


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
    marks = [_mark(note) for note in (_WAITS, _BEGUN, _APPROVED, _INSIDE)]
    found = [index - 1 for mark in marks for (index, _), *_ in _bound(history, mark)]
    return min(found, default=len(history))


def _marked(history: Sequence[Message], note: str) -> list[tuple[_Place, PendingCall]]:
    """The calls with this note, each with the place of its result or of the one around it."""
    mark = _mark(note)
    found = [
        (place, replace(call, reason=_reason(call, text, note)))
        for place, call, text in _bound(history, mark)
    ]
    for place, around, made in _around(history):
        inner = _marked(as_history(made), note)
        found += [(place, replace(call, repeat=around.repeat)) for _, call in inner]
    return sorted(found, key=lambda pair: pair[0])


def _around(history: Sequence[Message]) -> list[tuple[_Place, PendingCall, Made]]:
    """The calls that wait for others which they have made, and these."""
    decoded = (
        (place, call, _decode(text)) for place, call, text in _bound(history, _mark(_INSIDE))
    )
    return [(place, call, made) for place, call, made in decoded if made is not None]


def _granted(history: Sequence[Message]) -> list[tuple[_Place, PendingCall, Made]]:
    found: list[tuple[_Place, PendingCall, Made]] = [
        (place, call, {}) for place, call, _ in _bound(history, _mark(_APPROVED))
    ]
    for place, call, made in _around(history):
        if not reason_to_stop(as_history(made)):
            found.append((place, call, made))
    return sorted(found, key=lambda triple: triple[0])


def _bound(history: Sequence[Message], mark: str) -> Iterator[tuple[_Place, PendingCall, str]]:
    """The calls whose note begins so, and is for their very arguments: any other is void."""
    for place, call, text in _failed(history, mark):
        if text.startswith(f"{mark}{call.digest}]"):
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


def _reason(call: PendingCall, text: str, note: str) -> str:
    """The words in a note of the guard or handler that put the call off."""
    return text.removeprefix(note.format(digest=call.digest, reason="").strip()).strip()


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
    does not wait and has another. The answer to a call inside another one is known until that one
    has its result.
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


async def call_off(context: ContextStore, reason: str) -> None:
    """Give every call that waits, or may go on, an error result: nothing comes of it any more."""
    async with context.own():
        history = await context.get_history()
        results: dict[_Place, ToolResultBlock] = {}
        for note in Standing:
            has_begun = note in (Standing.WAITING, Standing.INSIDE)
            text = _CALLED_OFF.format(begun="begun" if has_begun else "not been run", reason=reason)
            for place, call, _ in _bound(history, _mark(note.value)):
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
            result = _with_inner(before, result)
        changed[index] = Message(
            message.role, [*message.content[:at], result, *message.content[at + 1 :]]
        )
    return changed


def _with_inner(around: ToolResultBlock, result: ToolResultBlock) -> ToolResultBlock:
    note = str(around.content)
    made = dict(_decode(note) or {})
    call, _ = made[result.tool_use_id]
    made[call.id] = call, result
    return replace(around, content=f"{note.partition(chr(10))[0]}\n{_encode(made)}")
