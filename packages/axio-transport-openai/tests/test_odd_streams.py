"""Odd answers that servers and gateways gave come to what they must, over HTTP."""

from __future__ import annotations

from typing import Literal

import pytest

from axio_transport_openai import OpenAITransport
from support.loopback import serving
from support.odd_streams import EXPECTED, Expected, OddStream, odd_streams, outcome
from support.parts import requires

CHAT = odd_streams("openai-chat")
RESPONSES = odd_streams("openai-responses")


@pytest.mark.parametrize(("api", "odd"), [("chat", CHAT), ("responses", RESPONSES)])
def test_the_odd_streams_are_there(api: str, odd: tuple[OddStream, ...]) -> None:
    requires("streams")
    assert {stream.name for stream in odd} == {name for name in EXPECTED if name.startswith(api)}


async def answer(odd: OddStream, wire: Literal["chat", "responses"]) -> Expected:
    async with (
        serving(odd.reply()) as server,
        OpenAITransport(base_url=server.url, model="m", max_retries=1, wire=wire) as transport,
    ):
        return await outcome(transport.stream([], [], ""))


@pytest.mark.parametrize("odd", CHAT, ids=lambda odd: odd.name)
async def test_an_odd_chat_completion_comes_to_what_it_must(odd: OddStream) -> None:
    assert await answer(odd, "chat") == odd.expected


@pytest.mark.parametrize("odd", RESPONSES, ids=lambda odd: odd.name)
async def test_an_odd_response_comes_to_what_it_must(odd: OddStream) -> None:
    assert await answer(odd, "responses") == odd.expected
