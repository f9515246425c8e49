"""A server that is asked over HTTP: both generations, SSE, and all that goes wrong."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from axio.blocks import ImageBlock
from axio_tools_mcp import MCPServerConfig, MCPSession, load_mcp_tools
from axio_tools_mcp.errors import ConnectError, ConnectionLost
from axio_tools_mcp.handler import build_handler
from support.loopback import serving as answering, status, stream
from support.mcp_servers import free_port, said, serving

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def connected(url: str, **fields: Any) -> AsyncIterator[MCPSession]:
    session = MCPSession(MCPServerConfig("s", url=url, **fields))
    try:
        await session.connect()
        yield session
    finally:
        await session.close()


@pytest.fixture(scope="module")
def odd_url() -> Iterator[str]:
    with serving() as port:
        yield f"http://127.0.0.1:{port}/mcp"


async def test_our_server_of_the_newer_generation(odd_url: str, tmp_path: Path) -> None:
    async with connected(odd_url) as session:
        assert session.protocol_version == "2026-07-28"
        assert said(await session.call_tool("echo", {"message": "x"})) == "x"
        files = {"started": str(tmp_path / "s"), "cancelled": str(tmp_path / "c")}
        call = asyncio.create_task(session.call_tool("wait", {"seconds": 60, **files}))
        await _until((tmp_path / "s").exists)
        call.cancel()
        await _until((tmp_path / "c").exists)
        assert said(await session.call_tool("steps", {"seconds": 0, "count": 2})) == "2 steps"


@pytest.mark.parametrize(
    ("mode", "path", "transport"), [("streamableHttp", "mcp", "http"), ("sse", "sse", "sse")]
)
async def test_another_server_of_the_older_generation(mode: str, path: str, transport: str) -> None:
    with serving("everything", mode=mode) as port:
        config = MCPServerConfig(
            "everything", url=f"http://127.0.0.1:{port}/{path}", transport=transport
        )
        tools, (session,) = await load_mcp_tools([config])
        try:
            assert session.protocol_version == "2025-11-25"
            named = {tool.name: tool for tool in tools}
            assert await named["everything__echo"](message="hello") == "Echo: hello"
            image = await named["everything__get-tiny-image"]()
            assert any(isinstance(block, ImageBlock) for block in image)
            slow = named["everything__trigger-long-running-operation"]
            assert "completed" in await slow(duration=0.2, steps=2)
        finally:
            await session.close()


async def test_a_server_that_went_away_is_an_error_of_the_call_and_found_again(
    tmp_path: Path,
) -> None:
    port = free_port()
    with serving(port=port):
        session = MCPSession(MCPServerConfig("s", url=f"http://127.0.0.1:{port}/mcp", timeout=60))
        await session.connect()
        files = {"started": str(tmp_path / "s"), "cancelled": str(tmp_path / "c")}
        call = asyncio.create_task(session.call_tool("wait", {"seconds": 60, **files}))
        await _until((tmp_path / "s").exists)
    try:
        with pytest.raises(ConnectionLost, match="'s', tool 'wait'"):
            await asyncio.wait_for(call, 30)
        with serving(port=port):
            assert said(await session.call_tool("echo", {"message": "again"})) == "again"
    finally:
        await session.close()


async def test_a_server_that_has_forgotten_the_session_is_connected_anew() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with serving("everything", port=port):
        session = MCPSession(MCPServerConfig("s", url=url, timeout=60))
        await session.connect()
        await session.list_tools()
    try:
        with serving("everything", port=port):
            await _until_it_works(session)
    finally:
        await session.close()


async def _until_it_works(session: MCPSession) -> None:
    """The first call may find that the connection is of no use; one of the next has to work."""
    for _ in range(200):
        try:
            assert said(await session.call_tool("echo", {"message": "x"})) == "Echo: x"
            return
        except (ConnectionLost, ConnectError):
            await asyncio.sleep(0.2)
    raise AssertionError(session.error)


HTML = stream(b"<html>hello</html>")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (status(401), "it answered 401 Unauthorized; sign in with `axio mcp login s`"),
        (status(403), "403 Forbidden; these credentials may not use it"),
        (status(404), "404 Not Found; check the path of its url"),
        (
            status(405),
            "405 Method Not Allowed; if it is a server from before 2025-03, set its type",
        ),
        (status(500), "500 Internal Server Error"),
        (status(200, "<html>", content_type="text/html"), "an HTML page"),
        (status(200, "{}", content_type="application/json"), ""),
        (status(200, "nonsense", content_type="application/json"), ""),
    ],
)
async def test_what_is_no_server_costs_one_line(reply: Any, words: str) -> None:
    async with answering(reply) as server:
        with pytest.raises(ConnectError) as caught:
            async with connected(server.url, timeout=20):
                pass
    line = str(caught.value)
    assert line.startswith("MCP server 's': ") and "\n" not in line
    assert words in line


async def test_where_nothing_listens_costs_one_line() -> None:
    with pytest.raises(
        ConnectError, match=r"nothing answers at http://127.0.0.1:\d+/mcp; start it"
    ):
        async with connected(f"http://127.0.0.1:{free_port()}/mcp"):
            pass


async def test_headers_are_sent_and_shown_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    secret = "sk-0123456789"
    async with answering(status(401)) as server:
        with pytest.raises(ConnectError) as caught:
            async with connected(server.url, headers={"Authorization": f"Bearer {secret}"}):
                pass
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {secret}"}
    assert secret not in str(caught.value) + caplog.text


async def test_an_agent_goes_on_when_its_server_has_gone() -> None:
    """The caller's own task is never cancelled by what happens to a connection."""
    with serving() as port:
        session = MCPSession(MCPServerConfig("s", url=f"http://127.0.0.1:{port}/mcp", timeout=5))
        await session.connect()
    handler = build_handler("s__echo", "echo", "", session)
    try:
        with pytest.raises((ConnectionLost, ConnectError)):
            await handler(message="x")
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        await asyncio.sleep(0)
    finally:
        await session.close()


async def test_a_picture_of_two_megabytes_comes_over_sse() -> None:
    data = base64.b64encode(b"\x89PNG" + bytes(2_000_000)).decode()
    async with old_server(data) as url, connected(url, transport="sse", timeout=60) as session:
        image = (await build_handler("s__p", "picture", "", session)())[0]
    assert isinstance(image, ImageBlock) and len(image.data) == 2_000_004


@asynccontextmanager
async def old_server(image: str) -> AsyncIterator[str]:
    """A server of the oldest kind: an event stream, and a place to post to."""
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def open_stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"event: endpoint\ndata: /post\n\n")
        while True:
            event = web.json_response(await events.get()).text
            await response.write(f"event: message\ndata: {event}\n\n".encode())

    async def post(request: web.Request) -> web.Response:
        message = await request.json()
        answer = ANSWERS.get(message["method"])
        if message["method"] == "tools/call":
            answer = {"content": [{"type": "image", "data": image, "mimeType": "image/png"}]}
        if answer is not None:
            await events.put({"jsonrpc": "2.0", "id": message["id"], "result": answer})
        return web.Response(status=202)

    app = web.Application()
    app.add_routes([web.get("/sse", open_stream), web.post("/post", post)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/sse"
    finally:
        await runner.cleanup()


ANSWERS: dict[str, dict[str, Any]] = {
    "initialize": {
        "protocolVersion": "2024-11-05",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "old", "version": "1"},
    },
    "tools/list": {"tools": [{"name": "picture", "inputSchema": {"type": "object"}}]},
}


async def _until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
