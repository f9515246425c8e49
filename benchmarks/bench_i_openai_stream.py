"""i: an answer of 20,000 chunks from OpenAI's API, from the socket to events.

The floor reads with aiohttp, cuts at blank lines, lets msgspec find the text, and makes the same
events. Decoding alone is also shown with other JSON parsers in the floor's place: msgspec knows
which fields are wanted and skips the others unread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import aiohttp

from axio.blocks import TextBlock
from axio.events import IterationEnd, StreamEvent
from axio.messages import Message
from axio.types import StopReason, Usage
from axio_transport_openai import OpenAITransport
from axio_transport_openai.decode import ChatDecoder
from benchmarks.chat_floor import Choice, Chunk, Counts, Delta, Floor
from benchmarks.chat_server import events, running
from benchmarks.measure import Figure, Item, Sample, timed

DELTAS = 20_000
READ = 1 << 16  # bytes that aiohttp hands over at a time when they come fast

ASK = [Message("user", [TextBlock("hello")])]


def untyped(loads: Callable[[bytes], Any]) -> Callable[[bytes], Chunk]:
    """The same by hand from a parser that knows nothing of the fields."""

    def decode(data: bytes) -> Chunk:
        chunk = loads(data)
        choices = [
            Choice(Delta(choice["delta"].get("content")), choice["finish_reason"])
            for choice in chunk["choices"]
        ]
        usage = chunk["usage"]
        return Chunk(choices, usage and Counts(usage["prompt_tokens"], usage["completion_tokens"]))

    return decode


def check(found: Iterable[StreamEvent]) -> None:
    *deltas, end = found
    assert (len(deltas), end) == (DELTAS, IterationEnd(0, StopReason.end_turn, Usage(10, DELTAS)))


# ── decoding alone ────────────────────────────────────────────────────────────────────────────


@cache
def chunks() -> list[bytes]:
    body = b"".join(events(DELTAS))
    return [body[start : start + READ] for start in range(0, len(body), READ)]


def decoding(make: Callable[[], Any]) -> Sample:
    pieces = chunks()
    decoder = make()
    with timed(DELTAS) as timer:
        found = [event for piece in pieces for event in decoder.feed(piece)]
    check(found)
    return timer.sample


# ── over loopback ─────────────────────────────────────────────────────────────────────────────


async def axio(url: str) -> list[StreamEvent]:
    async with OpenAITransport(base_url=url, api_key="key", model=str(DELTAS)) as transport:
        return [event async for event in transport.stream(ASK, [], "")]


async def floor(url: str) -> list[StreamEvent]:
    request = {"model": str(DELTAS), "messages": [{"role": "user", "content": "hello"}]}
    decoder = Floor()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/chat/completions", json=request) as response,
    ):
        return [event async for data in response.content.iter_any() for event in decoder.feed(data)]


def streaming(system: Callable[[str], Any]) -> Sample:
    async def main(url: str) -> Sample:
        with timed(DELTAS) as timer:
            found = await system(url)
        check(found)
        return timer.sample

    with running() as url:
        return asyncio.run(main(url))


def parsers() -> dict[str, Callable[[bytes], Any]]:
    found: dict[str, Callable[[bytes], Any]] = {"json": json.loads}
    try:
        import orjson
    except ImportError:
        return found
    return {**found, "orjson": orjson.loads}


def items() -> list[Item]:
    return [
        Item(
            "i 20,000 chunks over loopback",
            {"axio": partial(streaming, axio), "floor": partial(streaming, floor)},
            # A third of the 16.9 µs of axio 0.9.6, where the floor takes 2.7 + 0.8.
            [Figure("µs CPU a delta", 1e6, goal=1.6)],
        ),
        Item(
            "i decoding alone",
            {
                "axio": partial(decoding, ChatDecoder),
                **{
                    f"{name} by hand": partial(decoding, partial(Floor, untyped(loads)))
                    for name, loads in parsers().items()
                },
                "floor": partial(decoding, Floor),
            },
            [Figure("µs CPU a delta", 1e6, goal=2)],
        ),
    ]
