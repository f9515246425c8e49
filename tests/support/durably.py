"""Steps of tests of a `Durable`: to work on its sessions, and to wait for what they come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from axio.approval import PendingCall
from axio.history import UNKNOWN_OUTCOME, check
from axio.messages import Message
from axio_durable import Durable, Rested

__all__ = ("asked", "judge", "rested", "unknown_in", "waits", "words", "working")


@asynccontextmanager
async def working(durable: Durable, **options: float) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(durable.work(stop=stop, **options))  # type: ignore[arg-type]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def rested(durable: Durable, session: str, within: float = 60) -> Rested:
    """How the session comes to rest; its history must be valid then."""
    async with asyncio.timeout(within):
        async for event in durable.follow(session):
            last = event
    assert isinstance(last, Rested)
    assert check(await durable.history(session)) == []
    return last


def words(history: list[Message]) -> list[str]:
    return [repr(message.content) for message in history]


async def asked(durable: Durable, session: str = "s") -> PendingCall:
    assert await rested(durable, session) == Rested("approval")
    [call] = await durable.pending(session)
    return call


async def waits(durable: Durable) -> PendingCall:
    async with asyncio.timeout(60):
        while not (calls := await durable.waiting("s")):  # noqa: ASYNC110 - another task sees to it
            await asyncio.sleep(0.02)
    return calls[0]


def unknown_in(history: list[Message]) -> int:
    """How many results are that the outcome is unknown."""
    results = (result for message in history for result in message.tool_results)
    return sum(result.content == UNKNOWN_OUTCOME for result in results)


def judge(history: list[Message], effects: list[str], wanted: int) -> None:
    """The history is valid, no effect came twice, and each that is missing was told as unknown."""
    assert check(history) == []
    assert len(set(effects)) == len(effects)
    assert wanted - unknown_in(history) <= len(effects) <= wanted
