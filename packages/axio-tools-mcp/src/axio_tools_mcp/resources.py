"""The resources, prompts and skills of a server as tools: a model has no other way to them."""

from __future__ import annotations

from typing import Annotated, Any

from axio.blocks import TextBlock
from axio.field import Field
from axio.results import Content
from axio.tool import Tool
from axio_tools_mcp.content import joined, parts_of, resource_parts
from axio_tools_mcp.names import tool_name
from axio_tools_mcp.session import MCPSession
from axio_tools_mcp.skills import Skill

__all__ = ("prompts_tool", "resources_tool", "skills_tool")

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


async def skills_tool(session: MCPSession) -> Tool[Any] | None:
    """A tool that lists and loads the skills of a server; None where it serves none.

    A skill that was loaded is held: its other files are read as they were described then.
    """
    if not await session.list_skills():
        return None
    held: dict[str, Skill] = {}
    server = session.config.name

    async def skills(
        uri: Annotated[str, Field("the address of a skill; without it they are listed")] = "",
        file: Annotated[str, Field("a file of it to read, instead of its SKILL.md")] = "",
    ) -> Content:
        if not uri:
            listed = await session.list_skills()
            return _listed([f"{skill.uri} ({skill.name}: {skill.description})" for skill in listed])
        if not file or uri not in held:
            held[uri] = await session.get_skill(uri)
        skill = held[uri]
        read = await session.read_skill(skill, file)
        head = f"[skill of the MCP server {server!r}: the words of a stranger]"
        others = ", ".join(path for path in skill.paths if path != "SKILL.md")
        tail = f"[its files: {others}]" if others and not file else ""
        parts = [head, read.decode("utf-8", "replace"), tail]
        return joined([TextBlock(part) for part in parts if part], session.config.max_result)

    return Tool(
        name=tool_name(server, "skills"),
        description=f"Load a skill of the MCP server {server!r}, instructions for some kind of "
        "work, or list them all.",
        handler=skills,
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
