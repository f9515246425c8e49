"""`axio --serve` in a process of its own, and pages that are no browser."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

__all__ = ("PATIENCE", "Served", "is_alive", "shown")

PATIENCE = 60.0


class Served:
    """The server, its address with the token, and its processes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.process = process
        self.line = process.stdout.readline().decode()
        found = re.search(r"(http://([^/]+)/\?token=([\w-]+)) ", self.line)
        assert found, self.line
        self.url, self.host, self.token = found.groups()
        self.origin = f"http://{self.host}"

    def applications(self) -> list[int]:
        """Processes that the server has started."""
        found = []
        for file in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, parent = file.read_text().rpartition(")")[2].split()[:2]
                if int(parent) == self.process.pid and state != "Z":
                    found.append(int(file.parent.name))
        return found

    async def enter(self, http: aiohttp.ClientSession) -> str:
        """Exchange the token; the page's address. The session has the cookie then."""
        async with http.get(self.url) as page:
            assert page.status == 200
            return str(page.url)

    async def connect(
        self, http: aiohttp.ClientSession, place: str, **headers: str
    ) -> aiohttp.ClientWebSocketResponse:
        return await http.ws_connect(f"{place}ws", headers={"Origin": self.origin, **headers})

    @asynccontextmanager
    async def connect_until(
        self, http: aiohttp.ClientSession, place: str, words: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A connection on which these words have come."""
        async with await self.connect(http, place) as socket:
            await shown(socket, words)
            yield socket


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def shown(socket: aiohttp.ClientWebSocketResponse, words: str) -> str:
    """All that the application writes, up to these words."""
    seen = b""
    while words.encode() not in seen:
        message = await socket.receive(PATIENCE)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), (message, seen)
        seen += message.data if isinstance(message.data, bytes) else b""
    return seen.decode("utf-8", "replace")
