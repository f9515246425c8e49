"""The notes in the place of results: a call waits, was approved, or has made others that wait.

A note is bound to the call by the digest of its id, tool and arguments. That of a call which has
made others holds these, each with its result or a note of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256
from typing import TypeAlias

from axio.blocks import ToolResultBlock, ToolUseBlock, from_dict, to_dict
from axio.journal import is_final
from axio.messages import Message
from axio.types import JSONObject, ToolCallID, ToolName

__all__ = (
    "Made",
    "PendingCall",
    "Standing",
    "as_history",
    "decode_made",
    "digest",
    "has_notes",
    "reason_in",
    "standing",
    "waiting_inside_note",
    "waiting_note",
    "with_inner",
)


class Standing(Enum):
    """Of a call that has no result yet. The values are the notes in the place of the result."""

    PENDING = "[waiting for approval {digest}] This call has not been run. {reason}"
    WAITING = (
        "[waiting for the result {digest}] This call has begun, and its result comes later. "
        "{reason}"
    )
    INSIDE = "[waiting inside {digest}] This call goes on when those that it has made may go on."
    APPROVED = "[approved {digest}] This call will be run when the session goes on."

    @property
    def mark(self) -> str:
        """The beginning of such a note, up to the digest."""
        return self.value.partition("{")[0]

    def note(self, digest: str, reason: str = "") -> str:
        """The note of the call with this digest."""
        return self.value.format(digest=digest, reason=reason).strip()


Made: TypeAlias = Mapping[ToolCallID, tuple[ToolUseBlock, ToolResultBlock]]
"""Calls inside another one, by id, each with its result or the note that it waits."""


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


def digest(id: ToolCallID, name: ToolName, input: JSONObject) -> str:
    """SHA-256 of the call's id, its tool and its arguments: an approval is bound to it."""
    return sha256(json.dumps([id, name, input], sort_keys=True).encode()).hexdigest()


def waiting_note(
    id: ToolCallID, name: ToolName, input: JSONObject, reason: str, *, has_begun: bool = False
) -> str:
    """The result of a call that was deferred."""
    kind = Standing.WAITING if has_begun else Standing.PENDING
    return kind.note(digest(id, name, input), reason)


def waiting_inside_note(
    id: ToolCallID, name: ToolName, input: JSONObject, made: Made | None = None
) -> str:
    """The result of a call that has `made` others, some of which wait. Of nested ones only the
    outermost says what they are."""
    note = Standing.INSIDE.note(digest(id, name, input))
    return note if made is None else f"{note}\n{_encode(made)}"


def standing(call: ToolUseBlock, result: ToolResultBlock) -> Standing | None:
    """The note that `result` is; None for a real result, and for a note of another call."""
    if is_final(result):
        return None
    text, bound = str(result.content), digest(call.id, call.name, call.input)
    found = (each for each in Standing if text.startswith(f"{each.mark}{bound}]"))
    return next(found, None)


def _encode(made: Made) -> str:
    return json.dumps([[to_dict(call), to_dict(result)] for call, result in made.values()])


def decode_made(note: str) -> Made | None:
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


def has_notes(message: Message) -> bool:
    """True if some results of the message are only notes of calls that wait or were approved: it
    will be replaced."""
    marks = tuple(each.mark for each in Standing)
    return any(
        result.is_error and isinstance(result.content, str) and result.content.startswith(marks)
        for result in message.tool_results
    )


def reason_in(call: PendingCall, text: str, kind: Standing) -> str:
    """The words in a note of the guard or handler that put the call off."""
    return text.removeprefix(kind.note(call.digest)).strip()


def with_inner(around: ToolResultBlock, result: ToolResultBlock) -> ToolResultBlock:
    note = str(around.content)
    made = dict(decode_made(note) or {})
    call, _ = made[result.tool_use_id]
    made[call.id] = call, result
    return replace(around, content=f"{note.partition(chr(10))[0]}\n{_encode(made)}")
