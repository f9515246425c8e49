"""The promises of an engine that hands out sessions: `check_scheduler`, for those who write one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from axio_durable.scheduler import Advance, Scheduler

__all__ = ("check_scheduler",)

_PATIENCE = 60.0  # seconds in which an engine must have done what it promised

_NAMES = ("a", "with space", "ünïcode", "parent/child/1", "x" * 300, "'; --", "%s\\n")


async def check_scheduler(make: Callable[[], Scheduler], *, is_shared: bool = True) -> None:
    """AssertionError for a promise that the schedulers do not keep.

    `make` gives a new scheduler each time. With `is_shared` a poke of one reaches the workers of
    another, as it does with every engine.
    """
    await _check_names(make)
    await _check_poke_before_work(make, make if is_shared else None)
    await _check_poke_during_advance(make)
    await _check_concurrency(make)
    await _check_failure(make)
    await _check_stop(make)


def _require(condition: object, promise: str) -> None:
    if not condition:
        raise AssertionError(promise)


async def _until(condition: Callable[[], object], promise: str) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            while not condition():  # noqa: ASYNC110 - engines set no event of ours
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(promise) from None


@asynccontextmanager
async def _opened(make: Callable[[], Scheduler]) -> AsyncIterator[Scheduler]:
    scheduler = make()
    await scheduler.open()
    try:
        yield scheduler
    finally:
        await scheduler.close()


@asynccontextmanager
async def _working(
    scheduler: Scheduler, advance: Advance, concurrency: int = 10
) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(scheduler.work(advance, concurrency, stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(_PATIENCE):
            await task


async def _check_names(make: Callable[[], Scheduler]) -> None:
    served: Counter[str] = Counter()

    async def advance(session: str) -> None:
        served[session] += 1

    async with _opened(make) as scheduler, _working(scheduler, advance):
        for name in _NAMES:
            await scheduler.poke(name)
        await _until(lambda: set(served) >= {*_NAMES}, "a session of any id is served")
    _require(set(served) == {*_NAMES}, "no other session is served")


async def _check_poke_before_work(
    make: Callable[[], Scheduler], other: Callable[[], Scheduler] | None
) -> None:
    served: Counter[str] = Counter()

    async def advance(session: str) -> None:
        served[session] += 1

    async with _opened(make) as poker:
        for _ in range(3):
            await poker.poke("early")
        if other is None:
            async with _working(poker, advance):
                await _until(lambda: served["early"], "a poke waits for a worker")
            return
        async with _opened(other) as worker, _working(worker, advance):
            await _until(lambda: served["early"], "a poke waits for a worker, of any process")


async def _check_poke_during_advance(make: Callable[[], Scheduler]) -> None:
    served: Counter[str] = Counter()
    go_on = asyncio.Event()

    async def advance(session: str) -> None:
        served[session] += 1
        await go_on.wait()

    async with _opened(make) as scheduler, _working(scheduler, advance):
        await scheduler.poke("again")
        await _until(lambda: served["again"], "a poke is served")
        await scheduler.poke("again")
        go_on.set()
        await _until(lambda: served["again"] > 1, "a poke during a service leads to another one")


async def _check_concurrency(make: Callable[[], Scheduler]) -> None:
    served: Counter[str] = Counter()
    at_work, most = 0, 0
    is_full = asyncio.Event()

    async def advance(session: str) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if at_work == 4:
            is_full.set()
        await is_full.wait()
        await asyncio.sleep(0.01)
        at_work -= 1
        served[session] += 1

    names = [f"many {number}" for number in range(40)]
    async with _opened(make) as scheduler, _working(scheduler, advance, 4):
        for name in names * 2:
            await scheduler.poke(name)
        await _until(is_full.is_set, "as many are served at once as was asked for")
        await _until(lambda: set(served) >= {*names}, "every session is served")
    _require(most == 4, f"no more are served at once than was asked for: {most} were")


async def _check_failure(make: Callable[[], Scheduler]) -> None:
    served: Counter[str] = Counter()

    async def advance(session: str) -> None:
        served[session] += 1
        if session == "fails":
            raise RuntimeError("this is meant to fail")

    async with _opened(make) as scheduler, _working(scheduler, advance, 1):
        await scheduler.poke("fails")
        await _until(lambda: served["fails"], "a poke is served")
        await scheduler.poke("other")
        await _until(lambda: served["other"], "a session that fails stops no other")


async def _check_stop(make: Callable[[], Scheduler]) -> None:
    served: Counter[str] = Counter()
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def advance(session: str) -> None:
        served[session] += 1
        await go_on.wait()
        ended.set()

    async with _opened(make) as scheduler:
        async with _working(scheduler, advance) as stop:
            await scheduler.poke("under way")
            await _until(lambda: served["under way"], "a poke is served")
            stop.set()
            await asyncio.sleep(0.1)
            _require(not ended.is_set(), "a stop leaves time for what is under way")
            go_on.set()
        _require(ended.is_set(), "a worker has stopped when what was under way has ended")
