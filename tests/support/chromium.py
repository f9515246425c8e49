"""Chromium without a window, driven over its debugging port (Chrome DevTools Protocol)."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from support.parts import requires

__all__ = ("Page", "chromium")

PATIENCE = 120.0  # seconds

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """One tab. Its methods are commands of the protocol; `evaluate` runs JavaScript. `events` is
    all that the browser has told by itself until the last command was answered."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events: list[Any] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE):
            while True:
                told = json.loads(await self._socket.receive_str())
                if "method" in told:
                    self.events.append(told)
                if told.get("id") == number:
                    assert "error" not in told, told["error"]
                    return told["result"]

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        told = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, script: str) -> Any:
        """The value of a script, once it is true."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(AssertionError):  # the page is not there yet
                    if value := await self.evaluate(script):
                        return value
                await asyncio.sleep(0.05)

    async def type(self, text: str) -> None:
        """Put text into what has the focus, and press Enter."""
        await self.call("Input.insertText", text=text)
        await self.press("\r", "Enter", 13)

    async def press(self, text: str, key: str = "", code: int = 0, **more: Any) -> None:
        """Press a key and let it go: by default the one that writes `text`."""
        given = {"key": key or text, "text": text, "windowsVirtualKeyCode": code, **more}
        if key:
            given["code"] = key
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, **given)


@asynccontextmanager
async def chromium(*options: str) -> AsyncIterator[Page]:
    """A browser with one empty tab, with a profile of its own. `options` are more of its own."""
    program = requires("chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *_OPTIONS,
            *options,
            f"--user-data-dir={profile}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            address = await _address(process)
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://{address}/json/list") as answer:
                    tabs = await answer.json()
                tab = next(tab for tab in tabs if tab["type"] == "page")
                async with http.ws_connect(
                    tab["webSocketDebuggerUrl"], max_msg_size=64 * 2**20
                ) as socket:
                    yield Page(socket)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where it listens, which it says on stderr."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        async for line in process.stderr:
            _, found, rest = line.decode("utf-8", "replace").partition("listening on ws://")
            if found:
                return rest.partition("/")[0]
    raise AssertionError("Chromium ended before it listened")
