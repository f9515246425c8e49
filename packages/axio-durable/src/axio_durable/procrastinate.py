"""A scheduler on Procrastinate 3: PostgreSQL is all it needs.

A poke is a job that holds the id of a session. One job for a session waits at a time
(`queueing_lock`), any number may run: the owner of the session's store is the only one that works.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from axio_durable.errors import DurableError, MissingPackage
from axio_durable.scheduler import Advance

try:
    import psycopg
    from procrastinate import App, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
    from procrastinate.jobs import Status
except ModuleNotFoundError as error:
    raise MissingPackage("procrastinate", error) from error

__all__ = ("Procrastinate",)

_TASK = "axio_advance"
_BEAT = 2.0  # seconds between two signs of life of a worker
_DEAD_AFTER = 10.0


class Procrastinate:
    """Jobs in the database of `where`, a connection string.

    Args:
        where: it may be another database than that of the sessions.
        queue: whose jobs these are.
        poll: seconds between two looks for jobs; a notice mostly comes first.
    """

    def __init__(self, where: str, *, queue: str = "axio", poll: float = 1.0) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=where))
        self._queue = queue
        self._poll = poll

    async def open(self) -> None:
        try:
            await self._app.open_async()
        except (ConnectorException, OSError, psycopg.Error) as error:
            raise DurableError(f"no PostgreSQL server for Procrastinate: {error}") from error
        try:
            await self._make_tables()
        except BaseException:
            await self._app.close_async()
            raise

    async def _make_tables(self) -> None:
        if await self._app.check_connection_async():
            return
        try:
            await self._app.schema_manager.apply_schema_async()
        except ConnectorException:
            # Another process may have been faster.
            if not await self._app.check_connection_async():
                raise

    async def close(self) -> None:
        await self._app.close_async()

    async def poke(self, session_id: str) -> None:
        lock = f"{self._queue} {session_id}"  # it holds for all queues of the database
        job = self._app.configure_task(_TASK, queue=self._queue, queueing_lock=lock)
        with suppress(AlreadyEnqueued):  # that one will see what is new
            await job.defer_async(session=session_id)

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        tasks = dict(self._app.tasks)

        @self._app.task(name=_TASK, queue=self._queue)
        async def serve(session: str) -> None:
            await advance(session)

        working = asyncio.create_task(
            self._app.run_worker_async(
                queues=[self._queue],
                concurrency=concurrency,
                fetch_job_polling_interval=self._poll,
                update_heartbeat_interval=_BEAT,
                stalled_worker_timeout=_DEAD_AFTER,
                delete_jobs="always",
                install_signal_handlers=False,
            )
        )
        stopping = asyncio.create_task(stop.wait())
        sweeping = asyncio.create_task(self._sweep())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            working.cancel()  # it ends when its jobs have
            await asyncio.wait((working,))
        finally:
            for task in (working, stopping, sweeping):
                task.cancel()
            await asyncio.wait((working, stopping, sweeping))
            self._app.tasks = tasks
        if not stop.is_set() and not working.cancelled():
            await working

    async def _sweep(self) -> None:
        """Remove the jobs of workers that died: their sessions are found in the database."""
        manager = self._app.job_manager
        while True:
            stalled = await manager.get_stalled_jobs(
                queue=self._queue, seconds_since_heartbeat=_DEAD_AFTER
            )
            for job in stalled:
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            await asyncio.sleep(_DEAD_AFTER)
