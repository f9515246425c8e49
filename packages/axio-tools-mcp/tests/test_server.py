"""Our own tools as a server: asked by our client, by the library's, over pipes and HTTP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from axio.blocks import ImageBlock
from axio.tool import Tool
from axio_tools_mcp import MCPServerConfig, MCPSession
from axio_tools_mcp.calls import Caller
from axio_tools_mcp.errors import ConfigError, ConnectError
from axio_tools_mcp.offer import agent_tools
from axio_tools_mcp.server import serve_http
from axio_tools_mcp.tools import load_tools
from support.mcp_servers import assert_nothing_left, said

pytestmark = pytest.mark.timeout(180)

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from axio.blocks import ImageBlock, TextBlock
from axio.exceptions import HandlerError
from axio.tool import Tool
from axio_tools_mcp.server import serve_stdio

async def add(a: int, b: int) -> int:
    "Add two numbers."
    print("this is not for the client")
    os.system("echo nor is this")
    return a + b

async def draw() -> list:
    "Draw something."
    return [TextBlock("here:"), ImageBlock("image/png", b"\\x89PNG")]

async def fail() -> str:
    "Fail."
    raise HandlerError("it does not work")

async def count(to: int):
    "Count aloud."
    for number in range(1, to + 1):
        yield f"{number}\\n"

async def wait(started: str, cancelled: str) -> str:
    "Wait for long."
    Path(started).touch()
    try:
        await asyncio.sleep(60)
    finally:
        Path(cancelled).touch()
    return "waited"

handlers = [add, draw, fail, count, wait]
tools = [Tool(name=handler.__name__, handler=handler) for handler in handlers]
asyncio.run(serve_stdio(tools, instructions="Count on us."))
"""


@asynccontextmanager
async def our_server(tmp_path: Path) -> AsyncIterator[MCPSession]:
    program = tmp_path / "server.py"
    program.write_text(PROGRAM)
    session = MCPSession(MCPServerConfig("ours", command=sys.executable, args=[str(program)]))
    try:
        await session.connect()
        yield session
    finally:
        await session.close()
    assert_nothing_left()


async def test_tools_over_pipes(tmp_path: Path) -> None:
    async with our_server(tmp_path) as session:
        assert session.instructions == "Count on us."
        tools = {tool.name: tool for tool in await load_tools(session)}
        assert list(tools) == [f"ours__{n}" for n in ("add", "draw", "fail", "count", "wait")]
        add = tools["ours__add"]
        assert add.description == "Add two numbers."
        assert set(add.input_schema["properties"]) == {"a", "b"}
        assert await add(a=3, b=4) == "7"  # whatever else is printed
        image = (await tools["ours__draw"]())[1]
        assert image == ImageBlock("image/png", b"\x89PNG")
        failed = await session.call_tool("fail")
        assert failed.is_error and said(failed) == "it does not work"
        wrong = await session.call_tool("add", {"a": "x"})
        assert wrong.is_error and "b" in said(wrong)
        unknown = await session.call_tool("absent")
        assert unknown.is_error and "Unknown tool: absent" in said(unknown)


async def test_the_librarys_own_client_sees_the_progress(tmp_path: Path) -> None:
    from mcp import Client, StdioServerParameters

    program = tmp_path / "server.py"
    program.write_text(PROGRAM)
    seen: list[str | None] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message)

    parameters = StdioServerParameters(command=sys.executable, args=[str(program)])
    for mode in ("legacy", "auto"):
        seen.clear()
        async with Client(parameters, mode=mode) as client:
            result = await client.call_tool("count", {"to": 3}, progress_callback=progressed)
            assert said(result) == "1\n2\n3\n"
            assert (await client.list_tools()).tools[0].name == "add"
        assert seen == ["1\n", "2\n", "3\n"]


async def test_a_cancelled_call_is_cancelled_here(tmp_path: Path) -> None:
    started, cancelled = tmp_path / "started", tmp_path / "cancelled"
    async with our_server(tmp_path) as session:
        files = {"started": str(started), "cancelled": str(cancelled)}
        call = asyncio.create_task(session.call_tool("wait", files))
        await _until(started.exists)
        call.cancel()
        await _until(cancelled.exists)
        assert said(await session.call_tool("add", {"a": 1, "b": 1})) == "2"


async def _until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def double(number: int) -> int:
    """Double a number."""
    return 2 * number


async def test_tools_over_http_need_the_token() -> None:
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    tools = [Tool(name="double", handler=double)]
    serving = asyncio.create_task(serve_http(tools, token="secret", started=address.set_result))
    try:
        url = await asyncio.wait_for(address, 30)
        async with aiohttp.ClientSession() as http:
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                async with http.post(url, json={}, headers=headers) as answer:
                    assert answer.status == 401
        without = MCPSession(MCPServerConfig("s", url=url))
        with pytest.raises(ConnectError, match="401"):
            await without.connect()
        headers = {"Authorization": "Bearer secret"}
        session = MCPSession(MCPServerConfig("s", url=url, headers=headers))
        await session.connect()
        try:
            assert said(await session.call_tool("double", {"number": 4})) == "8"
        finally:
            await session.close()
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    assert serving.cancelled()
    with pytest.raises(ValueError, match="needs a token"):
        await serve_http(tools, token="")


AGENT = """
from axio import Agent, Tool
from axio.testing import StubTransport, make_text_response, make_tool_use_response

async def look() -> str:
    return "seen"

turns = [make_tool_use_response("look", tool_input={}), make_text_response("I have seen it.")]
helper = Agent("", StubTransport(turns), [Tool(name="look", handler=look)])
nothing = 3
"""


async def test_an_agent_is_a_tool_that_shows_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_agents_of_a_test.py").write_text(AGENT)
    monkeypatch.chdir(tmp_path)
    shown: list[str] = []

    async def show(line: str) -> None:
        shown.append(line)

    caller = Caller(agent_tools("my_agents_of_a_test:helper"))
    result = await caller.call("helper", {"task": "look"}, show)
    assert (result.content, result.is_error) == ("I have seen it.", False)
    assert shown[0] == "[calls look]" and "".join(shown[1:]) == "I have seen it."
    for place in ("my_agents_of_a_test:absent", "absent_module:x", "x"):
        with pytest.raises(ConfigError, match=f"no agent at '{place}'"):
            agent_tools(place)
    with pytest.raises(ConfigError, match="is int, not an Agent"):
        agent_tools("my_agents_of_a_test:nothing")
