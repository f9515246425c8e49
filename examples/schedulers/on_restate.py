"""A scheduler for those who run Restate, which calls a worker over HTTP for each poke.

`durable = Durable(Postgres(where), OnRestate(), agents=...)`; needs `restate-sdk` 1, `hypercorn`
and `aiohttp`. `address` is where Restate's server reaches the workers, such as a load balancer's.
"""

import asyncio
from datetime import timedelta
from urllib.parse import quote

import aiohttp
import hypercorn.asyncio
import restate
from hypercorn.config import Config

from axio_durable.scheduler import Advance


class OnRestate:
    def __init__(
        self,
        ingress: str = "http://127.0.0.1:8080",
        admin: str = "http://127.0.0.1:9070",
        address: str = "http://127.0.0.1:9080",
        name: str = "axio",
    ) -> None:
        self._ingress, self._admin, self._address, self._name = ingress, admin, address, name

    async def open(self) -> None:
        self._http = aiohttp.ClientSession(raise_for_status=True)

    async def close(self) -> None:
        await self._http.close()

    async def poke(self, session_id: str) -> None:
        url = f"{self._ingress}/{self._name}/{quote(session_id, safe='')}/serve/send"
        # It takes no body, and no type of one.
        await (await self._http.post(url, skip_auto_headers=("Content-Type",))).read()

    async def work(self, advance: Advance, concurrency: int, stop: asyncio.Event) -> None:
        turn, a_year = asyncio.Semaphore(concurrency), timedelta(days=365)
        # One call at a time for a session; that long it may say nothing to Restate.
        sessions = restate.VirtualObject(self._name, inactivity_timeout=a_year)

        @sessions.handler()
        async def serve(ctx: restate.ObjectContext) -> None:
            async with turn:
                await advance(ctx.key())

        config = Config.from_mapping(bind=self._address.partition("://")[2], graceful_timeout=1e9)
        serving = asyncio.create_task(
            hypercorn.asyncio.serve(restate.app([sessions]), config, shutdown_trigger=stop.wait)
        )
        try:
            deployment = {"uri": self._address, "force": True}
            await self._http.post(f"{self._admin}/deployments", json=deployment)
            await asyncio.wait((serving,))
        finally:
            config.graceful_timeout = 0
            serving.cancel()
            await asyncio.wait((serving,))
