"""i2: one more request of a conversation of 2,000 stored messages, to a tiny answer.

The floor has the JSON of each old message ready, encodes the two new ones, and sends. "everything
anew" builds and encodes the whole request each time, as clients commonly do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import aiohttp

from axio import Message, Tool
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio_transport_openai import OpenAITransport
from axio_transport_openai.encode import encode_messages, encode_tools
from benchmarks.chat_floor import Floor
from benchmarks.chat_server import running
from benchmarks.measure import Figure, Item, Sample, timed

STORED = 2_000
REQUESTS = 10

Ask: TypeAlias = Callable[[list[Message]], Awaitable[None]]


async def add(a: int, b: str) -> str:
    """Add a to b."""
    return f"{a}{b}"


TOOLS: list[Tool[Any]] = [Tool(name="add", handler=add)]


def history() -> list[Message]:
    """Turns of four messages: a question, a call, its result, an answer."""
    text = "All human beings are born free and equal in dignity and rights. " * 2
    stored = []
    for number in range(STORED // 4):
        call_id = f"call_{number:020}"
        stored += [
            Message("user", [TextBlock(f"{number} {text}")]),
            Message("assistant", [ToolUseBlock(call_id, "add", {"a": number, "b": text})]),
            Message("user", [ToolResultBlock(call_id, text)]),
            Message("assistant", [TextBlock(text)]),
        ]
    return stored


def more(number: int) -> list[Message]:
    """Do the work that a turn without tools adds."""
    return [
        Message("assistant", [TextBlock(f"answer {number}")]),
        Message("user", [TextBlock(f"question {number}")]),
    ]


def payload(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 1000,
        "tools": encode_tools(TOOLS),
    }


async def axio(url: str, session: aiohttp.ClientSession) -> Ask:
    transport = OpenAITransport(base_url=url, api_key="key", model="tiny", session=session)

    async def ask(messages: list[Message]) -> None:
        async for _ in transport.stream(messages, TOOLS, "Be brief."):
            pass

    return ask


async def post(url: str, session: aiohttp.ClientSession, body: bytes) -> None:
    decoder = Floor()
    headers = {"Content-Type": "application/json"}
    request = session.post(f"{url}/chat/completions", data=body, headers=headers)
    async with request as response:
        async for data in response.content.iter_any():
            decoder.feed(data)


async def anew(url: str, session: aiohttp.ClientSession) -> Ask:
    async def ask(messages: list[Message]) -> None:
        encoded = encode_messages(messages, "Be brief.")
        await post(url, session, json.dumps(payload(encoded)).encode())

    return ask


async def floor(url: str, session: aiohttp.ClientSession) -> Ask:
    ready: list[bytes] = []
    known = 0

    async def ask(messages: list[Message]) -> None:
        nonlocal known
        ready.extend(json.dumps(new).encode() for new in encode_messages(messages[known:]))
        known = len(messages)
        rest = json.dumps(payload([])).encode()
        before, after = rest.split(b"[]", 1)
        await post(url, session, b"%b[%b]%b" % (before, b",".join(ready), after))

    return ask


def asking(system: Callable[[str, aiohttp.ClientSession], Awaitable[Ask]]) -> Sample:
    async def main(url: str) -> Sample:
        messages = history()
        async with aiohttp.ClientSession() as session:
            ask = await system(url, session)
            await ask(messages)  # all of it is new
            with timed(REQUESTS) as timer:
                for number in range(REQUESTS):
                    messages += more(number)
                    await ask(messages)
        return timer.sample

    with running() as url:
        return asyncio.run(main(url))


def items() -> list[Item]:
    return [
        Item(
            f"i2 a request with {STORED:,} messages",
            {
                "axio": partial(asking, axio),
                "everything anew": partial(asking, anew),
                "floor": partial(asking, floor),
            },
            # A third of "everything anew", which takes 8 times what the floor does.
            [Figure("ms CPU", 1e3, goal=2.6)],
        )
    ]
