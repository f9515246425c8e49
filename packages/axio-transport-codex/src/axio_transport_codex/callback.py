"""The web server on loopback to which the browser comes back with the code."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

__all__ = ("CALLBACK_PATH", "Callback", "listening")

CALLBACK_PATH = "/auth/callback"

_PAGE = "<!doctype html><meta charset=utf-8><title>axio</title><p>{}</p>"


class Callback(NamedTuple):
    redirect_uri: str
    answer: asyncio.Future[Mapping[str, str]]
    """The query of the first request that knows the state: with `code`, or with `error`."""


@asynccontextmanager
async def listening(state: str, port: int) -> AsyncIterator[Callback]:
    """Listen on loopback while the block lasts; port 0 takes any that is free.

    Requests that do not know `state` are strays (a page that was left open, a guess) and
    do not end the wait. OSError when the port is taken.
    """
    answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    async def receive(request: web.Request) -> web.Response:
        query = request.query
        if not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
            return _page(400, "This is not the sign-in that is being waited for.")
        if not (query.get("code") or query.get("error")):
            return _page(400, "The code is missing.")
        if not answer.done():
            answer.set_result(dict(query))
        if query.get("error"):
            return _page(200, "The sign-in was refused. You can close this window.")
        return _page(200, "You are signed in. You can close this window.")

    app = web.Application()
    app.router.add_get(CALLBACK_PATH, receive, allow_head=False)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        actual = runner.addresses[0][1]
        yield Callback(f"http://localhost:{actual}{CALLBACK_PATH}", answer)
    finally:
        await runner.cleanup()


def _page(status: int, text: str) -> web.Response:
    headers = {"Connection": "close"}
    return web.Response(
        status=status, text=_PAGE.format(text), content_type="text/html", headers=headers
    )
