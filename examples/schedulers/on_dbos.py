"""A scheduler for those who run DBOS: each poke is a workflow in one of its queues.

`durable = Durable(Postgres(where), OnDBOS(where), agents=...)`; needs `dbos` 3.
"""

import asyncio

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, run_dbos_database_migrations

from axio_durable.scheduler import Advance


class OnDBOS:
    def __init__(self, where: str, queue: str = "axio") -> None:
        self._where, self._queue = where, queue
        self._serializer = DBOSPortableJSONSerializer()  # else ids are pickled

    async def open(self) -> None:
        await asyncio.to_thread(run_dbos_database_migrations, self._where)
        self._client = await asyncio.to_thread(
            DBOSClient, system_database_url=self._where, serializer=self._serializer
        )

    async def close(self) -> None:
        await asyncio.to_thread(self._client.destroy)

    async def poke(self, session_id: str) -> None:
        await self._client.enqueue_async(
            {"queue_name": self._queue, "workflow_name": self._queue}, session_id
        )

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        loop, patience = asyncio.get_running_loop(), 0
        DBOS(
            config={
                "name": self._queue,
                "system_database_url": self._where,
                "serializer": self._serializer,
                "application_version": "1",  # else workers of a new version leave older jobs alone
            }
        )

        @DBOS.workflow(name=self._queue)
        async def serve(session_id: str) -> None:  # in a thread of DBOS
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(advance(session_id), loop))

        try:
            await self._client.register_queue_async(self._queue, worker_concurrency=concurrency)
            await asyncio.to_thread(DBOS.launch)
            await stop.wait()
            patience = 365 * 24 * 3600
        finally:
            await asyncio.to_thread(
                DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=patience
            )
