"""Checks of the promises of journals and ledgers, which hold over many processes, for tests of
your own.

Each raises AssertionError with a sentence that says which promise is broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from os import urandom

from axio.approval import waiting_note
from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.exceptions import LimitReached
from axio.journal import Journal, Outcome
from axio.messages import Message
from axio.run.ledger import Ledger

__all__ = ("check_journal", "check_ledger")

_CALL = ToolUseBlock("a\udfff\0/é", "tool", {"x": [1, "\ud83d"]})


def _require(condition: object, promise: str) -> None:
    if not condition:
        raise AssertionError(promise)


async def check_journal(make: Callable[[], ContextStore | Awaitable[ContextStore]]) -> None:
    """Check the journals of the stores that `make` returns: new, empty ones, each of another
    session."""

    async def new() -> tuple[ContextStore, Journal]:
        made = make()
        store = await made if isawaitable(made) else made
        journal = store.journal
        _require(journal is not None, "the store has a journal")
        assert journal is not None
        return store, journal

    for check in (_check_outcomes, _check_many, _check_forgetting, _check_keeping, _check_clear):
        store, journal = await new()
        try:
            async with store.own():
                await check(store, journal)
        finally:
            await store.close()


async def _check_outcomes(store: ContextStore, journal: Journal) -> None:
    result = ToolResultBlock(
        _CALL.id, [TextBlock("\ud83d ü"), ImageBlock("image/png", b"\0\1")], True
    )
    _require(await journal.outcome(_CALL) is Outcome.NOT_BEGUN, "a new call has not begun")
    await journal.begin(_CALL)
    _require(await journal.outcome(_CALL) is Outcome.UNKNOWN, "a call that has begun is unknown")
    await journal.finish(_CALL, result)
    _require(await journal.outcome(_CALL) == result, "the outcome of a finished call is its result")
    for other in (ToolUseBlock(_CALL.id, "b", _CALL.input), ToolUseBlock(_CALL.id, "tool", {})):
        known = await journal.outcome(other)
        _require(known is Outcome.NOT_BEGUN, "a call of another tool or arguments is another one")
    await journal.begin(_CALL)
    _require(await journal.outcome(_CALL) is Outcome.UNKNOWN, "a call may begin again")


async def _check_many(store: ContextStore, journal: Journal) -> None:
    calls = [ToolUseBlock(f"call {n}", "tool", {"n": n}) for n in range(20)]
    await asyncio.gather(*(journal.begin(call) for call in calls))
    tasks = [asyncio.ensure_future(journal.finish(c, ToolResultBlock(c.id, c.id))) for c in calls]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.wait(tasks)
    for task, call in zip(tasks[1:], calls[1:], strict=True):
        task.result()
        known = await journal.outcome(call)
        _require(
            known == ToolResultBlock(call.id, call.id),
            "calls side by side are all noted, also when one of them is cancelled",
        )


async def _begin_some(journal: Journal) -> None:
    for id in ("a", "a/1", "a/1/2", "ab", "b"):
        await journal.begin(ToolUseBlock(id, "tool", {}))


async def _begun(journal: Journal) -> list[str]:
    return [
        id
        for id in ("a", "a/1", "a/1/2", "ab", "b")
        if await journal.outcome(ToolUseBlock(id, "tool", {})) is not Outcome.NOT_BEGUN
    ]


async def _check_forgetting(store: ContextStore, journal: Journal) -> None:
    results = Message("user", [ToolResultBlock("a", "done")])
    for way in (store.append, lambda message: store.replace([message])):
        await _begin_some(journal)
        await way(results)
        left = await _begun(journal)
        _require(
            left == ["ab", "b"],
            "a call is forgotten with those inside it, and no other, once its result is stored",
        )
        await store.clear()


async def _check_keeping(store: ContextStore, journal: Journal) -> None:
    note = waiting_note("a", "tool", {}, "Ada decides")
    await _begin_some(journal)
    await store.append(Message("user", [ToolResultBlock("a", note, True)]))
    left = await _begun(journal)
    _require(left == ["a", "a/1", "a/1/2", "ab", "b"], "while a call waits it is not forgotten")


async def _check_clear(store: ContextStore, journal: Journal) -> None:
    await _begin_some(journal)
    await store.clear()
    _require(await _begun(journal) == [], "clear forgets all calls")


# ── ledgers ───────────────────────────────────────────────────────────────────────────────────────


async def check_ledger(ledger: Ledger) -> None:
    """Check a ledger, under keys that no other uses."""
    await _check_limits(ledger)
    await _check_side_by_side(ledger)
    await _check_keys(ledger)


def _amounts(
    requests: int = 0, input_tokens: int = 0, output_tokens: int = 0, cost: float = 0.0
) -> dict[str, float]:
    return {
        "requests": requests,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cost": cost,
    }


async def _has_room(
    ledger: Ledger, key: str, amounts: dict[str, float], name: str, limit: float
) -> bool:
    try:
        await ledger.reserve(key, amounts, {name: limit}, None)
    except LimitReached as error:
        _require(error.reason in (name, "tokens"), f"the reason of LimitReached is {name!r}")
        return False
    return True


async def _check_limits(ledger: Ledger) -> None:
    for name, each in (
        ("requests", _amounts(requests=1)),
        ("input_tokens", _amounts(input_tokens=1)),
        ("output_tokens", _amounts(output_tokens=1)),
        ("tokens", _amounts(input_tokens=1, output_tokens=0)),
        ("cost", _amounts(cost=1.0)),
    ):
        key = urandom(8).hex()
        _require(not await _has_room(ledger, key, each, name, 0.5), "the first is limited too")
        _require(await _has_room(ledger, key, each, name, 2), "there is room below the limit")
        _require(await _has_room(ledger, key, each, name, 2), "there is room up to the limit")
        _require(not await _has_room(ledger, key, each, name, 2), "nothing goes over the limit")
        ticket = await ledger.reserve(key, each, {}, None)
        await ledger.settle(ticket, {kind: -2 * amount for kind, amount in each.items()})
        _require(await _has_room(ledger, key, each, name, 2), "to settle makes room")


async def _check_side_by_side(ledger: Ledger) -> None:
    key, one = urandom(8).hex(), _amounts(requests=1)
    found = await asyncio.gather(
        *(_has_room(ledger, key, one, "requests", 5) for _ in range(20)),
    )
    _require(sum(found) == 5, "reserving side by side never goes over the limit")


async def _check_keys(ledger: Ledger) -> None:
    one = _amounts(requests=1)
    for key in (f"{urandom(8).hex()}\0\ud800{n}" for n in range(2)):
        _require(await _has_room(ledger, key, one, "requests", 1), "each key has its own sums")
    key = urandom(8).hex()
    await ledger.reserve(key, one, {"requests": 1}, None)
    for window in (1_000_000.0, 2_000_000.5):
        await ledger.reserve(key, one, {"requests": 1}, window)
        try:
            await ledger.reserve(key, one, {"requests": 1}, window)
        except LimitReached:
            continue
        raise AssertionError("the sums of a window are limited")
