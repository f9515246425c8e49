"""Histories made up from a seed, as crashes, people and other writers leave them, to be resumed.

`judge_resumed` names all that is wrong with what became of one. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from axio.approval import approved, digest, pending, waiting_note
from axio.blocks import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.history import INTERRUPTED, UNKNOWN_OUTCOME, check, repair
from axio.messages import Message
from support.fuzz import answered

__all__ = ("Resumed", "history", "judge_resumed")


class _Author:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.number = 0

    def text(self) -> TextBlock:
        self.number += 1
        return TextBlock(f"text {self.number}")

    def turn(self) -> list[Message]:
        """A prompt and its answer, or a turn of calls with their results."""
        random = self.random
        if random.random() < 0.3:
            return [Message("user", [self.text()]), Message("assistant", [self.text()])]
        calls: list[ContentBlock] = []
        results: list[ContentBlock] = []
        for _ in range(random.randint(1, 3)):
            self.number += 1
            id = random.choice((f"id{self.number}", f"id{self.number}", "same"))
            call = ToolUseBlock(id, random.choice(("work", "work", "gone")), {"n": self.number})
            calls.append(call)
            results.append(self.result(call))
        said: list[ContentBlock] = [self.text()] if random.random() < 0.5 else []
        messages = [Message("assistant", [*said, *calls]), Message("user", results)]
        return messages if random.random() < 0.3 else [Message("user", [self.text()]), *messages]

    def result(self, call: ToolUseBlock) -> ToolResultBlock:
        waits = waiting_note(call.id, call.name, call.input, "ask a person")
        granted = f"[approved {digest(call.id, call.name, call.input)}] It will be run."
        stale = f"[approved {digest(call.id, call.name, {'n': 0})}] It will be run."
        told = self.random.choice(
            ["done", INTERRUPTED, UNKNOWN_OUTCOME, waits, waits, granted, granted, stale]
        )
        return ToolResultBlock(call.id, told, told != "done")


def history(random: Random) -> list[Message]:
    """Up to five turns, in two cases of three damaged somewhere."""
    author = _Author(random)
    messages = [message for _ in range(random.randint(0, 5)) for message in author.turn()]
    for _ in range(random.choice((0, 1, 3))):
        if messages:
            _damage(messages, random)
    return messages


def _damage(messages: list[Message], random: Random) -> None:
    at = random.randrange(len(messages))
    message = messages[at]
    match random.randrange(8):
        case 0:
            del messages[at:]
        case 1:
            del messages[at]
        case 2:
            messages.insert(at, Message(random.choice(("user", "assistant")), []))
        case 3:
            messages.append(messages.pop(at))
        case 4:
            content = random.sample(message.content, len(message.content))
            messages[at] = Message(message.role, content)
        case 5:
            messages[at] = Message(message.role, message.content[:-1])
        case 6:
            messages.insert(at, Message("user", [ToolResultBlock("of no call", "done")]))
        case 7:
            role = random.choice(("developer", "system"))
            messages[at] = Message(role, message.content)  # type: ignore[arg-type]


@dataclass(slots=True)
class Resumed:
    """How a history was resumed, once or twice; `ran` are the arguments `n` of the calls that ran.

    `is_whole` if nothing stopped the first run, and its store did not fail.
    """

    before: Sequence[Message]
    ran: Counter[int]
    requests: int
    after: Sequence[Message]
    is_whole: bool
    may_be_invalid: bool
    tasks_left: int
    end: str


def judge_resumed(found: Resumed) -> Iterator[str]:
    """Everything that is wrong with it."""
    mended = repair(found.before)
    granted = Counter(call.input["n"] for call in approved(mended) if call.name == "work")
    if surplus := found.ran - granted:
        yield f"ran without an approval, or more than once: {dict(surplus)}"
    if found.tasks_left:
        yield f"{found.tasks_left} tasks left"
    if not found.may_be_invalid:
        yield from (f"history: {problem.text}" for problem in check(found.after))
    texts = _texts(mended)
    if _texts(found.after)[: len(texts)] != texts:
        yield f"the texts {texts} have become {_texts(found.after)}"
    if not found.is_whole:
        return
    if found.end:
        yield f"it ended with {found.end}"
    if missing := granted - found.ran:
        yield f"approved, and not run: {dict(missing)}"
    if [*map(_place, pending(found.after))] != [*map(_place, pending(mended))]:
        yield "other calls wait than before"
    if approved(found.after):
        yield "an approval was left"
    has_to_answer = bool(mended) and mended[-1].role != "assistant" and not pending(mended)
    if found.requests != has_to_answer:
        yield f"the model was asked {found.requests} times"
    for call, result in answered(found.after):
        if call.input["n"] in found.ran and result.content != f"did {call.input['n']}":
            yield f"call {call.input['n']} ran and has the result {result}"


def _place(call: object) -> str:
    return repr(call)


def _texts(messages: Sequence[Message]) -> list[str]:
    return [b.text for message in messages for b in message.content if isinstance(b, TextBlock)]
