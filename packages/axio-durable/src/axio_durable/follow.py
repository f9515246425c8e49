"""A session as a client sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TypeAlias

from axio.approval import has_notes
from axio.durable import Cursor, Standing
from axio.events import StreamEvent
from axio.history import UNKNOWN_OUTCOME
from axio.messages import Message
from axio_durable.store import DurableStore

__all__ = ("Followed", "Restarted", "Rested", "Stored", "follow")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of the history, in its place from 0 on. Live events before it are void."""

    index: int
    message: Message


@dataclass(frozen=True, slots=True)
class Restarted:
    """The turn has been begun again: live events since the last message are void."""


@dataclass(frozen=True, slots=True)
class Rested:
    """Nothing more is to be done: why, and the words of a failure."""

    reason: str
    words: str = ""


Followed: TypeAlias = Stored | Restarted | Rested | StreamEvent


async def follow(
    store: DurableStore, after: int = 0, *, every: float = 0.2
) -> AsyncGenerator[Followed, None]:
    """Messages from number `after` on, each once, with live events between them, until the session
    rests, but for results that come by themselves. `every` so many seconds the store is asked for
    what is new.

    A message with results that are not there yet comes when they are; `Durable.pending` and
    `waiting` tell of its calls.
    """
    cursor = Cursor(after)
    while True:
        standing = await store.work.standing()  # first: what comes after it is seen below
        seen = await store.live.read(cursor)
        messages = seen.messages
        waits = bool(messages) and has_notes(messages[-1])
        is_under_way = bool(messages) and await _is_under_way(messages[-1], standing, store)
        is_held = waits or is_under_way
        if is_held:
            messages = messages[:-1]  # until it has the results it will keep
        for index, message in enumerate(messages, cursor.messages):
            yield Stored(index, message)
        if seen.restarts:
            yield Restarted()
        for event in () if is_held else seen.events:  # they would be told with each look
            yield event
        cursor = Cursor(cursor.messages + len(messages)) if is_held else seen.cursor
        if standing.is_at_rest and standing.reason != "waiting" and not is_under_way:
            yield Rested(standing.reason, standing.words)
            return
        await asyncio.sleep(every)


async def _is_under_way(last: Message, standing: Standing, store: DurableStore) -> bool:
    """True while an approved call of it may be under way: until that has ended, its result is that
    the outcome is unknown."""
    if not any(result.content == UNKNOWN_OUTCOME for result in last.tool_results):
        return False
    # It may have been approved since the session was seen at rest.
    return not standing.is_at_rest or standing.stirred != (await store.work.standing()).stirred
