"""A server on loopback that answers chat completions from memory, in a process of its own.

    python -m benchmarks.chat_server     # prints its port, serves until its input closes

The model's name says how: "tiny", or the number of chunks, written as fast as they are taken.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: keep-alive\r\n\r\n"
)


def word(letters: random.Random, shortest: int, longest: int) -> str:
    length = letters.randint(shortest, longest)
    return "".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def event(letters: random.Random, usage: Any = None, finish: Any = None, **delta: Any) -> bytes:
    """One event as OpenAI frames it, with the padding that hides its length."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {
        "id": "chatcmpl-CbQx8uXW2mCkZ0m3v4hYt1pJ5n6Qd",
        "object": "chat.completion.chunk",
        "created": 1763800000,
        "model": "gpt-4.1-mini-2025-04-14",
        "service_tier": "default",
        "system_fingerprint": "fp_4c2851f862",
        "choices": [] if usage else [choice],
        "usage": usage,
        "obfuscation": word(letters, 6, 12),
    }
    return b"data: %b\n\n" % json.dumps(chunk, separators=(",", ":")).encode()


@cache
def events(count: int) -> list[bytes]:
    """An answer of `count` deltas of a word each."""
    letters = random.Random(7)
    return [
        event(letters, role="assistant", content="", refusal=None),
        *(event(letters, content=f" {word(letters, 3, 6)}") for _ in range(count)),
        event(letters, finish="stop"),
        event(letters, usage={"prompt_tokens": 10, "completion_tokens": count}),
        b"data: [DONE]\n\n",
    ]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            model = json.loads(await reader.readexactly(length))["model"]
            chunks = events(1 if model == "tiny" else int(model))
            # A short answer goes out at once: how often its reader wakes is no matter of luck.
            framed = [HEAD, *(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)]
            framed.append(b"0\r\n\r\n")
            for start in range(0, len(framed), 200):
                writer.write(b"".join(framed[start : start + 200]))
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def running() -> Iterator[str]:
    """The base URL of a server that runs while the block lasts."""
    command = [sys.executable, "-m", "benchmarks.chat_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(serve())
