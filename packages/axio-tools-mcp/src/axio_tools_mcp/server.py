"""Tools of axio, agents among them, as an MCP server.

    await serve_stdio(tools)                                 for a client that starts this program
    await serve_http(tools, port=8000, token="...")          for clients on this machine

The protocol has stdout for itself: what a tool prints goes to stderr.
"""

# ruff: noqa: E402 - before the library is imported, it is looked whether it is there
from __future__ import annotations

import asyncio
import base64
import hmac
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Any

from axio_tools_mcp.library import require_library

require_library()

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from axio.blocks import AudioBlock, ImageBlock, TextBlock, ToolResultBlock, VideoBlock
from axio.tool import AnyTool, require_tools
from axio_tools_mcp import __version__
from axio_tools_mcp.calls import Caller

__all__ = ("make_server", "serve_http", "serve_stdio")

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


async def serve_stdio(
    tools: Sequence[AnyTool], *, name: str = "axio", instructions: str | None = None
) -> None:
    """Serve until the client closes the connection. This takes stdin and stdout for itself."""
    server = make_server(tools, name=name, instructions=instructions)
    async with stdio_server() as (received, to_send):
        await server.run(received, to_send, server.create_initialization_options())


async def serve_http(
    tools: Sequence[AnyTool],
    *,
    token: str,
    port: int = 0,
    host: str = "127.0.0.1",
    name: str = "axio",
    instructions: str | None = None,
    started: Callable[[str], object] = print,
) -> None:
    """Serve until this is cancelled; `started` is called with the address.

    Every request has to bring `Authorization: Bearer <token>`: on loopback, too, other people's
    programs and pages in a browser can send requests.
    """
    import uvicorn  # Here: the other way of serving does without.

    if not token:
        raise ValueError("a server over HTTP needs a token, which its clients have to bring")
    server = make_server(tools, name=name, instructions=instructions)
    application = _with_token(server.streamable_http_app(host=host), token)
    config = uvicorn.Config(
        application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2
    )
    web = uvicorn.Server(config)
    # Signals are the program's: it ends this by cancelling it.
    web.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    listening = socket.create_server((host, port))
    serving = asyncio.create_task(web.serve([listening]))
    try:
        started(f"http://{host}:{listening.getsockname()[1]}/mcp")
        await asyncio.shield(serving)
    finally:
        web.should_exit = True
        await asyncio.wait([serving])
        listening.close()


def make_server(
    tools: Sequence[AnyTool], *, name: str = "axio", instructions: str | None = None
) -> Server[Any]:
    """A server of the `mcp` library that offers these tools."""
    require_tools(tools)
    caller = Caller(tools)

    async def list_tools(
        context: ServerRequestContext[Any, Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_listed(tool) for tool in caller.tools])

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        lines = 0

        async def show(line: str) -> None:
            nonlocal lines
            lines += 1
            await context.session.report_progress(lines, None, line)

        result = await caller.call(params.name, params.arguments or {}, show)
        return _result(result)

    return Server(
        name,
        version=__version__,
        instructions=instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _listed(tool: AnyTool) -> types.Tool:
    schema = {"type": "object", **tool.input_schema}
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=schema,
        annotations=types.ToolAnnotations(read_only_hint=tool.read_only),
    )


def _result(result: ToolResultBlock) -> types.CallToolResult:
    content = result.content
    blocks = [TextBlock(content)] if isinstance(content, str) else content
    return types.CallToolResult(
        content=[_content(block) for block in blocks], is_error=result.is_error
    )


def _content(
    block: TextBlock | ImageBlock | AudioBlock | VideoBlock,
) -> types.TextContent | types.ImageContent | types.AudioContent | types.EmbeddedResource:
    if isinstance(block, TextBlock):
        return types.TextContent(type="text", text=block.text)
    data = base64.b64encode(block.data).decode("ascii")
    if isinstance(block, ImageBlock):
        return types.ImageContent(type="image", data=data, mime_type=block.media_type)
    if isinstance(block, AudioBlock):
        return types.AudioContent(type="audio", data=data, mime_type=block.media_type)
    video = types.BlobResourceContents(
        uri="axio://result/video", blob=data, mime_type=block.media_type
    )
    return types.EmbeddedResource(type="resource", resource=video)


def _with_token(application: Any, token: str) -> Application:
    """The application for requests that bring the token; 401 for all others."""
    expected = f"Bearer {token}".encode()

    async def guarded(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, expected):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await application(scope, receive, send)

    return guarded
