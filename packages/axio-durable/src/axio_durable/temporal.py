"""A scheduler on Temporal: a workflow for a session while it has work, whose only activity is to go
on with it. What Temporal keeps is the session's id.

A workflow's history does not grow while the model, a tool or a retry takes long, and a session at
rest, as one that waits for a decision, has no workflow at all. Each poke adds some ten events; a
workflow that has many is continued as a new one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256

from axio_durable.errors import DurableError, MissingPackage
from axio_durable.scheduler import Advance

try:
    from temporalio import activity, workflow
    from temporalio.client import Client
    from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker
except ModuleNotFoundError as error:
    raise MissingPackage("temporal", error) from error

__all__ = ("Temporal",)

_ACTIVITY = "axio_advance"
_WORKFLOW = "axio_session"
_BEAT = 1.0  # seconds between two signs of life of an activity
_DEAD_AFTER = timedelta(seconds=3)
_THREADS_LEAVE = 0.2


@workflow.defn(name=_WORKFLOW)
class _Session:
    def __init__(self) -> None:
        self._is_poked = False

    @workflow.signal
    def poke(self) -> None:
        self._is_poked = True

    @workflow.run
    async def run(self, session_id: str) -> None:
        while True:
            self._is_poked = False  # what comes from now on is for the next time
            await workflow.execute_activity(
                _ACTIVITY,
                session_id,
                start_to_close_timeout=timedelta(days=365),
                heartbeat_timeout=_DEAD_AFTER,
                retry_policy=RetryPolicy(backoff_coefficient=1.0),  # a second between two tries
            )
            if not self._is_poked:
                return
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(session_id)


class Temporal:
    """Workflows on the server at `target`."""

    def __init__(
        self, target: str = "localhost:7233", *, namespace: str = "default", queue: str = "axio"
    ) -> None:
        self._target = target
        self._namespace = namespace
        self._queue = queue
        self._client: Client | None = None

    async def open(self) -> None:
        try:
            self._client = await Client.connect(self._target, namespace=self._namespace)
        except RuntimeError as error:
            raise DurableError(f"no Temporal server at {self._target}: {error}") from error

    async def close(self) -> None:
        self._client = None  # it has nothing to close
        # Threads of the library are still on their way out of what they called here. An interpreter
        # that ends meanwhile is aborted: https://github.com/temporalio/sdk-python/issues/300
        await asyncio.sleep(_THREADS_LEAVE)

    @property
    def _open(self) -> Client:
        if self._client is None:
            raise DurableError("the scheduler is not open: use its Durable inside of `async with`")
        return self._client

    async def poke(self, session_id: str) -> None:
        await self._open.start_workflow(
            _WORKFLOW,
            session_id,
            # Of two programs in one namespace; a session's id may be longer than one here.
            id=f"{self._queue}-{sha256(session_id.encode()).hexdigest()}",
            task_queue=self._queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal="poke",
            task_timeout=_DEAD_AFTER,
        )

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        @activity.defn(name=_ACTIVITY)
        async def serve(session_id: str) -> None:
            beat = asyncio.create_task(_beat())
            try:
                await advance(session_id)
            finally:
                beat.cancel()

        worker = Worker(
            self._open,
            task_queue=self._queue,
            workflows=[_Session],
            activities=[serve],
            max_concurrent_activities=concurrency,
            # A worker that hangs still takes as many tasks as it was asking for at that time, and
            # each of them has to be missed.
            max_concurrent_activity_task_polls=1,
            max_concurrent_workflow_task_polls=2,
            workflow_runner=UnsandboxedWorkflowRunner(),
            # Else a dead worker delays what is next for its sessions by ten seconds.
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
            graceful_shutdown_timeout=timedelta(days=365),
        )
        stopping = asyncio.create_task(stop.wait())
        working = asyncio.create_task(worker.run())
        try:
            await asyncio.wait((stopping, working), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await worker.shutdown()
            await working
        finally:
            for task in (stopping, working):
                task.cancel()
            await asyncio.wait((stopping, working))


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(_BEAT)
