"""Whose cancel it is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies as st

from axio.cancellation import Cancels, is_being_cancelled

steps = st.lists(st.sampled_from(["own", "other", "take back"]), max_size=8)


def run(before: int, asked: list[str]) -> tuple[bool, int]:
    """The verdict on a task cancelled `before` times, after the steps, and its count then."""

    async def main() -> tuple[bool, int]:
        async def work() -> tuple[bool, int]:
            task = asyncio.current_task()
            assert task is not None
            for _ in range(before):
                task.cancel()
            cancels = Cancels(task)
            for step in asked:
                if step == "own":
                    cancels.cancel(task)
                elif step == "other":
                    task.cancel()
                else:
                    cancels.take_back()
            cancels.take_back()
            told = cancels.come_from_elsewhere(task), task.cancelling()
            while task.uncancel():
                pass
            with pytest.raises(asyncio.CancelledError):
                task.cancel()
                await asyncio.sleep(0)
            task.uncancel()
            return told

        return await asyncio.create_task(work())

    return asyncio.run(main())


@given(st.integers(0, 3), steps)
def test_own_cancels_are_told_from_those_of_others(before: int, asked: list[str]) -> None:
    others = asked.count("other")
    assert run(before, asked) == (others > 0, before + others)


async def test_another_task_has_no_cancels_of_before() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    cancels = Cancels(asyncio.current_task())
    assert not cancels.come_from_elsewhere(task) and not cancels.come_from_elsewhere(None)
    cancels.cancel(task)
    cancels.take_back()
    assert not cancels.come_from_elsewhere(task)
    task.cancel()
    assert cancels.come_from_elsewhere(task)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_outside_of_any_task_nothing_is_being_cancelled() -> None:
    loop = asyncio.get_running_loop()
    told = loop.create_future()
    loop.call_soon(lambda: told.set_result(is_being_cancelled()))
    assert await told is False


async def test_a_task_knows_that_it_is_being_cancelled() -> None:
    assert not is_being_cancelled()
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    assert is_being_cancelled()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    task.uncancel()
    assert not is_being_cancelled()
