"""A connection to one server, on the `mcp` library.

This module and those that it imports name the library's types. It is imported when the first server
is connected: the library takes a second to import. The other modules read what it returns by the
attributes that the protocol has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Any, NoReturn, TypeAlias

import httpx2
import mcp.client.sse
import mcp_types as types
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import sse_within_origin
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.message import SessionMessage
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from axio_tools_mcp import __version__, skills
from axio_tools_mcp.answers import elicitation_answers, roots_answers
from axio_tools_mcp.auth import ServerAuth
from axio_tools_mcp.completed import Completing
from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.elicitation import Elicit
from axio_tools_mcp.errors import ConnectError, ConnectionLost, ToolCallError
from axio_tools_mcp.library import demote_library
from axio_tools_mcp.process import LONGEST_MESSAGE
from axio_tools_mcp.signing_in import BrowserLogin
from axio_tools_mcp.stdio import StdioTransport
from axio_tools_mcp.tokens import token_file
from axio_tools_mcp.witness import Witness, first_of, words_of

__all__ = ("CallToolResult", "Connection", "Hooks", "ListedTool", "OnProgress", "connect")

CallToolResult: TypeAlias = types.CallToolResult
ListedTool: TypeAlias = types.Tool

_MOST_PAGES = 1000
_STAND_INS = ("Server returned an error response", "Not Found")  # the library's, without a body
_LISTEN_AGAIN = (1.0, 5.0, 30.0)  # seconds after a stream of news has ended
_LISTENS_IN = 2.0

# The client for old servers takes no limit for an event, and its own is less than one image.
mcp.client.sse.sse_within_origin = partial(  # type: ignore[attr-defined]
    sse_within_origin, max_event_size=LONGEST_MESSAGE
)

OnProgress: TypeAlias = ProgressFnT

demote_library(logging.getLogger(__name__))


@dataclass(frozen=True, slots=True)
class Hooks:
    """For what a server does by itself: `said` is called with its lines, `changed` with the kind of
    a list that is not what it was ("tools", "prompts", "resources"), `lost` when it has ended,
    and `elicit` when it wants something of a person."""

    said: Callable[[str], object]
    changed: Callable[[str], object]
    lost: Callable[[], object]
    elicit: Elicit | None = None


_CHANGES: dict[type, str] = {
    types.ToolListChangedNotification: "tools",
    types.PromptListChangedNotification: "prompts",
    types.ResourceListChangedNotification: "resources",
}


@asynccontextmanager
async def connect(
    config: MCPServerConfig, hooks: Hooks, *, login: BrowserLogin | None = None
) -> AsyncIterator[Connection]:
    """A connection while the block lasts. One task has to enter and to leave the block.

    With a `login` a person may be asked to sign in. Raises `ConnectError`.
    """
    witness = Witness(config.name)

    async def hear(message: object) -> None:
        kind = _CHANGES.get(type(message))
        if kind is not None:
            hooks.changed(kind)

    completing = Completing()
    client = Client(
        completing.over(_transport(config, hooks, witness, login)),
        mode="legacy" if config.transport == "sse" else "auto",
        message_handler=hear,
        elicitation_callback=elicitation_answers(config, hooks.elicit),
        list_roots_callback=roots_answers(config),
        client_info=types.Implementation(name="axio", version=__version__),
    )
    connected = Connection(client, config, witness)
    start = config.timeout if config.start_timeout is None else config.start_timeout
    try:
        async with asyncio.timeout(start) as limit:
            async with client:
                limit.reschedule(None)
                completing.wanted = client.protocol_version in MODERN_PROTOCOL_VERSIONS
                _note_mismatches(client)
                listens = asyncio.Event()
                listening = asyncio.create_task(_listen(client, hooks, listens))
                try:
                    with suppress(TimeoutError):  # so that no change goes unheard from here on
                        await asyncio.wait_for(listens.wait(), _LISTENS_IN)
                    yield connected
                finally:
                    listening.cancel()
                    await asyncio.wait([listening])
    except ConnectError:
        raise
    except Exception as error:
        silent = TimeoutError(f"it did not answer in {start:g} s")
        why = witness.tell(silent if limit.expired() else error)
        if isinstance(first_of(error), httpx2.ConnectError):
            why = f"nothing answers at {config.target}; start it, or check its url"
        raise ConnectError(f"MCP server {config.name!r}: {why}") from error


async def _listen(client: Client, hooks: Hooks, listens: asyncio.Event) -> None:
    """Let a server of the newer generation tell of its changes; older ones do so unasked.

    `listens` is set when it does, or will not.
    """
    offered = client.server_capabilities
    kinds = ("tools", "prompts", "resources")
    wanted = [k for k in kinds if getattr(getattr(offered, k), "list_changed", False)]
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not wanted:
        listens.set()
        return
    for pause in chain(_LISTEN_AGAIN, repeat(_LISTEN_AGAIN[-1])):
        try:
            async with client.listen(
                tools_list_changed="tools" in wanted,
                prompts_list_changed="prompts" in wanted,
                resources_list_changed="resources" in wanted,
            ) as news:
                listens.set()
                async for _ in news:
                    pass  # the message handler hears of it as well
        except MCPError as error:
            if error.code == types.METHOD_NOT_FOUND:
                break
        except RuntimeError:  # the stream was cut
            pass
        await asyncio.sleep(pause)
        for kind in wanted:
            hooks.changed(kind)
    listens.set()


def _transport(
    config: MCPServerConfig, hooks: Hooks, witness: Witness, login: BrowserLogin | None
) -> AbstractAsyncContextManager[Any]:
    if config.url is not None:
        return _http(config, witness, _auth(config, witness, login))
    return StdioTransport(
        config,
        witness,
        parse=_parse,
        encode=_encode,
        refuse=_refusal,
        said=hooks.said,
        lost=hooks.lost,
    )


def _parse(line: bytes) -> SessionMessage:
    return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))


def _encode(message: SessionMessage) -> bytes:
    return message.message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _refusal(request: int, words: str) -> SessionMessage:
    error = types.ErrorData(code=types.INTERNAL_ERROR, message=words)
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=request, error=error))


def _auth(
    config: MCPServerConfig, witness: Witness, login: BrowserLogin | None
) -> ServerAuth | None:
    """The credentials of a server that was signed in to, or is now."""
    file = token_file(config)
    own = any(name.lower() == "authorization" for name in config.headers)
    may_sign_in = login is not None or config.signs_in_alone or file.path.exists()
    if own or not may_sign_in:
        return None
    return ServerAuth(config, file, witness, login)


@asynccontextmanager
async def _http(
    config: MCPServerConfig, witness: Witness, credentials: ServerAuth | None
) -> AsyncIterator[Any]:
    assert config.url is not None

    async def note(response: httpx2.Response) -> None:
        witness.status = response.status_code
        witness.media_type = response.headers.get("content-type", "").partition(";")[0]

    def make(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=config.headers,
            auth=credentials,
            # Silence is judged by the limits of a call, not by those of a socket.
            timeout=httpx2.Timeout(config.timeout, read=None),
            event_hooks={"response": [note]},
        )

    if config.transport == "sse":
        async with sse_client(config.url, httpx_client_factory=make) as streams:
            yield streams
        return
    async with (
        make() as http,
        streamable_http_client(
            config.url, http_client=http, max_sse_event_size=LONGEST_MESSAGE
        ) as streams,
    ):
        yield streams


def _note_mismatches(client: Client) -> None:
    """Let a result that does not fit the schema of its tool be a result all the same.

    The library would raise, although the call has been made.
    """
    validate = client.session.validate_tool_result

    async def note(name: str, result: types.CallToolResult) -> None:
        try:
            await validate(name, result)
        except RuntimeError as error:
            words = f"[this result is not what the server says it returns: {words_of(error)}]"
            result.content.append(types.TextContent(type="text", text=words))

    client.session.validate_tool_result = note  # type: ignore[method-assign]


async def _or_none(page: Awaitable[Any], kind: str) -> Any:
    """The page; None where a server promises more kinds of lists than it has."""
    try:
        return await page
    except MCPError as error:
        if error.code == types.METHOD_NOT_FOUND and kind != "tools":
            return None
        raise


class _SkillsAnswer(types.Result):
    """An answer of the extension for skills, which the library does not know."""

    skills: tuple[dict[str, Any], ...] = ()
    skill: dict[str, Any] | None = None
    next_cursor: str | None = None


@dataclass(slots=True)
class Connection:
    """Requests to a connected server. Any task may make them, and be cancelled while it waits.

    They raise `ConnectionLost` when no answer can come any more, and `ToolCallError` when the
    server refuses.
    """

    client: Client
    config: MCPServerConfig
    witness: Witness

    async def list_tools(self) -> list[types.Tool]:
        return await self._list("tools")

    async def list_resources(self) -> list[types.Resource]:
        return await self._list("resources")

    async def list_resource_templates(self) -> list[types.ResourceTemplate]:
        return await self._list("resource_templates")

    async def list_prompts(self) -> list[types.Prompt]:
        return await self._list("prompts")

    async def read_resource(self, uri: str) -> types.ReadResourceResult:
        answer = self.client.read_resource(uri)
        return await self._asked(f"resource {uri!r}", answer)  # type: ignore[no-any-return]

    async def get_prompt(
        self, name: str, arguments: dict[str, str] | None
    ) -> types.GetPromptResult:
        answer = self.client.get_prompt(name, arguments)
        return await self._asked(f"prompt {name!r}", answer)  # type: ignore[no-any-return]

    async def list_skills(self) -> list[dict[str, Any]]:
        """The entries of the server's skills; none where it does not serve any."""
        if skills.EXTENSION not in (self.client.server_capabilities.extensions or {}):
            return []
        return await self._pages(partial(self._ask_skills, "skills/list"), "skills")

    async def get_skill(self, uri: str) -> dict[str, Any]:
        answer = self._ask_skills("skills/get", uri=uri)
        return (await self._asked(f"skill {uri!r}", answer)).skill or {}

    async def _ask_skills(self, method: str, **params: Any) -> _SkillsAnswer:
        given = {key: value for key, value in params.items() if value is not None}
        request = types.Request[dict[str, Any], str](method=method, params=given)
        return await self.client.session.send_request(request, _SkillsAnswer)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], on_progress: OnProgress
    ) -> types.CallToolResult:
        answer = self.client.call_tool(name, arguments, progress_callback=on_progress)
        return await self._asked(f"tool {name!r}", answer)  # type: ignore[no-any-return]

    async def _list(self, kind: str) -> list[Any]:
        ask = getattr(self.client, f"list_{kind}")
        return await self._pages(partial(ask, cache_mode="refresh"), kind)

    async def _pages(self, ask: Callable[..., Awaitable[Any]], kind: str) -> list[Any]:
        """All pages of a list, as it is now; none of what the server does not offer."""
        capability = "resources" if kind in ("resource_templates", "skills") else kind
        if getattr(self.client.server_capabilities, capability) is None:
            return []
        found: list[Any] = []
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = await self._asked(f"its {kind}", _or_none(ask(cursor=cursor), kind))
            if page is None:
                return found
            found += getattr(page, kind)
            cursor = page.next_cursor
            if not cursor or cursor in seen or len(seen) >= _MOST_PAGES:
                return found
            seen.add(cursor)

    async def _asked(self, what: str, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except MCPError as error:
            self._refuse(what, error)
        except (OSError, httpx2.HTTPError) as error:
            raise ConnectionLost(f"{self._place(what)}: {words_of(error)}") from error
        except ValueError as error:
            raise ToolCallError(
                f"{self._place(what)}: its answer is not what the protocol allows: "
                f"{words_of(error)}"
            ) from error

    def _refuse(self, what: str, error: MCPError) -> NoReturn:
        if error.code == types.CONNECTION_CLOSED or self._is_of_no_use(error):
            raise ConnectionLost(f"{self._place(what)}: {self.witness.tell(error)}") from error
        raise ToolCallError(f"{self._place(what)}: {words_of(error)}") from error

    def _is_of_no_use(self, error: MCPError) -> bool:
        """True for an error of HTTP, not of the request: the server has forgotten the session,
        wants other credentials, or is broken. A refused request may come with 400 or 404 too."""
        status = self.witness.status
        about_session = "session" in error.message.lower() or error.message in _STAND_INS
        return status >= 400 and (status not in (400, 404) or about_session)

    def _place(self, what: str) -> str:
        return f"MCP server {self.config.name!r}, {what}"
