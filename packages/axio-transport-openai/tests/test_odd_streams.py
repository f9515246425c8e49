"""Odd answers that servers and gateways gave come to what they must, over HTTP."""

from __future__ import annotations

import pytest
from aiohttp import web

from axio_transport_openai import OpenAITransport
from support.loopback import Reply, serving
from support.odd_streams import OddStream, Seen, odd_streams, seen
from support.parts import requires

CHAT = odd_streams("openai-chat")


def test_the_odd_streams_are_there() -> None:
    requires("streams")
    assert len(CHAT) > 50


def as_it_came(odd: OddStream) -> Reply:
    async def reply(_: web.Request) -> web.StreamResponse:
        headers = {"content-type": odd.content_type}
        return web.Response(status=odd.status, body=odd.body, headers=headers)

    return reply


async def answer(odd: OddStream, wire: str) -> Seen:
    async with (
        serving(as_it_came(odd)) as server,
        OpenAITransport(base_url=server.url, model="m", max_retries=1, wire=wire) as transport,
    ):
        return await seen(transport.stream([], [], ""))


@pytest.mark.parametrize("odd", CHAT, ids=lambda odd: odd.name)
async def test_an_odd_chat_completion_comes_to_what_it_must(odd: OddStream) -> None:
    outcome = await answer(odd, "chat")
    assert outcome.stop is not None or outcome.error is not None
    if odd.decided:
        assert not odd.broken(outcome), (odd.want, outcome)
