"""i4: one request with one delta, through an agent and OpenAI's transport.

The floor is the same POST with bare aiohttp, in the same process and over an equal session. It
reads the body as it comes and makes the same events of it. "post" decodes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import aiohttp

from axio import Agent, MemoryContextStore
from axio.events import StreamEvent
from axio_transport_openai import OpenAITransport
from benchmarks.chat_floor import Floor
from benchmarks.chat_server import running
from benchmarks.measure import Figure, Item, Sample, timed

REQUESTS = 300

Ask: TypeAlias = Callable[[], Awaitable[object]]


def axio(url: str, session: aiohttp.ClientSession) -> Ask:
    transport = OpenAITransport(base_url=url, api_key="key", model="tiny", session=session)
    agent = Agent(system="Be brief.", transport=transport)
    return lambda: agent.run("go", MemoryContextStore())


BODY = {
    "model": "tiny",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "go"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
}
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer key"}


def floor(url: str, session: aiohttp.ClientSession) -> Ask:
    async def ask() -> list[StreamEvent]:
        decoder = Floor()
        sent = json.dumps(BODY).encode()
        async with session.post(f"{url}/chat/completions", data=sent, headers=HEADERS) as response:
            pieces = response.content.iter_any()
            return [event async for piece in pieces for event in decoder.feed(piece)]

    return ask


def post(url: str, session: aiohttp.ClientSession) -> Ask:
    async def ask() -> None:
        sent = json.dumps(BODY).encode()
        async with session.post(f"{url}/chat/completions", data=sent, headers=HEADERS) as response:
            await response.read()

    return ask


def cost(system: Callable[[str, aiohttp.ClientSession], Ask], requests: int = REQUESTS) -> Sample:
    async def main(url: str) -> Sample:
        async with aiohttp.ClientSession() as session:
            ask = system(url, session)
            for _ in range(20):
                await ask()
            with timed(requests) as timer:
                for _ in range(requests):
                    await ask()
        return timer.sample

    with running() as url:
        return asyncio.run(main(url))


def items() -> list[Item]:
    return [
        Item(
            "i4 one request",
            {
                "axio": partial(cost, axio),
                "floor": partial(cost, floor),
                "post": partial(cost, post),
            },
            [Figure("ms CPU", 1e3, goal=1.25)],
        )
    ]
