"""Pages of strangers, and what they may send: nothing starts the application, nothing breaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import pytest
from yarl import URL

from support.served import PATIENCE, Served
from support.waiting import until

Serve = Callable[..., Served]

pytestmark = pytest.mark.timeout(300)


async def status(http: aiohttp.ClientSession, url: str, **headers: str) -> int:
    async with http.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer:
        return answer.status


async def status_of_socket(http: aiohttp.ClientSession, url: str, **headers: str) -> int:
    """101 if there is a connection."""
    try:
        async with http.ws_connect(url, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def test_strangers_are_refused_and_start_nothing(serve: Serve) -> None:
    served = serve()
    evil = {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}
    near = {"Host": served.host.replace("localhost", "127.0.0.1")}, {"Origin": "http://localhost"}
    async with aiohttp.ClientSession() as http, aiohttp.ClientSession() as stranger:
        for url in (served.origin, f"{served.origin}/?token=", f"{served.origin}/?token=x" * 2):
            assert await status(stranger, url) == 403
        for headers in (*evil, *near):  # the token is right
            assert await status(stranger, served.url, **headers) == 403
        for path in ("ws", "x/ws", "static/js/textual.js", "x/textual.js", "download/x", "..%2fws"):
            assert await status(stranger, f"{served.origin}/{path}") == 403
        assert served.applications() == []

        place = await served.enter(http)  # none of it has used the token up
        mine = {"Origin": served.origin}
        assert await status(stranger, place) == await status(stranger, f"{place}textual.js") == 403
        assert await status_of_socket(stranger, f"{place}ws", **mine) == 403
        stolen = {"Cookie": f"axio={served.token}"}
        assert await status_of_socket(stranger, f"{place}ws", **mine, **stolen) == 403
        assert await status(http, place) == 200
        for headers in (*evil, *near):
            assert await status(http, place, **headers) == 403
            assert await status_of_socket(http, f"{place}ws", **{**mine, **headers}) == 403
        assert await status_of_socket(http, f"{place}ws") == 403  # no browser
        assert served.applications() == []
        assert await status_of_socket(http, f"{place}ws", **mine) == 101


async def test_a_token_is_exchanged_once_for_a_strict_cookie(serve: Serve) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        async with http.get(served.url, allow_redirects=False) as answer:
            place = answer.headers["Location"]
            cookie = answer.headers["Set-Cookie"].split("; ")
        assert answer.status == 303 and served.token not in place
        assert {"HttpOnly", "SameSite=Strict", f"Path={place}"} < set(cookie)
        assert served.token not in cookie[0]
        async with http.get(served.url) as again:
            assert again.status == 403 and "was used" in await again.text()
            assert again.headers["Server"] == "axio"  # nothing of versions
        async with http.get(served.origin + place) as page:
            assert (
                "default-src 'none'; script-src 'self';" in page.headers["Content-Security-Policy"]
                and page.headers["Referrer-Policy"] == "no-referrer"
            )
            assert "http" not in (await page.text()).replace(f"ws://{served.host}", "")
        for name in ("server.py", "..%2fserver.py", "%2e%2e/server.py", "page.html"):
            assert await status(http, f"{served.origin}{place}{name}") in (403, 404)


BROKEN = ["x", "[]", '["stdin", 7]', '["resize", {"width": 100000, "height": 1}]', "[" * 50_000]


async def test_broken_and_large_messages_close_the_connection_and_not_the_application(
    serve: Serve,
) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        place = await served.enter(http)
        for text, code in [*((text, 1008) for text in BROKEN), ("x" * 5 * 2**20, 1009)]:
            socket = await served.connect(http, place)
            await socket.receive(PATIENCE)
            first = served.applications()
            with suppress(ConnectionError):  # it closes before it has read all of a large one
                await socket.send_str(text)
            while (await socket.receive(PATIENCE)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert socket.close_code in (code, 1006 if code == 1009 else code), text[:40]
        socket = await served.connect(http, place)
        await socket.send_bytes(b"\x00")
        while (await socket.receive(PATIENCE)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert socket.close_code == 1008
        async with served.connect_until(http, place, "F1 help") as socket:
            assert served.applications() == first and len(first) == 1


async def test_many_connections_at_once_are_refused_or_share_one_application(serve: Serve) -> None:
    served = serve()
    async with (
        aiohttp.TCPConnector(limit=0) as connector,
        aiohttp.ClientSession(connector=connector) as http,
        aiohttp.ClientSession() as stranger,
    ):
        place = await served.enter(http)
        mine = {"Origin": served.origin}
        refused = [status_of_socket(stranger, f"{place}ws", **mine) for _ in range(100)]
        assert await asyncio.gather(*refused) == [403] * 100
        assert served.applications() == []

        sockets = await asyncio.gather(*[served.connect(http, place) for _ in range(100)])
        seen = [b""] * 100

        async def read(number: int) -> None:
            async for message in sockets[number]:
                seen[number] += message.data

        reading = [asyncio.create_task(read(number)) for number in range(100)]
        await until(lambda: sum(task.done() for task in reading) == 99, "closed but one")
        (last,) = [number for number, task in enumerate(reading) if not task.done()]
        await until(lambda: b"F1 help" in seen[last], "shown")
        await sockets[last].send_str(json.dumps(["stdin", "hello\r"]))
        await until(lambda: b"One." in seen[last], "answered")
        assert len(served.applications()) == 1


async def test_a_page_that_sends_without_end_is_slowed_down(serve: Serve) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        place = await served.enter(http)
        socket = await served.connect(http, place)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(5_000):
            await socket.send_str('["ping", "1"]')
        await socket.send_str('["ping", "last"]')
        while (await socket.receive(PATIENCE)).data != '["pong", "last"]':
            pass
        assert loop.time() - began > 2  # 5,000 units, of which 2,000 are free, at 1,000 a second
        await until(lambda: len(served.applications()) == 1)
