"""Lists of tools that servers give: what is left out is named, and long ones hold up nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import support
from axio_tools_mcp import MCPRegistry, MCPServerConfig, MCPSession
from axio_tools_mcp.tools import load_tools
from axio_tools_mcp.trust import Approvals, ToolChange
from support.mcp_servers import assert_nothing_left

pytestmark = pytest.mark.timeout(180)

BROKEN = Path(support.__file__).with_name("mcp_broken_server.py")


def listing(*names: str, **schema: Any) -> MCPServerConfig:
    """A server that lists tools of these names, each with one schema."""
    tools = [{"name": name, "inputSchema": {"type": "object", **schema}} for name in names]
    words = [str(BROKEN), "", json.dumps(tools), "lists"]
    return MCPServerConfig("x", command=sys.executable, args=words)


async def test_a_tool_that_is_left_out_is_named_and_not_counted(
    registry: MCPRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    await registry.connect_all([listing("t", "t", "prompts", "u")])
    assert registry.server_tool_count("x") == len(registry.all_tools) == 3
    twice, error = registry.left_out("x")
    assert twice == "MCP server 'x', tool 't', is listed twice; the first one is used"
    assert error.startswith("MCP server 'x', its prompts: ")
    assert caplog.messages.count(twice) == 1
    await registry.switch("x", False)
    assert registry.left_out("x") == []


async def test_of_many_that_are_left_out_some_are_named(registry: MCPRegistry) -> None:
    await registry.connect_all([listing(*["t"] * 1001)])
    lines = registry.left_out("x")
    assert registry.server_tool_count("x") == 1 and len(lines) == 21
    assert lines[-1] == "and 981 more are left out"


async def test_all_else_goes_on_while_many_tools_are_loaded() -> None:
    listed = [
        SimpleNamespace(name=f"t{n}", description="", input_schema={"type": "object"})
        for n in range(1000)
    ]
    session = MCPSession(listing("t"))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def list_them() -> Any:
        return listed

    async def list_nothing(session: MCPSession) -> None:
        return None

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session, "list_tools", list_them)
        patched.setattr("axio_tools_mcp.tools._MORE", {"prompts": list_nothing})
        going_on = asyncio.create_task(others())
        try:
            assert len(await load_tools(session)) == 1000
        finally:
            going_on.cancel()
    assert turns >= 20


async def test_a_list_that_comes_after_a_server_is_switched_off_is_dropped(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()

    class Slow(Approvals):
        def changes(self, config: MCPServerConfig, listed: Any) -> dict[str, ToolChange]:
            began.set()
            may_end.wait(40)
            return super().changes(config, listed)

    registry = MCPRegistry(approvals=Slow(tmp_path / "approved.json"))
    try:
        registry.hold([dataclasses.replace(listing("t"), tools=["t"])])
        loading = asyncio.create_task(registry.connect("x"))
        assert await asyncio.to_thread(began.wait, 40)
        await registry.switch("x", False)
        may_end.set()
        await loading
        assert registry.all_tools == []
    finally:
        may_end.set()
        await registry.close()
        assert_nothing_left()


async def test_a_list_that_cannot_be_read_is_an_error_of_its_server(registry: MCPRegistry) -> None:
    await registry.connect_all([listing("t", properties=5)])
    assert registry.server_status("x") == "connected"
    assert "its tools: its answer is not what the protocol allows" in registry.server_error("x")
