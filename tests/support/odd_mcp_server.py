"""An MCP server for tests, `odd_mcp_server.py [http PORT]`: tools that do what servers do."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, Elicit, Resolve
from pydantic import BaseModel

server = MCPServer("odd", instructions="Be careful with this server.")


def leave_file(path: str) -> None:
    Path(path).touch()


@server.tool()
def echo(message: str) -> str:
    """Say it again."""
    return message


@server.tool()
async def steps(seconds: float, count: int, ctx: Context[Any]) -> str:
    """Take some steps and tell of each."""
    for number in range(1, count + 1):
        await asyncio.sleep(seconds)
        await ctx.report_progress(number, count, f"step {number}")
    return f"{count} steps"


@server.tool()
async def wait(seconds: float, started: str, cancelled: str) -> str:
    """Wait, and leave a file when it begins and one when it is cancelled."""
    leave_file(started)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        leave_file(cancelled)
        raise
    return "waited"


@server.tool()
def big(size: int) -> str:
    """A text of so many characters."""
    return "x" * size


@server.tool()
def pid() -> int:
    """The number of this process."""
    return os.getpid()


@server.tool()
def leave(once: str = "") -> str:
    """End the server in the middle of the call; with `once`, a file, only when it is not there."""
    if once and Path(once).exists():
        return "stayed"
    if once:
        Path(once).touch()
    os._exit(7)


@server.tool(annotations={"idempotentHint": True})  # type: ignore[arg-type]
def leave_again(once: str) -> str:
    """As `leave`, and says that it may be called twice."""
    return leave(once)


@server.tool()
async def grow(times: int, ctx: Context[Any]) -> str:
    """Get so many more tools, and tell of each of them."""
    for number in range(times):
        server.add_tool(echo, name=f"echo_{number}")
        await ctx.session.send_tool_list_changed()  # heard by clients of the older generation
        await ctx.notify_tools_changed()
    return "grown"


class Colour(BaseModel):
    colour: str


def which_colour() -> Elicit[Colour]:
    return Elicit("Which colour?", Colour)


@server.tool()
def ask(answer: Annotated[ElicitationResult[Colour], Resolve(which_colour)]) -> str:
    """Ask a person for a colour."""
    return answer.action + (f" {answer.data.colour}" if answer.action == "accept" else "")


@server.tool()
def describe(tool: str, as_what: str) -> str:
    """Describe a tool of this server as another."""
    server.remove_tool(tool)
    server.add_tool(TOOLS[tool], name=tool, description=as_what)
    return "described"


TOOLS = {"echo": echo}

if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run()
