"""A person signs in to a server in a browser, and is sent back to this machine."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, urlsplit

from axio_tools_mcp.errors import MCPServerError

__all__ = ("PATIENCE", "BrowserLogin")

PATIENCE = 300.0  # seconds that a person has
_LONGEST = 16384
_PAGE = "<!doctype html><title>axio</title><p>{}</p>"


class BrowserLogin:
    """`async with BrowserLogin(...) as login:` listens on loopback, at `login.redirect_uri`.

    `say` is called with the address to open, which is opened too unless `open_browser` is false.
    """

    def __init__(
        self, say: Callable[[str], object], *, port: int = 0, open_browser: bool = True
    ) -> None:
        self._say = say
        self._port = port
        self._open = open_browser

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
            await asyncio.to_thread(webbrowser.open, url)

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
