"""One run holds a store, the others wait; none waits for a holder that cannot come back."""

from __future__ import annotations

import asyncio
import copy
import logging

import pytest

from axio import Agent, MemoryContextStore
from axio.history import check
from axio.ownership import Ownership
from axio.resilience import RateLimit
from axio.testing import StubTransport, make_text_response
from support.clock import in_no_time, live_timers


async def test_those_who_wait_get_it_in_the_order_they_came() -> None:
    store = MemoryContextStore()
    order: list[int] = []

    async def hold(number: int) -> None:
        async with store.own():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(hold, range(4)))
    assert order == [0, 1, 2, 3]


async def test_one_who_gives_up_waiting_is_passed_over() -> None:
    store = MemoryContextStore()
    async with store.own():
        impatient = asyncio.ensure_future(store.own().__aenter__())
        patient = asyncio.ensure_future(store.own().__aenter__())
        await asyncio.sleep(0)
        impatient.cancel()
    async with asyncio.timeout(60):
        await patient


async def test_one_who_gives_up_waiting_lets_nobody_else_in() -> None:
    store = MemoryContextStore()
    async with store.own():
        impatient = asyncio.ensure_future(store.own().__aenter__())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        next_one = asyncio.ensure_future(store.own().__aenter__())
        await asyncio.sleep(0)
        assert not next_one.done()
    async with asyncio.timeout(60):
        await next_one


def test_one_who_waited_in_a_loop_that_is_closed_is_passed_over() -> None:
    store = MemoryContextStore()
    holding, closed = asyncio.new_event_loop(), asyncio.new_event_loop()
    holding.run_until_complete(store.own().__aenter__())
    waiting = closed.create_task(store.own().__aenter__())
    closed.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    closed.close()

    async def release() -> None:
        await store.own().__aexit__(None, None, None)
        async with asyncio.timeout(60), store.own():
            pass

    holding.run_until_complete(release())
    holding.close()


def test_one_who_got_it_from_another_loop_holds_it_when_that_loop_is_closed() -> None:
    store = MemoryContextStore()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(store.own().__aenter__())
    waiting = second.create_task(store.own().__aenter__())
    second.run_until_complete(asyncio.sleep(0))
    first.run_until_complete(store.own().__aexit__(None, None, None))
    first.close()

    async def hold() -> None:
        await waiting
        third = asyncio.ensure_future(store.own().__aenter__())
        await asyncio.sleep(0)
        assert not third.done()
        await store.own().__aexit__(None, None, None)
        async with asyncio.timeout(60):
            await third

    second.run_until_complete(hold())
    second.close()


async def test_one_who_gives_up_at_the_very_moment_passes_it_on() -> None:
    store = MemoryContextStore()
    async with store.own():
        first, second = (asyncio.ensure_future(store.own().__aenter__()) for _ in range(2))
        await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(60):
        await second


def test_what_was_held_in_a_loop_that_is_closed_can_be_taken_over() -> None:
    store = MemoryContextStore()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.own().__aenter__())
    waiting = loop.create_task(store.own().__aenter__())
    loop.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()

    async def next_ones() -> None:
        async with asyncio.timeout(60):
            for _ in range(2):
                async with store.own():
                    pass

    asyncio.run(next_ones())


def test_a_lock_whose_holder_cannot_come_back_is_free() -> None:
    lock = Ownership()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(lock.__aenter__())
    loop.close()

    async def take() -> None:
        async with asyncio.timeout(60), lock:
            pass

    asyncio.run(take())


# The interpreter says of the dropped stream that it could not be closed, sooner or later.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_goes_on_where_a_stream_was_dropped_with_its_loop() -> None:
    store = MemoryContextStore()

    async def begin() -> None:
        await anext(Agent("", StubTransport([make_text_response("a")])).run_stream("1", store))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()

    async def go_on() -> str:
        async with asyncio.timeout(60):
            return await Agent("", StubTransport([make_text_response("b")])).run("2", store)

    assert asyncio.run(go_on()) == "b"
    assert check(asyncio.run(store.get_history())) == []


async def test_a_copy_of_a_store_is_not_held_by_who_holds_the_store() -> None:
    store = MemoryContextStore()
    async with store.own(), asyncio.timeout(60), copy.deepcopy(store).own():
        pass


@pytest.mark.parametrize("seconds", [9, 11])
@in_no_time
async def test_a_run_that_waits_long_for_another_tells_the_way_out(
    seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryContextStore()
    left = Agent("", StubTransport([make_text_response("a b c")])).run_stream("1", store)
    opened = asyncio.Event()

    async def leave_it_open() -> None:
        await anext(left)
        opened.set()
        await asyncio.Event().wait()

    holder = asyncio.ensure_future(leave_it_open())
    await opened.wait()
    agent = Agent("", StubTransport([make_text_response("b")]))
    with caplog.at_level(logging.WARNING):
        waiting = asyncio.ensure_future(agent.run("2", store))
        await asyncio.sleep(seconds)
        holder.cancel()
        await left.aclose()
        assert await waiting == "b"
    told = [record.getMessage() for record in caplog.records]
    assert ["await stream.aclose()" in text for text in told] == ([True] if seconds > 10 else [])
    assert live_timers() == []


@in_no_time
async def test_requests_that_wait_as_a_matter_of_course_log_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = RateLimit(StubTransport([make_text_response("a")]), requests_per_minute=1)
    agents = [Agent("", slow).run("go", MemoryContextStore()) for _ in range(3)]
    assert await asyncio.gather(*agents) == ["a"] * 3
    assert not caplog.records
