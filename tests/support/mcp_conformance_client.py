"""Our client as the conformance suite drives it: `conformance_client.py URL`.

The suite says in MCP_CONFORMANCE_SCENARIO what it looks at, and in MCP_CONFORMANCE_CONTEXT what a
person would have configured.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from axio_tools_mcp import MCPServerConfig, MCPSession
from axio_tools_mcp.elicitation import Elicitation
from axio_tools_mcp.errors import ToolCallError
from axio_tools_mcp.wire import Connection, Hooks, connect

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
SAMPLES = {"number": 5, "integer": 5, "string": "x", "boolean": True}


class Person:
    """Signs in without a browser: the suite's pages lead straight back."""

    redirect_uri = "http://127.0.0.1:3000/callback"

    async def open(self, url: str) -> None:
        async with httpx2.AsyncClient() as http:
            back = (await http.get(url)).headers["location"]
        self._answer = dict(parse_qsl(urlsplit(back).query))

    async def answer(self) -> dict[str, str]:
        return self._answer


async def elicit(question: Elicitation) -> dict[str, Any]:
    fields = question.schema.get("properties", {})
    return {name: field["default"] for name, field in fields.items() if "default" in field}


async def configured(url: str) -> MCPServerConfig:
    """The server as a person would have configured it, who knows its authorization server too."""
    config = MCPServerConfig(
        "suite",
        url=url,
        oauth_client_id=CONTEXT.get("client_id"),
        oauth_client_secret=CONTEXT.get("client_secret"),
        # The suite's own: it looks for this very address.
        oauth_client_metadata_url="https://conformance-test.local/client-metadata.json",
    )
    if not SCENARIO.startswith("auth/client-credentials"):
        return config
    place = urlsplit(url)
    async with httpx2.AsyncClient() as http:
        about = f"{place.scheme}://{place.netloc}/.well-known/oauth-protected-resource{place.path}"
        (issuer, *_) = (await http.get(about)).json()["authorization_servers"]
    return replace(
        config,
        oauth_grant="client_credentials",
        oauth_issuer=issuer,
        oauth_private_key=CONTEXT.get("private_key_pem"),
    )


async def main(url: str) -> None:
    config = await configured(url)
    login: Any = Person() if SCENARIO.startswith("auth") else None
    hooks = Hooks(print, print, print, elicit)
    async with connect(config, hooks, login=login) as connection:
        await use_skills(connection)
        tools = {tool.name: tool.input_schema for tool in await connection.list_tools()}
        for name, arguments in calls(tools):
            try:
                result = await connection.call_tool(name, arguments, progressed)
                print(name, result.is_error, str(result.content)[:200], file=sys.stderr)
            except ToolCallError as error:  # some scenarios have tools that do not answer
                print(error, file=sys.stderr)


def calls(tools: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The calls that the scenario wants, or one of every tool."""
    if "toolCalls" in CONTEXT:
        return [(call["name"], call["arguments"]) for call in CONTEXT["toolCalls"]]
    if "json_schema_echo" in tools:  # it looks at the schema of the other one
        return [("json_schema_echo", {"schema": tools["json_schema_2020_12_tool"]})]
    return [
        (name, {key: SAMPLES.get(field.get("type")) for key, field in fields.items()})
        for name, schema in tools.items()
        for fields in [schema.get("properties", {})]
    ]


async def use_skills(connection: Connection) -> None:
    """List the skills of the server, and load them where the scenario looks at that."""
    session = MCPSession(connection.config)
    session._connection = connection
    for skill in await session.list_skills():
        try:
            for file in skill.paths if "verify" in SCENARIO else ():
                print(file, await session.read_skill(skill, file), file=sys.stderr)
        except ToolCallError as error:
            print(error, file=sys.stderr)


async def progressed(progress: float, total: float | None, message: str | None) -> None:
    pass


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        asyncio.run(main(sys.argv[-1]))
