"""Calls that wait for a person, for as long as it takes.

A guard raises `Deferred` instead of asking. The call is then answered with a note that it waits,
the run ends with the reason "approval", and the history is valid and can be stored and reopened.
Any process may `decide`; `agent.resume(context)` then runs what was approved, once, and goes on.
An approval holds for exactly the arguments it was given for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from axio.blocks import ContentBlock, ToolResultBlock
from axio.context import ContextStore
from axio.exceptions import AxioError
from axio.history import UNKNOWN_OUTCOME, calls_of
from axio.messages import Message
from axio.types import ToolCallID, ToolName

__all__ = (
    "ApprovalError",
    "PendingCall",
    "approved",
    "decide",
    "digest",
    "first_pending",
    "pending",
    "replaced",
    "used_up",
    "waiting_note",
)

_WAITS = "[waiting for approval {digest}] This call has not been run. {reason}"
_APPROVED = "[approved {digest}] This call will be run when the session goes on."


class ApprovalError(AxioError):
    """A decision about a call that does not wait, or waits with other arguments."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits. All of it is JSON; `digest` stands for these very arguments."""

    tool_use_id: ToolCallID
    name: ToolName
    input: dict[str, Any]
    digest: str


def digest(id: ToolCallID, name: ToolName, input: dict[str, Any]) -> str:
    """What an approval is bound to: SHA-256 of the call's id, its tool and its arguments."""
    return sha256(json.dumps([id, name, input], sort_keys=True).encode()).hexdigest()


def waiting_note(id: ToolCallID, name: ToolName, input: dict[str, Any], reason: str) -> str:
    """The result of a call that was deferred."""
    return _WAITS.format(digest=digest(id, name, input), reason=reason).strip()


def pending(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that wait, in the order they were made."""
    return [call for _, call in _marked(history, _WAITS)]


def approved(history: Sequence[Message]) -> list[PendingCall]:
    """The calls that were approved and have not been run."""
    return [call for _, call in _marked(history, _APPROVED)]


def first_pending(history: Sequence[Message]) -> int:
    """The index of the first message with a call that waits or was approved, or the length."""
    marked = [*_marked(history, _WAITS), *_marked(history, _APPROVED)]
    return min((index for index, _ in marked), default=len(history))


def _marked(history: Sequence[Message], note: str) -> list[tuple[int, PendingCall]]:
    """The calls with this note, each with the index of its message."""
    mark = note.partition("{")[0]
    found: list[tuple[int, PendingCall]] = []
    for index, message in enumerate(history[:-1]):
        calls = {call.id: call for call in calls_of(message)}
        if not calls:
            continue
        for block in history[index + 1].content:
            if not (isinstance(block, ToolResultBlock) and block.is_error):
                continue
            call = calls.get(block.tool_use_id)
            if call is None or not isinstance(block.content, str):
                continue
            if block.content.startswith(mark):
                bound = digest(call.id, call.name, call.input)
                # A note for other arguments is void: the call neither waits nor is approved.
                if block.content.startswith(f"{mark}{bound}]"):
                    found.append((index, PendingCall(call.id, call.name, call.input, bound)))
    return found


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
        waiting = next((p for p in pending(history) if p.tool_use_id == call.tool_use_id), None)
        if waiting is None:
            raise ApprovalError(f"the call {call.tool_use_id!r} does not wait for approval")
        if not waiting.digest == call.digest == bound:
            raise ApprovalError(f"the call {call.tool_use_id!r} has other arguments")
        text = _APPROVED.format(digest=bound) if approve else f"denied: {reason or 'not approved'}"
        result = ToolResultBlock(call.tool_use_id, text, True)
        mark = _WAITS.partition("{")[0]
        await context.replace(_changed(history, {call.tool_use_id: result}, mark))


def used_up(history: Sequence[Message]) -> list[Message]:
    """`history` with every approval turned into a call of which nobody knows the outcome."""
    calls = approved(history)
    return _changed(
        history,
        {c.tool_use_id: ToolResultBlock(c.tool_use_id, UNKNOWN_OUTCOME, True) for c in calls},
        _APPROVED.partition("{")[0],
    )


def replaced(
    history: Sequence[Message], results: Mapping[ToolCallID, ToolResultBlock]
) -> list[Message]:
    """`history` with results for calls whose outcome was not known."""
    return _changed(history, results, UNKNOWN_OUTCOME)


def _changed(
    history: Sequence[Message], results: Mapping[ToolCallID, ToolResultBlock], mark: str
) -> list[Message]:
    def change(block: ContentBlock) -> ContentBlock:
        if not (isinstance(block, ToolResultBlock) and block.is_error):
            return block
        if not (isinstance(block.content, str) and block.content.startswith(mark)):
            return block
        return results.get(block.tool_use_id, block)

    changed: list[Message] = []
    for message in history:
        content = [change(block) for block in message.content]
        same = all(a is b for a, b in zip(content, message.content, strict=True))
        changed.append(message if same else Message(message.role, content))
    return changed
