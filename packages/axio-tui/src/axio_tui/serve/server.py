"""`Server`: what a browser may ask for, and who may ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from axio_tui.serve.address import Address
from axio_tui.serve.messages import LIMIT, Malformed, Ping, Size, Typed, message_in, size_in
from axio_tui.serve.pace import Pace
from axio_tui.serve.seat import Seat
from axio_tui.serve.terminal import Terminal
from axio_tui.serve.ticket import Ticket

__all__ = ("Server",)

logger = logging.getLogger(__name__)

COOKIE = "axio"

_OURS = "axio_tui.serve"
_XTERM = "textual_serve"  # brings the terminal that runs in the page

FILES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "page.css": (_OURS, "page.css", "text/css"),
        "page.js": (_OURS, "page.js", "text/javascript"),
        "textual.js": (_XTERM, "static/js/textual.js", "text/javascript"),
        "xterm.css": (_XTERM, "static/css/xterm.css", "text/css"),
    }
)
"""The files of the page: the package and its file, and what it is. There are no others."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), clipboard-read=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "Server": "axio",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src ws://{host}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_STUCK = 20.0  # seconds that an application may take nothing of what is typed
_HEARTBEAT = 60.0  # seconds; half of it later a browser that is gone is noticed

_REFUSED = "403: open the address that axio --serve has printed.\n"
_USED = (
    "403: this address was good once, and was used. Go on in the browser that has used it, or "
    "start axio --serve again.\n"
)


class Server:
    """`application` answers on the web; `address` is the one that was printed."""

    def __init__(self, address: Address, ticket: Ticket, seat: Seat) -> None:
        self._address = address
        self._ticket = ticket
        self._seat = seat
        self._page = (files(_OURS) / "page.html").read_text("utf-8")
        self.application = web.Application(middlewares=[self._only_for_us])
        self.application.on_response_prepare.append(_add_headers)
        place = f"/{ticket.place}"
        self.application.router.add_get("/", self._exchange, allow_head=False)
        self.application.router.add_get(f"{place}/", self._show, allow_head=False)
        self.application.router.add_get(f"{place}/ws", self._connect, allow_head=False)
        self.application.router.add_get(f"{place}/{{name}}", self._file, allow_head=False)

    @property
    def url(self) -> str:
        """The address for the person who has started it. It holds a secret."""
        return f"http://{self._address}/?token={self._ticket.token}"

    # ── who ───────────────────────────────────────────────────────────────────────────────────

    @web.middleware
    async def _only_for_us(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """No page of another site, under no other name, and nobody without the cookie."""
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        is_ours = self._address.is_meant_by(host) and origin in (None, f"http://{host}")
        is_begin = request.path == "/"
        if not is_ours or not (is_begin or self._ticket.admits(request.cookies.get(COOKIE, ""))):
            raise web.HTTPForbidden(text=_REFUSED)
        return await handler(request)

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        """The token becomes a cookie, and leaves the address."""
        token = request.query.get("token", "")
        cookie = self._ticket.exchange(token)
        if cookie is None:
            raise web.HTTPForbidden(text=_REFUSED if self._ticket.token else _USED)
        place = f"/{self._ticket.place}/"
        response = web.Response(status=303, headers={"Location": place})
        response.set_cookie(COOKIE, cookie, path=place, httponly=True, samesite="Strict")
        return response

    # ── what ──────────────────────────────────────────────────────────────────────────────────

    async def _show(self, request: web.Request) -> web.StreamResponse:
        socket = f"ws://{request.host}/{self._ticket.place}/ws"
        text = self._page.replace("{socket}", socket)
        response = web.Response(text=text, content_type="text/html")
        response.headers["Content-Security-Policy"] = _POLICY.format(host=request.host)
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        try:
            package, name, kind = FILES[request.match_info["name"]]
        except KeyError:
            raise web.HTTPNotFound from None
        file: Traversable = files(package) / name
        return web.Response(body=file.read_bytes(), content_type=kind, charset="utf-8")

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if "Origin" not in request.headers:  # browsers send it with every WebSocket
            raise web.HTTPForbidden(text=_REFUSED)
        size = size_in(request.query)
        page = web.WebSocketResponse(
            timeout=1.0, heartbeat=_HEARTBEAT, max_msg_size=LIMIT, compress=False
        )
        await page.prepare(request)
        try:
            await self._drive(page, await self._seat.take(page, size))
        except Malformed as error:
            await page.close(code=1008, message=str(error).encode())
        except TimeoutError:
            await page.close(code=1011, message=b"the application does not take what is typed")
        except OSError as error:
            if not isinstance(error, ConnectionError):
                logger.error("the application cannot be started: %s", error)
            await page.close(code=1011)
        finally:
            self._seat.leave(page)
        return page

    async def _drive(self, page: web.WebSocketResponse, terminal: Terminal) -> None:
        """Do what the page says until it is gone. Raises `Malformed`, and `TimeoutError` if the
        application stands still."""
        now = asyncio.get_running_loop().time
        pace = Pace(now())
        async for message in page:
            if message.type is not WSMsgType.TEXT:
                raise Malformed("not text")
            match message_in(message.data):
                case Typed(data):
                    async with asyncio.timeout(_STUCK):
                        await terminal.write(data)
                case Size() as size:
                    terminal.resize(size)
                case Ping(word):
                    await page.send_json(["pong", word])
            await asyncio.sleep(pace.delay(len(message.data), now()))


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
