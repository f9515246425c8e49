"""The full screen in a real browser, and pages of strangers in the same one."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from support.chromium import Page, chromium
from support.served import PATIENCE, Served, is_alive
from support.waiting import until

Serve = Callable[..., Served]

pytestmark = pytest.mark.timeout(300)


def bytes_of(page: Page, event: str) -> str:
    """All that went over WebSockets in one direction."""
    frames = [e["params"]["response"] for e in page.events if e["method"] == f"Network.{event}"]
    texts = [
        base64.b64decode(f["payloadData"]).decode("utf-8", "replace")
        if f["opcode"] == 2
        else f["payloadData"]
        for f in frames
    ]
    return "".join(texts)


async def shows(page: Page, words: str, after: int = 0) -> None:
    """Wait until the application has written these words since then."""
    async with asyncio.timeout(PATIENCE):
        while words not in bytes_of(page, "webSocketFrameReceived")[after:]:
            await page.evaluate("1")  # events come along with its answer
            await asyncio.sleep(0.05)


async def open_application(page: Page, url: str) -> None:
    for domain in ("Page", "Network", "Runtime"):
        await page.call(f"{domain}.enable")
    await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
    await page.open(url)
    await shows(page, "F1 help")


def size_of(pid: int) -> tuple[int, int]:
    """Columns and lines of the terminal of a process."""
    terminal = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NOCTTY)
    try:
        lines, columns, _, _ = struct.unpack(
            "HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        )
    finally:
        os.close(terminal)
    return columns, lines


async def paste(page: Page, text: str) -> None:
    """Copy a text, and press the keys for pasting."""
    copied = await page.call(
        "Runtime.evaluate",
        expression=f"navigator.clipboard.writeText({json.dumps(text)})",
        awaitPromise=True,
        userGesture=True,
    )
    assert "exceptionDetails" not in copied
    await page.press("", "v", 86, modifiers=2, commands=["paste"])


async def test_it_is_typed_to_resized_and_loaded_again(serve: Serve) -> None:
    served = serve(script=[["The **first** answer."], ["The second."], ["The third."]])
    async with chromium() as page:
        await open_application(page, served.url)
        (pid,) = served.applications()
        assert await page.evaluate("location.search + document.cookie") == ""

        for key in "hi":  # no click before: the keys belong to it from the beginning
            await page.press(key)
        await page.press("\r", "Enter", 13)
        await shows(page, "answer.")

        before = size_of(pid)
        wide = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await page.call("Emulation.setDeviceMetricsOverride", **wide)
        await until(lambda: size_of(pid) > before, "larger")

        await page.call("Page.reload")
        at = len(bytes_of(page, "webSocketFrameReceived"))
        await shows(page, "answer.", at)
        await shows(page, "F1 help", at)
        assert served.applications() == [pid]

        await paste(page, "one\ntwo \x1b[31m")
        await shows(page, "two", at)
        sent = bytes_of(page, "webSocketFrameSent")
        assert "\\u001b[200~one\\rtwo " in sent
        await page.press("\r", "Enter", 13)
        await shows(page, "The second.", at)

        urls = [
            e["params"]["request"]["url"]
            for e in page.events
            if e["method"] == "Network.requestWillBeSent"
        ]
        sockets = [
            e["params"]["url"] for e in page.events if e["method"] == "Network.webSocketCreated"
        ]
        assert len(urls) > 6 and all(url.startswith((served.origin, "data:")) for url in urls)
        assert len(sockets) == 2 and all(u.startswith(f"ws://{served.host}/") for u in sockets)
        assert not [e for e in page.events if e["method"] == "Runtime.exceptionThrown"]


async def test_leaving_says_so_a_button_begins_again_and_it_ends_with_the_browser(
    serve: Serve,
) -> None:
    served = serve(grace=2)
    async with chromium() as page:
        await open_application(page, served.url)
        (pid,) = served.applications()
        await page.press("", "q", 81, modifiers=2)
        await page.until("getComputedStyle(document.querySelector('.closed')).display == 'flex'")
        await until(lambda: not is_alive(pid), "gone")
        at = len(bytes_of(page, "webSocketFrameReceived"))
        await page.press("\r", "Enter", 13)  # the button has the focus
        await shows(page, "F1 help", at)
        (pid,) = served.applications()
    await until(lambda: not is_alive(pid), "gone with the browser")
    assert served.process.poll() is None


ATTACK = """
(async () => {
  const tried = url => new Promise(done => {
    const socket = new WebSocket(url);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
  });
  const fetched = async (url, mode) => {
    try {
      return (await fetch(url, {mode, credentials: "include"})).type;
    } catch {
      return "refused";
    }
  };
  const framed = url => new Promise(done => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { done(frame.contentDocument === null ? "hidden" : "read"); } catch { done("hidden"); }
    };
    frame.src = url;
    document.body.append(frame);
  });
  const place = "PLACE";
  return [
    await tried(place.replace("http", "ws") + "ws"),
    await fetched(place, "cors"),
    await fetched(place, "no-cors"),
    await framed(place),
  ];
})()
"""


@asynccontextmanager
async def stranger() -> AsyncIterator[int]:
    """The port of a page of another site, which anybody may put on the web."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<body>Hello.</body>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/", page)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_pages_of_strangers_in_the_same_browser_get_nowhere(serve: Serve) -> None:
    served = serve(listen="127.0.0.1:0")
    name = "MAP evil.example 127.0.0.1, MAP localhost 127.0.0.1"
    async with chromium(f"--host-resolver-rules={name}") as page, stranger() as port:
        await open_application(page, served.url)
        place = await page.evaluate("location.href")
        (pid,) = served.applications()
        await page.press("", "q", 81, modifiers=2)
        await until(lambda: not is_alive(pid), "gone")

        # Another site, and another port of the same host, for which cookies are the same site.
        for host in ("evil.example", "127.0.0.1"):
            await page.open(f"http://{host}:{port}/")
            await page.until("document.body.innerText == 'Hello.'")
            results: list[Any] = await page.evaluate(ATTACK.replace("PLACE", place))
            assert results[0] == "refused" and results[1] == "refused"
            assert results[2] in ("refused", "opaque") and results[3] == "hidden"
            assert served.applications() == []

        # A name of a stranger that points here.
        its_port = served.host.rpartition(":")[2]
        await page.open(f"http://evil.example:{its_port}/?token=x")
        await page.until("document.body.innerText.startsWith('403')")
        assert served.applications() == []

        await page.open(place)  # the person's own way back
        at = len(bytes_of(page, "webSocketFrameReceived"))
        await shows(page, "F1 help", at)
