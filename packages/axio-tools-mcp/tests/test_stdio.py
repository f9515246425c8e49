"""A server that is started: other people's servers, and ours in odd moods."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from axio import Agent, MemoryContextStore
from axio.blocks import ImageBlock, TextBlock
from axio.events import ToolOutputDelta, ToolResult
from axio.exceptions import HandlerError
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tools_mcp import MCPServerConfig, MCPSession, load_mcp_tools
from axio_tools_mcp.errors import (
    CallTimeout,
    ConnectError,
    ConnectionLost,
    MCPServerError,
    ToolCallError,
)
from support.mcp_servers import assert_nothing_left, odd, real, said

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def loaded(*servers: MCPServerConfig) -> AsyncIterator[dict[str, Tool[Any]]]:
    tools, sessions = await load_mcp_tools(servers)
    try:
        assert len(sessions) == len(servers)
        yield {tool.name: tool for tool in tools}
    finally:
        await asyncio.gather(*(session.close() for session in sessions))
    assert_nothing_left()


@asynccontextmanager
async def connected(config: MCPServerConfig, **options: Any) -> AsyncIterator[MCPSession]:
    session = MCPSession(config, **options)
    try:
        await session.connect()
        yield session
    finally:
        await session.close()
    assert_nothing_left()


async def seen(path: Path) -> None:
    async with asyncio.timeout(30):
        while not path.exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)


# ── other people's servers ────────────────────────────────────────────────────────────────────


async def test_five_servers_of_others_give_their_tools(tmp_path: Path) -> None:
    servers = [
        real("everything"),
        real("filesystem", str(tmp_path), roots=[]),
        real("memory", env={"MEMORY_FILE_PATH": str(tmp_path / "memory.jsonl")}),
        real("time"),
        real("git"),
    ]
    async with loaded(*servers) as tools:
        counts = dict.fromkeys(("everything", "filesystem", "memory", "time", "git"), 0)
        for name, tool in tools.items():
            counts[name.partition("__")[0]] += 1
            assert tool.description and tool.input_schema["type"] == "object"
            assert not tool.read_only and not tool.eager
        assert all(count >= 2 for count in counts.values()), counts
        answer = await tools["time__get_current_time"](timezone="Europe/Berlin")
        assert '"Europe/Berlin"' in answer
        target = tmp_path / "note.txt"
        await tools["filesystem__write_file"](path=str(target), content="written")
        assert target.read_text() == "written"


async def test_media_links_and_resources_come_as_blocks_or_as_words() -> None:
    async with loaded(real("everything")) as tools:
        image = await tools["everything__get-tiny-image"]()
        assert [type(block) for block in image] == [TextBlock, ImageBlock, TextBlock]
        assert image[1].media_type == "image/png" and image[1].data.startswith(b"\x89PNG")
        links = await tools["everything__get-resource-links"](count=2)
        assert links.count("[link to the resource demo://") == 2
        resource = await tools["everything__get-resource-reference"](
            resourceType="Text", resourceId=1
        )
        assert "[resource demo://resource/dynamic/text/1]\nResource 1" in resource
        structured = await tools["everything__get-structured-content"](location="Chicago")
        assert structured.count("temperature") == 1


async def test_a_failure_of_a_tool_names_the_server_and_the_tool() -> None:
    async with loaded(real("time")) as tools:
        with pytest.raises(HandlerError, match=r"MCP server 'time', tool 'get_current_time'.*Mars"):
            await tools["time__get_current_time"](timezone="Mars")
        with pytest.raises(HandlerError, match="timezone"):
            await tools["time__get_current_time"]()


async def test_an_unknown_tool_is_an_error_that_names_it() -> None:
    async with connected(real("everything")) as session:
        try:
            result = await session.call_tool("absent", {})
        except ToolCallError as error:
            assert "'everything', tool 'absent'" in str(error)
        else:
            assert result.is_error


# ── limits, progress, cancellation ────────────────────────────────────────────────────────────


async def test_progress_is_shown_as_output_and_keeps_a_call_alive() -> None:
    async with loaded(odd(timeout=15)) as tools:
        turns = [
            make_tool_use_response("odd__steps", tool_input={"seconds": 0.01, "count": 3}),
            make_text_response("Done."),
        ]
        agent = Agent("", StubTransport(turns), [*tools.values()])
        events = [event async for event in agent.run_stream("go", MemoryContextStore())]
    shown = [event.delta for event in events if isinstance(event, ToolOutputDelta)]
    assert shown == ["1 of 3: step 1\n", "2 of 3: step 2\n", "3 of 3: step 3\n"]
    (result,) = (event for event in events if isinstance(event, ToolResult))
    assert result.content == "3 steps" and not result.is_error


async def test_silence_and_the_whole_have_limits_of_their_own_which_the_message_names() -> None:
    async with connected(odd(timeout=4, start_timeout=60, total_timeout=30)) as session:
        steady = session.call_tool("steps", {"seconds": 1, "count": 6})
        silent = session.call_tool("steps", {"seconds": 60, "count": 1})
        result, error = await asyncio.gather(steady, silent, return_exceptions=True)
        assert not isinstance(result, BaseException), result
        assert said(result) == "6 steps"  # longer than it may be silent
        assert isinstance(error, CallTimeout)
        assert "'odd', tool 'steps'" in str(error)
        assert "progress for 4 s" in str(error) and "30 s in all" in str(error)
        assert said(await session.call_tool("echo", {"message": "still"})) == "still"
    async with connected(odd(timeout=20, start_timeout=60, total_timeout=2)) as session:
        with pytest.raises(CallTimeout, match=r"no answer in 2 s.*silent for 20 s"):
            await session.call_tool("steps", {"seconds": 0.2, "count": 1000})


async def test_a_cancel_reaches_the_server_and_the_connection_stays(tmp_path: Path) -> None:
    files = {"started": str(tmp_path / "started"), "cancelled": str(tmp_path / "cancelled")}
    async with connected(odd()) as session:
        call = asyncio.create_task(session.call_tool("wait", {"seconds": 60, **files}))
        await seen(tmp_path / "started")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await seen(tmp_path / "cancelled")
        assert said(await session.call_tool("echo", {"message": "still"})) == "still"


# ── what a server writes ──────────────────────────────────────────────────────────────────────


async def test_what_a_server_writes_beside_its_messages_goes_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = odd()
    script = (
        f'printf "Hello, caf\\351!\\n\\n"; echo careful >&2; exec {config.command} {config.args[0]}'
    )
    async with connected(MCPServerConfig("greets", command="sh", args=["-c", script])) as session:
        assert said(await session.call_tool("echo", {"message": "works"})) == "works"
    records = [record for record in caplog.records if record.name == "axio_tools_mcp.session"]
    lines = [record.getMessage() for record in records]
    assert "[mcp:greets] careful" in lines
    assert "[mcp:greets] (on stdout) Hello, caf\ufffd!" in lines
    assert {record.levelno for record in records} == {logging.WARNING}
    assert not any(record.exc_info for record in caplog.records)


async def test_a_result_of_ten_megabytes_arrives_shortened_while_the_loop_goes_on() -> None:
    async with loaded(odd(timeout=60, max_result=1000)) as tools:
        passes = 0

        async def tick() -> None:
            nonlocal passes
            while True:
                await asyncio.sleep(0)
                passes += 1

        ticking = asyncio.create_task(tick())
        text = await tools["odd__big"](size=10_000_000)
        ticking.cancel()
    assert "9999000 characters are left out: the limit is 1000" in text
    assert len(text) < 1200
    assert passes > 50  # it comes in pieces of 64 KiB


# ── ends ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_is_killed_fails_its_call_at_once_and_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"started": str(tmp_path / "started"), "cancelled": str(tmp_path / "cancelled")}
    async with connected(odd()) as session:
        number = int(said(await session.call_tool("pid")))
        call = asyncio.create_task(session.call_tool("wait", {"seconds": 60, **files}))
        await seen(tmp_path / "started")
        os.kill(number, signal.SIGKILL)
        with pytest.raises(ConnectionLost, match="'odd', tool 'wait': it ended with exit code 137"):
            await asyncio.wait_for(call, 20)
        before = session.is_connected
        again = int(said(await session.call_tool("pid")))
        assert again != number and (before, session.is_connected) == (False, True)
    assert any("connecting again" in record.getMessage() for record in caplog.records)


async def test_only_a_tool_that_says_so_is_called_twice(tmp_path: Path) -> None:
    async with connected(odd()) as session:
        await session.list_tools()
        result = await session.call_tool("leave_again", {"once": str(tmp_path / "first")})
        assert said(result) == "stayed"
        with pytest.raises(ConnectionLost, match="look before calling it again"):
            await session.call_tool("leave", {"once": str(tmp_path / "second")})


BAD: dict[str, tuple[list[str], str]] = {  # command, words of the error
    "missing": (["no-such-command-xyz"], "there is no program 'no-such-command-xyz' on the PATH"),
    "exits": (["false"], "it ended with exit code 1"),
    "speaks": (["sh", "-c", "echo boom >&2; exit 3"], "exit code 3; it said: boom"),
    "silent": (["sleep", "100"], "it did not answer in 2 s"),
    "junk": (["sh", "-c", "echo hello; sleep 100"], "in 9 s; it wrote what is no message: 'hello'"),
    "stubborn": (
        ["sh", "-c", 'trap "" TERM; while :; do sleep 1; done'],
        "it did not answer in 2 s",
    ),
    "daemon": (["sh", "-c", "setsid sleep 100 & exit 4"], "it ended with exit code 4"),
}


SECONDS = {"silent": 2, "stubborn": 2, "junk": 9}


async def test_bad_servers_cost_one_line_each_and_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = [
        MCPServerConfig(name, command=command, args=args, timeout=SECONDS.get(name, 60))
        for name, ((command, *args), _) in BAD.items()
    ]
    tools, sessions = await load_mcp_tools([*bad, odd()])
    try:
        assert [session.config.name for session in sessions] == ["odd"]
        assert "odd__echo" in [tool.name for tool in tools]
    finally:
        await asyncio.gather(*(session.close() for session in sessions))
    lines = [r.getMessage() for r in caplog.records if r.name == "axio_tools_mcp.tools"]
    for name, (_, words) in BAD.items():
        (line,) = (line for line in lines if f"'{name}'" in line)
        assert words in line and "\n" not in line
    assert_nothing_left()


async def test_a_server_that_tells_its_own_secret_is_quoted_without_it(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    environment = {"TOKEN": "sk-kept-from-sight", "LONGER": "sk-kept-from-sight-2", "LEVEL": "7"}
    environment["PLACE"] = str(tmp_path)
    command = 'echo "$TOKEN, $LONGER, level $LEVEL, $PLACE" >&2; exit 3'
    config = MCPServerConfig("telltale", command="sh", args=["-c", command], env=environment)
    caplog.set_level("DEBUG")
    tools, _ = await load_mcp_tools([config])
    assert tools == []
    quoted = f"it said: [secret removed], [secret removed], level 7, {tmp_path}"
    assert quoted in caplog.text
    assert "sk-kept" not in caplog.text


async def test_nothing_is_left_of_many_connections() -> None:
    for _ in range(3):
        async with connected(real("everything")) as session:
            assert not (await session.call_tool("echo", {"message": "x"})).is_error


@pytest.mark.parametrize("seconds", [0.02, 0.5])
async def test_nothing_is_left_of_a_connection_that_was_cancelled(seconds: float) -> None:
    session = MCPSession(real("everything"))
    connecting = asyncio.create_task(session.connect())
    await asyncio.wait([connecting], timeout=seconds)
    connecting.cancel()
    await asyncio.wait([connecting])
    await session.close()
    assert_nothing_left()


async def test_a_cancel_in_the_middle_of_closing_ends_the_server_by_force() -> None:
    # It goes on after the end of its input and a SIGTERM, so that closing takes its time.
    stubborn = f'trap "" TERM; {odd().command} {odd().args[0]}; while :; do sleep 1; done'
    session = MCPSession(MCPServerConfig("stubborn", command="sh", args=["-c", stubborn]))
    await session.connect()
    closing = asyncio.create_task(session.close())
    await asyncio.sleep(0.2)
    closing.cancel()
    await asyncio.wait([closing], timeout=30)
    assert closing.cancelled()
    assert_nothing_left()


async def test_a_session_that_was_never_connected_says_so() -> None:
    session = MCPSession(odd())
    with pytest.raises(RuntimeError, match="Not connected"):
        await session.call_tool("echo", {"message": "x"})
    await session.close()


async def test_a_server_that_cannot_be_connected_is_an_error_of_one_kind() -> None:
    session = MCPSession(MCPServerConfig("absent", command="no-such-command-xyz"))
    with pytest.raises(ConnectError, match="'absent'"):
        await session.connect()
    with pytest.raises(RuntimeError, match="Not connected"):
        await session.list_tools()
    unset = MCPSession(MCPServerConfig("unset", command="x", args=["${NO_SUCH_VARIABLE}"]))
    with pytest.raises(MCPServerError, match=r"'unset'.*NO_SUCH_VARIABLE in its args is not set"):
        await unset.connect()
