"""The time from the first piece of an answer on the wire until the command shows it.

    .venv/bin/python -m benchmarks.first_event    # twenty seconds

A server on this machine sends one delta, and the command is watched by whoever reads its output:
events as JSON through a pipe, and lines for people on a pseudo-terminal.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
import tempfile
import time
from statistics import median

from aiohttp import web

TIMES = 10
WORD = "Aardvark"
DELTA = {"choices": [{"index": 0, "delta": {"content": f"{WORD}.\n\n"}}]}
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Server:
    """Answers every request with one word, and knows when it was sent."""

    def __init__(self) -> None:
        self.sent = 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(0.3)  # the command has all its imports by now
        self.sent = time.monotonic()
        await response.write(f"data: {json.dumps(DELTA)}\n\n".encode())
        await asyncio.sleep(0.3)
        await response.write(END)
        return response


async def shown(server: Server, port: int, *options: str, terminal: bool) -> float:
    """Milliseconds until the word is seen."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "axio_tui", "run", *options, "--tools", "none"]
        command += ["--transport", "openai-custom", "--model", "x", "Say a word"]
        environment = {**os.environ, "HOME": home, "OPENAI_API_KEY": "x", "TERM": "xterm"}
        environment["OPENAI_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
        ours, theirs = pty.openpty() if terminal else os.pipe()
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            cwd=home,
        )
        os.close(theirs)
        try:
            seen = await asyncio.to_thread(_wait_for, ours, WORD.encode())
        finally:
            await process.wait()
            os.close(ours)
        return (seen - server.sent) * 1000


def _wait_for(file: int, word: bytes) -> float:
    text = b""
    while word not in text:
        try:
            piece = os.read(file, 65536)
        except OSError:  # the terminal's other end is closed
            piece = b""
        if not piece:
            raise RuntimeError(f"the command ended without the word: {text!r}")
        text += piece
    return time.monotonic()


async def main() -> None:
    server = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        for name, options, terminal in (
            ("events as JSON", ("--format", "stream-json"), False),
            ("lines on a terminal", (), True),
        ):
            times = [await shown(server, port, *options, terminal=terminal) for _ in range(TIMES)]
            print(f"{name:24} median {median(times):5.1f} ms, least {min(times):5.1f} ms")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
