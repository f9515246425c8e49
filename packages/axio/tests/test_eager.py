"""Tasks whose first step runs at once are tasks like any other."""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import Any

import pytest

from axio.run import start as eager

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="outside")


async def test_what_need_not_wait_is_done_when_start_returns() -> None:
    async def work() -> None:
        seen.append(asyncio.current_task())

    seen: list[asyncio.Task[object] | None] = []
    before = asyncio.current_task()
    task = eager.start_at_once(work(), asyncio.get_running_loop())
    assert task.done()
    assert isinstance(task, asyncio.Task)
    assert seen == [task]
    assert asyncio.current_task() is before


async def test_what_waits_goes_on_as_the_same_task_in_its_own_context() -> None:
    async def work() -> None:
        VARIABLE.set("inside")
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        assert VARIABLE.get() == "inside"

    seen: list[asyncio.Task[object] | None] = []
    task = eager.start_at_once(work(), asyncio.get_running_loop())
    assert not task.done()
    assert VARIABLE.get() == "outside"
    await task
    assert seen == [task, task]


async def test_a_timeout_that_starts_in_the_first_step_ends_this_task_and_no_other() -> None:
    async def work() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        await eager.start_at_once(work(), asyncio.get_running_loop())


async def test_an_exception_of_the_first_step_is_kept_for_who_awaits() -> None:
    async def work() -> None:
        raise ValueError("no")

    task = eager.start_at_once(work(), asyncio.get_running_loop())
    with pytest.raises(ValueError, match="no"):
        await task


async def test_a_task_cancelled_by_its_first_step_is_cancelled_at_its_first_wait() -> None:
    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(10)
        finally:
            cleaned.append(True)

    cleaned: list[bool] = []
    with pytest.raises(asyncio.CancelledError):
        await eager.start_at_once(work(), asyncio.get_running_loop())
    assert cleaned


async def test_the_loop_schedules_as_before() -> None:
    async def work() -> None:
        loop.call_soon(called.set)

    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    eager.start_at_once(work(), loop)
    assert "call_soon" not in vars(loop)
    await asyncio.wait_for(called.wait(), 60)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio makes such tasks itself")
async def test_what_is_scheduled_while_a_task_is_made_is_not_its_first_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signal handler may do so."""
    noted: list[str] = []
    handles: list[object] = []

    class Interrupted(asyncio.Task[None]):
        def __init__(self, *args: Any, **options: Any) -> None:
            loop = asyncio.get_running_loop()
            handles.append(loop.call_soon(noted.append, "before"))
            super().__init__(*args, **options)
            handles.append(loop.call_soon(self.note))

        def note(self) -> None:
            noted.append("after")

    async def work() -> None:
        noted.append("work")

    monkeypatch.setattr(eager, "Task", Interrupted)
    assert eager.start_at_once(work(), asyncio.get_running_loop()).done()
    assert noted == ["work"]
    await asyncio.sleep(0)
    assert noted == ["work", "before", "after"]
    assert all(isinstance(handle, asyncio.Handle) for handle in handles)
