"""The reason why `/connect` has no list of models to choose from."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from axio.exceptions import StreamError
from axio_transport_openai import OpenAITransport
from axio_tui.chat.trial import failed
from axio_tui.choose import COMPATIBLE, Choice
from axio_tui.connect import known_models, models_there
from support.loopback import Reply, serving, status
from support.provider import provider

KEY = "sk-wrong-9876543210-dcba"
CHOICE = Choice(COMPATIBLE, COMPATIBLE, "another server")


async def why(url: str, key: str = KEY) -> str:
    """The words on a server that gives no list."""
    transport = OpenAITransport(base_url=url, api_key=key, model="m")
    with pytest.raises(StreamError) as caught:
        await models_there(CHOICE, transport)
    words = failed(caught.value, transport).words
    assert "\n" not in words and KEY not in words and "s3cret" not in words
    return words


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (provider(key="sk-right"), "the key was refused: "),
        (status(403, "no"), "the key was refused: "),
        (status(404, "nothing"), "gives no list of models"),
        (status(200, "{"), "gives no list of models: is the address right?"),
        (status(200, "<html>Welcome</html>"), "gives no list of models: is the address right?"),
        (status(200, "[1, 2]"), "gives no list of models: is the address right?"),
        (status(200, '{"data": [{"name": "x"}]}'), "gives no list of models"),
        (status(200, '{"data": []}'), "lists no model"),
        (status(200, '{"data": [{"id": "all-embedder"}]}'), "lists no model"),
        (status(500, "ill"), "500"),
    ],
)
async def test_a_server_without_a_list_of_models_is_told_apart(reply: Reply, words: str) -> None:
    async with serving(reply) as server:
        assert words in await why(server.url)
        transport = OpenAITransport(base_url=server.url, api_key=KEY, model="m")
        assert await known_models(CHOICE, transport) == transport.models.ids()


async def test_a_server_that_is_gone_and_one_that_is_silent_are_told() -> None:
    go_on = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    async with serving(silent) as server:
        assert "after 3 s" in await why(server.url)
        go_on.set()
    assert "the server cannot be reached" in await why(server.url)


async def test_an_address_that_cannot_be_asked_is_told_without_its_password() -> None:
    assert "leave out one of the two" in await why("http://ada:s3cret-pass@127.0.0.1:9/v1")
    assert "that is no address" in await why("http://ada:s3cret/pass@127.0.0.1:9/v1")
    assert "an address begins with" in await why("127.0.0.1:9/v1")
