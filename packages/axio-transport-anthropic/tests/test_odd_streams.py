"""Odd answers that servers and gateways gave come to what they must, over HTTP."""

from __future__ import annotations

import pytest

from axio_transport_anthropic import AnthropicTransport
from support.loopback import serving
from support.odd_streams import EXPECTED, OddStream, odd_streams, outcome
from support.parts import requires

MESSAGES = odd_streams("anthropic-messages")


def test_the_odd_streams_are_there() -> None:
    requires("streams")
    names = {name for name in EXPECTED if name.startswith("messages")}
    assert {stream.name for stream in MESSAGES} == names


@pytest.mark.parametrize("odd", MESSAGES, ids=lambda odd: odd.name)
async def test_an_odd_message_comes_to_what_it_must(odd: OddStream) -> None:
    async with (
        serving(odd.reply()) as server,
        AnthropicTransport(base_url=server.url, api_key="k", model="m", max_retries=1) as transport,
    ):
        assert await outcome(transport.stream([], [], "")) == odd.expected
