"""A person signs in to a server in a browser, and is sent back to this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import webbrowser
from collections.abc import Awaitable, Callable
from html import escape
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError, MCPServerError
from axio_tools_mcp.library import require_library

__all__ = ("PATIENCE", "BrowserLogin", "ReadLine", "check_sign_in", "sign_in")

ReadLine: TypeAlias = Callable[[], Awaitable[str]]

PATIENCE = 300.0  # seconds that a person has
_LONGEST = 16384
_PAGE = "<!doctype html><title>axio</title><p>{}</p>"


def check_sign_in(config: MCPServerConfig) -> None:
    """`ConfigError` for a server to which no person signs in."""
    if config.url is None:
        raise ConfigError(f"server {config.name!r} is a command: nobody signs in to it")
    if config.signs_in_alone:
        raise ConfigError(f"axio signs in to server {config.name!r} for itself: nobody has to")


async def sign_in(
    config: MCPServerConfig,
    say: Callable[[str], object],
    open_browser: bool | Callable[[str], object] = True,
    read_line: ReadLine | None = None,
) -> None:
    """Forget the tokens of a server, and let a person sign in to it, as `BrowserLogin` does. Raises
    `MCPServerError`."""
    check_sign_in(config)
    require_library()
    from axio_tools_mcp import wire
    from axio_tools_mcp.tokens import token_file
    from axio_tools_mcp.variables import expanded

    config = dataclasses.replace(expanded(config), start_timeout=PATIENCE + 30)
    token_file(config).forget()

    def ignore(_: object = None) -> None:
        pass

    async with (
        BrowserLogin(say, open_browser=open_browser, read_line=read_line) as login,
        wire.connect(config, wire.Hooks(ignore, ignore, ignore), login=login),
    ):
        pass


class BrowserLogin:
    """`async with BrowserLogin(...) as login:` listens on loopback, at `login.redirect_uri`.

    `say` is called with the address to open. A browser opens it, or what `open_browser` is; nothing
    does if that is false.

    A browser on another machine cannot come back here. With `read_line` its last address may be
    typed: it gives a line, or "" when there is none any more.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        port: int = 0,
        open_browser: bool | Callable[[str], object] = True,
        read_line: ReadLine | None = None,
    ) -> None:
        self._say = say
        self._read_line = read_line
        self._state = ""
        self._port = port
        self._open = webbrowser.open if open_browser is True else open_browser

    async def __aenter__(self) -> BrowserLogin:
        self._answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._answer.cancel()

    @property
    def redirect_uri(self) -> str:
        return f"http://127.0.0.1:{self._port}/callback"

    async def open(self, url: str) -> None:
        """Show a person the page on which to sign in."""
        self._state = _fields_of(url).get("state", "")
        self._say(f"sign in at {url}")
        if self._read_line is not None:
            self._say("if the browser is on another machine, paste here the address it ends at")
        if self._open:
            await asyncio.to_thread(self._open, url)

    async def answer(self) -> dict[str, str]:
        """The answer of the server: `code`, `state`, `iss`. Raises `MCPServerError`."""
        reading = asyncio.create_task(self._read())
        try:
            answer = await asyncio.wait_for(asyncio.shield(self._answer), PATIENCE)
        except TimeoutError:
            raise MCPServerError(f"nobody signed in within {PATIENCE:g} s") from None
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        if "error" in answer:
            raise MCPServerError(
                f"signing in failed: {answer.get('error_description') or answer['error']}"
            )
        return answer

    def _take(self, address: str) -> bool:
        """Take the answer that an address holds. False for one that is none, or that is of another
        attempt to sign in."""
        fields = _fields_of(address)
        if not fields.keys() & {"code", "error"} or fields.get("state", "") not in (
            "",
            self._state,
        ):
            return False
        if not self._answer.done():
            self._answer.set_result(fields)
        return True

    async def _read(self) -> None:
        while self._read_line is not None and (line := await self._read_line()):
            if line.strip() and not self._take(line.strip()):
                self._say(f"that does not answer it: the address begins with {self.redirect_uri}?")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readline())[:_LONGEST].decode("latin-1").split(" ")
            target = line[1] if len(line) > 1 else "/"
            status, words = "404 Not Found", "There is nothing here."
            if urlsplit(target).path == "/callback" and self._take(target):
                status, words = "200 OK", "You can close this page and go back to axio."
            page = _PAGE.format(escape(words)).encode()
            head = f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\nconnection: close\r\n"
            writer.write(f"{head}content-length: {len(page)}\r\n\r\n".encode() + page)
            await writer.drain()
        except (OSError, ValueError):
            pass  # a browser that has gone
        finally:
            writer.close()


def _fields_of(address: str) -> dict[str, str]:
    """The fields in the query of an address; none in what is no address."""
    try:
        return {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    except ValueError:
        return {}
