"""A person signs in to a server in a browser, and is sent back to this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import webbrowser
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, urlsplit

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError, MCPServerError
from axio_tools_mcp.library import require_library

__all__ = ("PATIENCE", "BrowserLogin", "check_sign_in", "sign_in")

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
) -> None:
    """Forget the tokens of a server, and let a person sign in to it. Raises `MCPServerError`."""
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
        BrowserLogin(say, open_browser=open_browser) as login,
        wire.connect(config, wire.Hooks(ignore, ignore, ignore), login=login),
    ):
        pass


class BrowserLogin:
    """`async with BrowserLogin(...) as login:` listens on loopback, at `login.redirect_uri`.

    `say` is called with the address to open. A browser opens it, or what `open_browser` is; nothing
    does if that is false.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        port: int = 0,
        open_browser: bool | Callable[[str], object] = True,
    ) -> None:
        self._say = say
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
        self._say(f"sign in at {url}")
        if self._open:
            await asyncio.to_thread(self._open, url)

    async def answer(self) -> dict[str, str]:
        """The answer of the server: `code`, `state`, `iss`. Raises `MCPServerError`."""
        try:
            answer = await asyncio.wait_for(asyncio.shield(self._answer), PATIENCE)
        except TimeoutError:
            raise MCPServerError(f"nobody signed in within {PATIENCE:g} s") from None
        if "error" in answer:
            raise MCPServerError(
                f"signing in failed: {answer.get('error_description') or answer['error']}"
            )
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readline())[:_LONGEST].decode("latin-1").split(" ")
            target = urlsplit(line[1] if len(line) > 1 else "/")
            fields = {name: values[-1] for name, values in parse_qs(target.query).items()}
            status, words = "404 Not Found", "There is nothing here."
            if target.path == "/callback" and fields.keys() & {"code", "error"}:
                status, words = "200 OK", "You can close this page and go back to axio."
                if not self._answer.done():
                    self._answer.set_result(fields)
            page = _PAGE.format(escape(words)).encode()
            head = f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\nconnection: close\r\n"
            writer.write(f"{head}content-length: {len(page)}\r\n\r\n".encode() + page)
            await writer.drain()
        except (OSError, ValueError):
            pass  # a browser that has gone
        finally:
            writer.close()
