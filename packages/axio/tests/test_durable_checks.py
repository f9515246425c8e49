"""The checks of journals and ledgers pass what keeps its promises, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from axio import MemoryContextStore
from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.exceptions import LimitReached
from axio.journal import Outcome, is_final
from axio.messages import Message
from axio.run.ledger import limit_in_the_way
from axio.testing import check_journal, check_ledger

Notes = dict[str, tuple[ToolUseBlock, ToolResultBlock | None]]


class Journal:
    """A journal in memory. A subclass breaks a promise."""

    def __init__(self) -> None:
        self.notes: Notes = {}

    async def begin(self, call: ToolUseBlock) -> None:
        self.notes[call.id] = call, None

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        self.notes[call.id] = call, result

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        known, result = self.notes.get(call.id, (None, None))
        return Outcome.NOT_BEGUN if known != call else result or Outcome.UNKNOWN

    def settle(self, result: ToolResultBlock) -> None:
        if is_final(result):
            self.forget(result.tool_use_id)

    def forget(self, id: str) -> None:
        for other in [*self.notes]:
            if f"{other}/".startswith(f"{id}/"):
                del self.notes[other]


class Store(MemoryContextStore):
    kind: type[Journal] = Journal

    def __init__(self) -> None:
        super().__init__()
        self._journal = self.kind()

    @property
    def journal(self) -> Journal:
        return self._journal

    async def append(self, message: Message) -> None:
        await self.replace([*self._messages, message])

    async def replace(self, messages: Iterable[Message]) -> None:
        self._messages = list(messages)
        for result in (r for message in self._messages for r in message.tool_results):
            self._journal.settle(result)

    async def clear(self) -> None:
        await super().clear()
        self._journal.notes.clear()


class OneForAll(Journal):
    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        known, result = self.notes.get(call.id, (None, None))
        return Outcome.NOT_BEGUN if known is None else result or Outcome.UNKNOWN


class Hopeful(Journal):
    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        known = await super().outcome(call)
        return Outcome.NOT_BEGUN if known is Outcome.UNKNOWN else known


class OnlyItself(Journal):
    def forget(self, id: str) -> None:
        self.notes.pop(id, None)


class ByPrefix(Journal):
    def forget(self, id: str) -> None:
        for other in [other for other in self.notes if other.startswith(id)]:
            del self.notes[other]


class Forgetful(Journal):
    def settle(self, result: ToolResultBlock) -> None:
        self.forget(result.tool_use_id)


class Never(Journal):
    def settle(self, result: ToolResultBlock) -> None:
        pass


class Together(Journal):
    """Who is cancelled takes the others along."""

    writing: asyncio.Future[None] | None = None

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        await super().finish(call, result)
        if self.writing is None or self.writing.done():
            self.writing = asyncio.ensure_future(asyncio.sleep(0))
        await self.writing


async def test_a_journal_that_keeps_its_promises_passes() -> None:
    await check_journal(Store)


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (OneForAll, "another one"),
        (Hopeful, "has begun is unknown"),
        (OnlyItself, "forgotten with those inside"),
        (ByPrefix, "and no other"),
        (Forgetful, "while a call waits"),
        (Never, "once its result is stored"),
    ],
)
async def test_a_journal_that_breaks_one_is_told(broken: type[Journal], promise: str) -> None:
    class Broken(Store):
        kind = broken

    with pytest.raises(AssertionError, match=promise):
        await check_journal(Broken)


async def test_a_cancelled_note_must_not_take_the_others_along() -> None:
    class Broken(Store):
        kind = Together

    with pytest.raises((AssertionError, asyncio.CancelledError)):
        await check_journal(Broken)


async def test_a_store_without_a_journal_is_told() -> None:
    with pytest.raises(AssertionError, match="the store has a journal"):
        await check_journal(MemoryContextStore)


class Ledger:
    """A ledger in memory."""

    def __init__(self, fault: str = "") -> None:
        self.sums: dict[Any, dict[str, float]] = {}
        self.fault = fault

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        place = "one" if self.fault == "keys" else (key, window)
        is_first = place not in self.sums
        sums = self.sums.get(place, {})
        new = {name: sums.get(name, 0) + amount for name, amount in amounts.items()}
        if self.fault == "slow":
            await asyncio.sleep(0)
        new["tokens"] = new["input_tokens"] + new["output_tokens"]
        over = any(new[name] > limit for name, limit in limits.items())
        if over and not (self.fault == "first" and is_first):
            before = {"tokens": 0, **dict.fromkeys(amounts, 0), **sums}
            raise limit_in_the_way(key, before, amounts, limits)
        self.sums[place] = new
        return place

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        sums = self.sums[ticket]
        for name, difference in {} if self.fault == "settle" else differences.items():
            sums[name] += difference
        sums["tokens"] = sums["input_tokens"] + sums["output_tokens"]


async def test_a_ledger_that_keeps_its_promises_passes() -> None:
    await check_ledger(Ledger())


@pytest.mark.parametrize(
    ("fault", "promise"),
    [
        ("keys", "there is room|each key"),
        ("slow", "side by side"),
        ("first", "the first is limited"),
        ("settle", "to settle makes room"),
    ],
)
async def test_a_ledger_that_breaks_one_is_told(fault: str, promise: str) -> None:
    with pytest.raises((AssertionError, LimitReached), match=promise):
        await check_ledger(Ledger(fault))
