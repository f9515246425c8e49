"""Every scheduler keeps what `check_scheduler` asks of them, which finds those that do not."""

from __future__ import annotations

import asyncio
import itertools
from hashlib import sha256

import pytest
from temporalio.client import Client

from axio_durable import DurableError, InProcess
from axio_durable.procrastinate import Procrastinate
from axio_durable.scheduler import Advance
from axio_durable.temporal import Temporal
from axio_durable.testing import check_scheduler
from support.postgres import Cluster
from support.temporal import start_temporal
from support.waiting import until

_queues = itertools.count(1)


async def test_in_process() -> None:
    await check_scheduler(InProcess, is_shared=False)


async def test_procrastinate(postgres: Cluster) -> None:
    queue = f"check_{next(_queues)}"
    await check_scheduler(lambda: Procrastinate(postgres.dsn(), queue=queue, poll=0.2))


async def test_temporal(temporal: str) -> None:
    queue = f"check_{next(_queues)}"
    await check_scheduler(lambda: Temporal(temporal, queue=queue))


async def test_temporal_keeps_a_short_history_of_a_session_that_never_rests() -> None:
    limit = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=15")
    served = 0
    with start_temporal(*limit) as address:
        scheduler = Temporal(address, queue="busy")

        async def advance(session_id: str) -> None:
            nonlocal served
            served += 1
            if served < 10:
                await scheduler.poke(session_id)

        await scheduler.open()
        stop = asyncio.Event()
        working = asyncio.create_task(scheduler.work(advance, 1, stop))
        try:
            await scheduler.poke("s")
            await until(lambda: served >= 10)
            client = await Client.connect(address)
            handle = client.get_workflow_handle(f"busy-{sha256(b's').hexdigest()}")
            await handle.result()
        finally:
            stop.set()
            await asyncio.wait_for(working, 60)
        history = await handle.fetch_history()
    assert len(history.events) < 40


class Forgetful(InProcess):
    """Drops what comes for a session that is being served."""

    served: set[str] = set()  # noqa: RUF012 - one for the check

    async def poke(self, session_id: str) -> None:
        if session_id not in self.served:
            await super().poke(session_id)

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        async def noted(session_id: str) -> None:
            self.served.add(session_id)
            await advance(session_id)

        await super().work(noted, concurrency, stop)


class Greedy(InProcess):
    """Serves more at once than it was asked to."""

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        await super().work(advance, concurrency * 2, stop)


class Hasty(InProcess):
    """Takes along what is under way when it is to stop."""

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        working = asyncio.create_task(super().work(advance, concurrency, asyncio.Event()))
        await stop.wait()
        working.cancel()
        await asyncio.wait((working,))


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Forgetful, "during a service"),
        (Greedy, "no more are served at once"),
        (Hasty, "what was under way has ended"),
    ],
)
async def test_a_scheduler_that_breaks_a_promise_is_found(
    kind: type[InProcess], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_durable.testing._PATIENCE", 3.0)
    with pytest.raises(AssertionError, match=promise):
        await check_scheduler(kind, is_shared=False)


async def test_a_temporal_server_that_is_not_there_is_named() -> None:
    with pytest.raises(DurableError, match=r"no Temporal server at 127\.0\.0\.1:9: "):
        await Temporal("127.0.0.1:9").open()
