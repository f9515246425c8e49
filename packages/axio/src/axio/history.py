"""The rules of a history that every provider accepts, and how to mend one that breaks them.

The rules: each call of an assistant message has exactly one result; the results are the first
blocks of the next message, a user message, in the order of the calls; ids are unique within a
turn; no message is empty. Everything here is pure: no I/O, arguments are never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from axio.blocks import ContentBlock, ToolResultBlock, ToolUseBlock
from axio.exceptions import HistoryError
from axio.messages import Message
from axio.types import ToolCallID

__all__ = (
    "INTERRUPTED",
    "NOT_BEGUN",
    "UNKNOWN_OUTCOME",
    "Problem",
    "check",
    "open_turn",
    "repair",
    "safe_cut",
)

INTERRUPTED = "[interrupted by user]"

NOT_BEGUN = "[not run] The run ended before this call was begun."

UNKNOWN_OUTCOME = (
    "[outcome unknown] The run ended before this call's result was stored. It may or may not have "
    "taken effect: find out before calling again."
)

_ROLES = frozenset(("user", "assistant", "system"))


@dataclass(frozen=True, slots=True)
class Problem:
    """One violation: in message `index`, of the call `tool_use_id` where it concerns one."""

    index: int
    text: str
    tool_use_id: ToolCallID | None = None


def calls_of(message: Message) -> list[ToolUseBlock]:
    """The calls an assistant message makes; none for other roles."""
    if message.role != "assistant":
        return []
    return [block for block in message.content if isinstance(block, ToolUseBlock)]


def check(messages: Sequence[Message], start: int = 0) -> list[Problem]:
    """Everything wrong from message `start` on, taking what is before it as valid.

    Empty when the history can be sent. Linear in the messages looked at.
    """
    problems: list[Problem] = []
    expected = calls_of(messages[start - 1]) if 0 < start <= len(messages) else []
    for index in range(start, len(messages)):
        message = messages[index]
        problems.extend(_check_message(index, message))
        problems.extend(_check_results(index, message, expected))
        expected = calls_of(message)
    problems.extend(
        Problem(len(messages) - 1, f"call {call.id!r} ({call.name}) has no result", call.id)
        for call in expected
    )
    return problems


def _check_message(index: int, message: Message) -> list[Problem]:
    problems = []
    if message.role not in _ROLES:
        problems.append(Problem(index, f"unknown role {message.role!r}"))
    if not message.content:
        problems.append(Problem(index, "empty message"))
    seen: set[ToolCallID] = set()
    for block in message.content:
        if isinstance(block, ToolUseBlock):
            if message.role != "assistant":
                problems.append(Problem(index, f"a call in a {message.role} message", block.id))
            elif block.id in seen:
                problems.append(Problem(index, f"two calls with the id {block.id!r}", block.id))
            elif not is_object(block.input):
                problems.append(Problem(index, "arguments are not an object", block.id))
            seen.add(block.id)
    return problems


def _check_results(index: int, message: Message, expected: list[ToolUseBlock]) -> list[Problem]:
    content = message.content
    results = [block for block in content if isinstance(block, ToolResultBlock)]
    if not results and not expected:
        return []
    if message.role != "user":
        results = []
    problems = []
    wanted = [call.id for call in expected]
    given = [block.tool_use_id for block in results]
    if given != wanted:
        missing = (Counter(wanted) - Counter(given)).elements()
        surplus = (Counter(given) - Counter(wanted)).elements()
        problems += [Problem(index, f"no result for the call {id!r} here", id) for id in missing]
        problems += [Problem(index, f"a result without a call: {id!r}", id) for id in surplus]
        if not problems:
            problems.append(Problem(index, "results are not in the order of the calls"))
    elif any(a is not b for a, b in zip(content, results, strict=False)):
        problems.append(Problem(index, "results must come before other content"))
    if message.role != "user":
        problems += [
            Problem(index, f"a result in a {message.role} message", block.tool_use_id)
            for block in content
            if isinstance(block, ToolResultBlock)
        ]
    return problems


def repair(
    messages: Sequence[Message],
    outcome: str = UNKNOWN_OUTCOME,
    known: Mapping[ToolCallID, ToolResultBlock] = MappingProxyType({}),
) -> list[Message]:
    """A valid history with everything of `messages` that can be kept.

    Results are moved to their calls, missing ones answered with the `known` result of that id, if
    there is one, or the error `outcome`; results without a call and empty messages dropped,
    repeated ids made unique. Deterministic; `repair(repair(h)) == repair(h)`; a valid history comes
    back equal, its messages the same objects.
    """
    mended: list[Message] = []
    index = 0
    while index < len(messages):
        message = messages[index]
        index += 1
        if message.role != "assistant":
            _append(mended, message, [b for b in message.content if not _is_tool_block(b)])
            continue
        content, calls = _unique_calls(message.content)
        if not _append(mended, message, content) or not calls:
            continue
        end = index
        while end < len(messages) and messages[end].role != "assistant":
            end += 1
        answers = _answers(calls, messages[index:end], outcome, known)
        follower = messages[index] if index < end and messages[index].role == "user" else None
        rest = [] if follower is None else [b for b in follower.content if not _is_tool_block(b)]
        _append(mended, follower or Message("user"), [*answers, *rest])
        index += follower is not None
    return mended


def is_object(value: object) -> bool:
    """A foreign writer may have stored arguments of any type."""
    return isinstance(value, dict)


def _is_tool_block(block: ContentBlock) -> bool:
    return isinstance(block, (ToolUseBlock, ToolResultBlock))


def _append(mended: list[Message], message: Message, content: list[ContentBlock]) -> bool:
    """Add `message` with `content`, as the same object if nothing changed; skip an empty one."""
    if not content:
        return False
    role = message.role if message.role in _ROLES else "user"
    same = (
        role == message.role
        and len(content) == len(message.content)
        and all(a is b for a, b in zip(content, message.content, strict=True))
    )
    mended.append(message if same else Message(role, content))
    return True


def _unique_calls(
    content: Iterable[ContentBlock],
) -> tuple[list[ContentBlock], list[tuple[ToolUseBlock, ToolCallID]]]:
    """The content without results and with unique ids; each call with the id it came with."""
    kept: list[ContentBlock] = []
    calls: list[tuple[ToolUseBlock, ToolCallID]] = []
    taken: set[ToolCallID] = set()
    for block in content:
        if isinstance(block, ToolResultBlock):
            continue
        if isinstance(block, ToolUseBlock):
            original, call = block.id, block
            id = unique_id(original, taken)
            if id != original or not is_object(call.input):
                call = ToolUseBlock(id, call.name, call.input if is_object(call.input) else {})
            taken.add(id)
            calls.append((call, original))
            block = call
        kept.append(block)
    return kept, calls


def unique_id(id: ToolCallID, taken: Container[ToolCallID]) -> ToolCallID:
    """`id`, or one of `id_2`, `id_3`, ... that is not taken: the first, unless those have gaps.

    Found by halving, for a model that gives thousands of calls one id.
    """
    if id not in taken:
        return id
    used, free = 1, 2
    while f"{id}_{free}" in taken:
        used, free = free, 2 * free
    while free - used > 1:
        middle = (used + free) // 2
        if f"{id}_{middle}" in taken:
            used = middle
        else:
            free = middle
    return f"{id}_{free}"


def _answers(
    calls: list[tuple[ToolUseBlock, ToolCallID]],
    messages: Sequence[Message],
    outcome: str,
    known: Mapping[ToolCallID, ToolResultBlock],
) -> list[ContentBlock]:
    """One result a call, in call order, from wherever it stands before the next turn."""
    found: dict[ToolCallID, list[ToolResultBlock]] = {}
    for message in messages:
        for block in message.content:
            if isinstance(block, ToolResultBlock):
                found.setdefault(block.tool_use_id, []).append(block)
    answers: list[ContentBlock] = []
    for call, original in calls:
        left = found.get(original)
        result = left.pop(0) if left else known.get(call.id)
        result = result or ToolResultBlock(call.id, outcome, True)
        if result.tool_use_id != call.id:
            result = ToolResultBlock(call.id, result.content, result.is_error)
        answers.append(result)
    return answers


def open_turn(messages: Sequence[Message]) -> int:
    """The length of `messages` without a last assistant message whose calls have no results.

    While a run's tools work its store ends in such a message. Other readers of the store (forks,
    sub-agents, compaction) stop before it.
    """
    length = len(messages)
    return length - 1 if length and calls_of(messages[-1]) else length


def safe_cut(messages: Sequence[Message], at: int) -> int:
    """The nearest cut at or before `at` that parts no call from its result.

    `messages[:cut]` and `messages[cut:]` are both valid if `messages` is.
    """
    if not 0 <= at <= len(messages):
        raise HistoryError(f"cannot cut {len(messages)} messages at {at}")
    while 0 < at < len(messages) and calls_of(messages[at - 1]):
        at -= 1
    return at
