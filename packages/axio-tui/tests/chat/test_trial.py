"""The trial of a transport: which answers count, and which step a failure leads back to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from axio.events import Error
from axio.exceptions import StreamError
from axio.wire.http import Timeouts
from axio_transport_anthropic import AnthropicTransport
from axio_transport_openai import OpenAITransport
from axio_tui.chat.trial import failed, try_out
from axio_tui.errors import CommandError, WrongUse
from support.loopback import Reply, serving, status, stream
from support.provider import provider

KEY = "sk-right-0123456789-wxyz"


def openai(url: str) -> OpenAITransport:
    return OpenAITransport(base_url=url, api_key=KEY)


def refusal(message: str, code: str = "") -> str:
    return json.dumps({"error": {"message": message, "code": code}})


@pytest.mark.parametrize(
    ("reply", "step", "words"),
    [
        (status(401, refusal(f"no such key: {KEY}")), "settings", "the key was refused"),
        (status(403, refusal("not for you")), "settings", "the key was refused"),
        (status(404, "<html>Not Found</html>"), "settings", "nothing is at this address"),
        (status(404, refusal("no such model")), "model", "there is no such model"),
        (status(400, refusal("max_tokens is too large")), "model", "the request was refused"),
        (status(402, refusal("pay first")), "", "nothing is left to spend"),
        (status(429, refusal("You exceeded your current quota")), "", "nothing is left to spend"),
        (status(429, refusal("slow down")), "", "too much was asked"),
        (status(500, refusal("broken")), "", "500"),
        (stream(b"<html>", cut=True), "settings", ""),
    ],
)
async def test_a_failure_says_what_came_and_which_step_to_do_again(
    reply: Reply, step: str, words: str
) -> None:
    async with serving(reply) as server, openai(server.url) as transport:
        trial = await try_out(transport)
    assert (trial.works, trial.step) == (False, step) and words in trial.words, trial
    assert KEY not in trial.words
    assert len(server.asked) == 1, "nothing is tried again"


async def test_one_word_is_enough_and_the_rest_is_not_waited_for() -> None:
    never = asyncio.Event()
    chunk = {"choices": [{"index": 0, "delta": {"content": "ready"}}]}
    words = f"data: {json.dumps(chunk)}\n\n".encode()

    async def endless(request: Any) -> Any:
        response = await stream(words)(request)
        await never.wait()
        return response

    async with serving(endless) as server, openai(server.url) as transport:
        trial = await try_out(transport)
    assert trial.works, trial


async def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    async with serving(provider("m", slow=asyncio.Event())) as server:
        timeouts = Timeouts(idle=60)
        async with OpenAITransport(
            base_url=server.url, api_key=KEY, model="m", timeouts=timeouts
        ) as transport:
            trial = await try_out(transport, patience=0.2)
    assert (trial.works, trial.step) == (False, "settings") and "no answer came" in trial.words


async def test_another_protocol_is_told_apart_too() -> None:
    async with (
        serving(status(401, refusal("invalid x-api-key"))) as server,
        AnthropicTransport(base_url=server.url, api_key=KEY) as transport,
    ):
        trial = await try_out(transport)
    assert trial.step == "settings" and "the key was refused" in trial.words


class Failing:
    async def stream(self, messages: object, tools: object, system: str) -> Any:
        for number in (1, 0):
            yield 1 / number
            raise ZeroDivisionError("of a plug-in")


class Silent:
    async def stream(self, messages: object, tools: object, system: str) -> Any:
        yield "no event"


async def test_a_transport_of_others_may_fail_as_it_likes() -> None:
    trial = await try_out(Failing())
    assert "the transport has failed: ZeroDivisionError: of a plug-in" in trial.words
    assert (await try_out(Silent())).words == "an answer came that has nothing in it"


def test_words_on_a_transport_that_cannot_be_made() -> None:
    assert failed(WrongUse("the transport openai needs a key")).step == "settings"
    assert failed(WrongUse("openai has no model 'x'; it has: y")).step == "model"
    assert failed(CommandError("it does not answer")).step == "settings"


async def test_an_error_that_a_transport_tells_as_an_event_is_the_failure() -> None:
    class Telling:
        async def stream(self, messages: Any, tools: Any, system: str) -> Any:
            yield Error(StreamError("no such key", status=401))

    trial = await try_out(Telling())
    assert (trial.works, trial.step) == (False, "settings") and "no such key" in trial.words
