"""Promises of the journals of stores that can be opened twice and rewound."""

from __future__ import annotations

from typing import Protocol

import pytest

from axio.approval import waiting_note
from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.exceptions import SessionBusy
from axio.journal import Journal, Outcome
from axio.messages import Message

__all__ = ("CALL", "check_another_process", "check_rewinding")

CALL = ToolUseBlock("a\udfff\0/é", "tool", {"x": [1, "\ud83d"]})


class Rewinds(Protocol):
    async def rewind(self, number: int, /) -> None: ...


def journal_of(store: ContextStore) -> Journal:
    assert store.journal is not None
    return store.journal


async def check_another_process(store: ContextStore, other: ContextStore) -> None:
    """It reads the notes and makes none."""
    result = ToolResultBlock(CALL.id, "done")
    async with store.own():
        await journal_of(store).finish(CALL, result)
        assert await journal_of(other).outcome(CALL) == result
        with pytest.raises(SessionBusy):
            await journal_of(other).begin(CALL)


async def check_rewinding(store: ContextStore, rewinds: Rewinds) -> None:
    """Calls go with the messages that make them."""
    kept, gone = ToolUseBlock("a", "tool", {}), ToolUseBlock("b", "tool", {})
    inside = ToolUseBlock("b/1", "tool", {})
    for call in (kept, gone):
        note = waiting_note(call.id, "tool", {}, "")
        await store.append(Message("assistant", [call]))
        await store.append(Message("user", [ToolResultBlock(call.id, note, True)]))
    async with store.own():
        journal = journal_of(store)
        for call in (kept, gone, inside):
            await journal.begin(call)
        await rewinds.rewind(2)
        assert await journal.outcome(kept) is Outcome.UNKNOWN
        for call in (gone, inside):
            assert await journal.outcome(call) is Outcome.NOT_BEGUN
