"""The resources and prompts of a server as tools, since a model has no other way to them."""

from __future__ import annotations

from typing import Annotated, Any

from axio.blocks import TextBlock
from axio.field import Field
from axio.results import Content
from axio.tool import Tool
from axio_tools_mcp.content import joined, parts_of, resource_parts
from axio_tools_mcp.names import tool_name
from axio_tools_mcp.session import MCPSession

__all__ = ("prompts_tool", "resources_tool")

_MOST_LISTED = 200


async def resources_tool(session: MCPSession) -> Tool[Any] | None:
    """A tool that lists and reads the resources of a server; None where it has none."""
    if not (await session.list_resources() or await session.list_resource_templates()):
        return None

    async def resources(
        uri: Annotated[str, Field("the address of a resource; without it they are listed")] = "",
    ) -> Content:
        if not uri:
            return _listed(
                [_line(item.uri, item) for item in await session.list_resources()]
                + [_line(t.uri_template, t) for t in await session.list_resource_templates()]
            )
        read = await session.read_resource(uri)
        blocks = [block for item in read.contents for block in resource_parts(item)]
        return joined(blocks, session.config.max_result)

    return Tool(
        name=tool_name(session.config.name, "resources"),
        description=f"Read a resource of the MCP server {session.config.name!r}, or list them all.",
        handler=resources,
    )


async def prompts_tool(session: MCPSession) -> Tool[Any] | None:
    """A tool that lists and fills in the prompts of a server; None where it has none."""
    if not await session.list_prompts():
        return None

    async def prompts(
        name: Annotated[str, Field("a prompt; without it they are listed")] = "",
        arguments: Annotated[dict[str, str] | None, Field("what it asks for, by name")] = None,
    ) -> Content:
        if not name:
            return _listed([_prompt_line(prompt) for prompt in await session.list_prompts()])
        got = await session.get_prompt(name, arguments or {})
        blocks = []
        for message in got.messages:
            blocks += [TextBlock(f"[{message.role}]"), *parts_of(message.content)]
        return joined(blocks, session.config.max_result)

    return Tool(
        name=tool_name(session.config.name, "prompts"),
        description=f"Get a prompt of the MCP server {session.config.name!r}, or list them all.",
        handler=prompts,
    )


def _listed(lines: list[str]) -> str:
    more = [f"... and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    return "\n".join([*lines[:_MOST_LISTED], *more]) or "(none)"


def _line(address: Any, item: Any) -> str:
    described = ": ".join(str(word) for word in (item.name, item.description) if word)
    return f"{address} ({described})"


def _prompt_line(prompt: Any) -> str:
    asks = ", ".join(a.name + ("" if a.required else "?") for a in prompt.arguments or ())
    return f"{prompt.name}({asks})" + (f": {prompt.description}" if prompt.description else "")
