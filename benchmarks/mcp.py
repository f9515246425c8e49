"""MCP servers: the time to connect them, the cost of a call, the tokens of many tools.

It starts the servers of the tests, Node.js ones too: `PYTHONPATH=tests python -m benchmarks.mcp`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import logging
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio.tool import Tool
from axio_tools_mcp import MCPServerConfig, MCPSession, load_mcp_tools
from axio_tools_mcp.search import ToolSearch, tokens_of
from axio_tools_mcp.server import serve_http
from axio_tools_mcp.tokens import TokenFile
from benchmarks.measure import HEADER, Figure, Item, Sample, rows, run, timed
from support.mcp_servers import odd, real

CALLS = 25  # before it is the other one's turn
TURNS = 10  # in a round
HELLO = {"message": "hello"}
MANY = 500
TOKEN = "benchmark"

# By hand, because five that import a library would compete for the processor.
SLOW = """
import json, sys, time
time.sleep(2)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"error": {"code": -32601, "message": "Method not found"}}
    if asked["method"] == "initialize":
        answer = {"result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                             "serverInfo": {"name": "slow", "version": "1"}}}
    if asked["method"] == "tools/list":
        answer = {"result": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


def slow_servers() -> list[MCPServerConfig]:
    return [MCPServerConfig(f"s{n}", command=sys.executable, args=["-c", SLOW]) for n in range(5)]


def real_servers() -> list[MCPServerConfig]:
    folder = tempfile.gettempdir()
    return [
        real("everything"),
        real("filesystem", folder, roots=[]),
        real("memory", env={"MEMORY_FILE_PATH": str(Path(folder, "memory.jsonl"))}),
        real("time"),
        real("git"),
    ]


async def connecting(*groups: list[MCPServerConfig]) -> Sample:
    """One group after the other; the servers of a group side by side."""
    wall = 0.0
    for group in groups:
        with timed() as timer:
            _, sessions = await load_mcp_tools(group)
        wall += timer.sample.wall
        assert len(sessions) == len(group)
        await asyncio.gather(*(session.close() for session in sessions))
    return Sample(0, wall)


class Callers:
    """The bare library and axio, each with a server of its own, in one process and one loop.

    They call in turns, so that the load of the machine and its clock are the same for both.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._runner.run(self._connect())

    def floor(self) -> Sample:
        return self._runner.run(self._call(partial(self._client.call_tool, "echo", HELLO)))

    def axio(self) -> Sample:
        return self._runner.run(self._call(partial(self._echo, **HELLO)))

    def close(self) -> None:
        self._runner.run(self._close())
        self._runner.close()

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> Sample:
        with timed(CALLS) as timer:
            for _ in range(CALLS):
                await call()
        return timer.sample

    async def _connect(self) -> None:
        # A task of its own enters the library's client and leaves it.
        self._leaving = asyncio.Event()
        connected: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(connected))
        self._client = await connected
        tools, (self._session,) = await load_mcp_tools([odd()])
        (self._echo,) = (tool for tool in tools if tool.name == "odd__echo")

    async def _own(self, connected: asyncio.Future[Client]) -> None:
        config = odd()
        parameters = StdioServerParameters(command=str(config.command), args=config.args)
        async with Client(stdio_client(parameters)) as client:
            connected.set_result(client)
            await self._leaving.wait()

    async def _close(self) -> None:
        await self._session.close()
        self._leaving.set()
        await self._owner


async def wait() -> str:
    """Wait a little."""
    await asyncio.sleep(1.5)
    return "waited"


async def signed_in() -> Sample:
    """Four calls side by side, with a token that is kept in a file as after signing in."""
    address = asyncio.get_running_loop().create_future()
    waiting = Tool(name="wait", handler=wait, read_only=True)
    server = asyncio.create_task(serve_http([waiting], token=TOKEN, started=address.set_result))
    url = await address
    tokens = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
    TokenFile(url).write({"tokens": tokens})
    session = MCPSession(MCPServerConfig("p", url=url))
    await session.connect()
    with timed() as timer:
        answers = await asyncio.gather(*(session.call_tool("wait", {}) for _ in range(4)))
    assert not any(answer.is_error for answer in answers)
    await session.close()
    server.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await server
    return timer.sample


async def tokens_of_many() -> str:
    """The tools of the five servers, again and again under other names."""
    few, sessions = await load_mcp_tools(real_servers())
    await asyncio.gather(*(session.close() for session in sessions))
    many = [
        dataclasses.replace(tool, name=f"{tool.name}_{n}")
        for n, tool in enumerate(islice(cycle(few), MANY))
    ]
    search = ToolSearch.past_threshold(many)
    assert search is not None
    tools = [search.tool, *many]
    found = await search.tool(query="read a file")
    asked = ToolUseBlock("1", search.tool.name, {"query": "read a file"})
    history = [
        Message("assistant", [asked]),
        Message("user", [ToolResultBlock("1", str(found))]),
    ]
    before = sum(map(tokens_of, many))
    held_back = sum(map(tokens_of, await search.select([], tools)))
    after = sum(map(tokens_of, await search.select(history, tools)))
    return (
        f"Tokens of {MANY} tools in a request: {before:,}; held back: {held_back:,}; "
        f"after a search: {after:,}"
    )


def once(work: Any, *arguments: Any) -> Sample:
    running: Coroutine[Any, Any, Sample] = work(*arguments)
    return asyncio.run(running)


def items() -> list[Item]:
    real_ones = real_servers()
    one_by_one = [[server] for server in real_ones]
    return [
        Item(
            "five servers that take 2 s each",
            {"axio": partial(once, connecting, slow_servers())},
            [Figure("s", goal=1.5, of="wall", ideal=2.0)],
        ),
        Item(
            "five real servers; floor: one after the other",
            {
                "floor": partial(once, connecting, *one_by_one),
                "axio": partial(once, connecting, real_ones),
            },
            [Figure("s", goal=0.7, of="wall")],
        ),
        Item(
            "four calls of 1.5 s, signed in",
            {"axio": partial(once, signed_in)},
            [Figure("s", goal=1.33, of="wall", ideal=1.5)],
        ),
    ]


def a_call(callers: Callers) -> Item:
    return Item(
        "a call; floor: the bare library, in turns",
        {"floor": callers.floor, "axio": callers.axio},
        [Figure("ms CPU", 1e3, goal=1.2)],
    )


def measure(item: Item, rounds: int) -> None:
    run([item], rounds)
    for row in rows([item]):
        print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mcp", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="at least 7 for a figure to quote")
    options = parser.parse_args()
    logging.disable()  # what the servers say of themselves
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder  # where tokens are kept
        measured = items()
        print(HEADER, flush=True)
        for item in measured:
            measure(item, options.rounds)
        callers = Callers()
        try:
            measure(a_call(callers), options.rounds * TURNS)
        finally:
            callers.close()
    print(f"\n{asyncio.run(tokens_of_many())}")


if __name__ == "__main__":
    main()
