"""A page load up to the first frame: `axio --serve` against the demo of textual-serve.

    python -m benchmarks.serve [--rounds 7]

Both are looked at by one Chromium, in turns, without a cache; each load starts the application. The
clock is the browser's: from its first request to the WebSocket frame with which a screenful of
bytes has come. The page of the demo asks for a font on another host, which is answered at once
with an error here.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import re
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.chromium import Page, chromium

FRAME = 1500  # bytes: more than all modes of a terminal, less than any screen
DEMO = "from textual_serve.server import Server; Server('{python} -m textual', port={port}).serve()"

Load = Callable[[Page], Awaitable[None]]


@asynccontextmanager
async def started(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    with tempfile.TemporaryDirectory() as home:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=home,
            env={**os.environ, "HOME": home, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def axio() -> AsyncIterator[str]:
    command = (str(Path(sys.executable).with_name("axio")), "--serve", "--web-listen")
    async with started(*command, "localhost:0", "--transport", "local") as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", (await process.stdout.readline()).decode())
        assert found is not None
        yield found[0]


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = DEMO.format(python=sys.executable, port=port)
    async with started(sys.executable, "-c", code) as process:
        assert process.stdout is not None
        async for line in process.stdout:
            if b"quit" in line:
                break
        yield f"http://localhost:{port}"


async def first_frame(page: Page, url: str) -> float:
    """Seconds."""
    del page.events[:]
    await page.open(url)
    begun, received = 0.0, 0
    seen = 0
    async with asyncio.timeout(60):
        while True:
            await page.evaluate("1")
            for event in page.events[seen:]:
                about = event["params"]
                if event["method"] == "Network.requestWillBeSent" and not begun:
                    begun = about["timestamp"]
                elif event["method"] == "Network.webSocketFrameReceived":
                    frame = about["response"]
                    is_bytes = frame["opcode"] == 2
                    received += len(base64.b64decode(frame["payloadData"])) if is_bytes else 0
                    if received > FRAME:
                        return float(about["timestamp"] - begun)
            seen = len(page.events)
            await asyncio.sleep(0.02)


async def measure(rounds: int) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {"axio": [], "demo": []}
    async with (
        axio() as ours,
        demo() as theirs,
        chromium("--host-resolver-rules=MAP fonts.googleapis.com ~NOTFOUND") as page,
    ):
        for domain in ("Page", "Network", "Runtime"):
            await page.call(f"{domain}.enable")
        await page.call("Network.setCacheDisabled", cacheDisabled=True)
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        for number in range(rounds + 1):  # the first is not counted: files are read from the disk
            for name, url in (("axio", ours), ("demo", theirs)):
                seconds = await first_frame(page, url)
                if number:
                    figures[name].append(seconds)
                if name == "axio":
                    ours = await page.evaluate("location.href")
                    await page.press("", "q", 81, modifiers=2)  # the next load starts another
                    await page.until("document.body.classList.contains('-closed')")
                await page.open("about:blank")
                await asyncio.sleep(1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    figures = asyncio.run(measure(parser.parse_args().rounds))
    for name, seconds in figures.items():
        print(f"{name}: {min(seconds):.2f} s at least, median {statistics.median(seconds):.2f} s")
    print(f"ratio of the least: {min(figures['axio']) / min(figures['demo']):.2f}")


if __name__ == "__main__":
    main()
