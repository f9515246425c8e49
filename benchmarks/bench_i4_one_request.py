"""i4: one request with one delta, through an agent and OpenAI's transport.

The floor is the same POST with bare aiohttp, in the same process and over the same session; it
reads the body and decodes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import aiohttp

from axio import Agent, MemoryContextStore
from axio_transport_openai import OpenAITransport
from benchmarks.chat_server import running
from benchmarks.measure import Figure, Item, Sample, timed

REQUESTS = 300

Ask: TypeAlias = Callable[[], Awaitable[object]]


def axio(url: str, session: aiohttp.ClientSession) -> Ask:
    transport = OpenAITransport(base_url=url, api_key="key", model="tiny", session=session)
    agent = Agent(system="Be brief.", transport=transport)
    return lambda: agent.run("go", MemoryContextStore())


def floor(url: str, session: aiohttp.ClientSession) -> Ask:
    body = {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "go"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {"Content-Type": "application/json", "Authorization": "Bearer key"}

    async def ask() -> None:
        sent = json.dumps(body).encode()
        async with session.post(f"{url}/chat/completions", data=sent, headers=headers) as response:
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
            {"axio": partial(cost, axio), "floor": partial(cost, floor)},
            [Figure("ms CPU", 1e3, goal=1.25)],
        )
    ]
