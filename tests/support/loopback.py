"""An HTTP server on loopback that answers as it is told: for transports' tests.

async with serving(status(429), stream(b"data: ...", 0.1, b"...")) as server:
    ...  # talk to server.url, then look at server.asked
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from aiohttp import web

Reply: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    """One request: its path with the query; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Server:
    """Answers with `replies` in turn, the last one for ever; keeps what was asked."""

    url: str
    replies: list[Reply]
    asked: list[Asked] = field(default_factory=list)
    gone: int = 0
    """Requests whose client went away before the answer was complete."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.json() if request.can_read_body else {}
        self.asked.append(Asked(request.path_qs, headers, body))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        try:
            return await reply(request)
        except (asyncio.CancelledError, ConnectionError):
            self.gone += 1
            raise


@asynccontextmanager
async def serving(
    *replies: Reply, certificate: tuple[Path, Path] | None = None
) -> AsyncIterator[Server]:
    """A server while the block lasts. Its `url` ends in /v1; every path under it answers.

    With a `certificate` and its key it speaks HTTPS.
    """
    server = Server("", list(replies))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        host, port = runner.addresses[0][:2]
        server.url = f"{'https' if context else 'http'}://{host}:{port}/v1"
        yield server
    finally:
        await runner.cleanup()


def stream(*parts: bytes | float, cut: bool = False, **headers: str) -> Reply:
    """An event stream of these bytes; a number is a pause, `cut` drops the connection after."""

    async def reply(request: web.Request) -> web.StreamResponse:
        named = {"content-type": "text/event-stream", **_named(headers)}
        response = web.StreamResponse(headers=named)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for part in parts:
            if isinstance(part, bytes):
                await response.write(part)
            else:
                await asyncio.sleep(part)
        if cut:
            assert request.transport is not None
            request.transport.close()
        return response

    return reply


def status(code: int, body: str = "", **headers: str) -> Reply:
    """A plain answer. Underscores in the names of headers stand for hyphens."""

    async def reply(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body, headers=_named(headers))

    return reply


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
