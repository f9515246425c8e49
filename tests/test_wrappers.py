"""Wrappers of a transport, in every order, around a real transport that talks HTTP."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import StreamEvent, TextDelta
from axio.exceptions import ProviderError
from axio.resilience import Fallback, RateLimit, Retry, Watchdog, Wrapper
from axio.testing import (
    StubTransport,
    make_text_response,
)
from axio.transport import CompletionTransport
from axio_transport_openai import OpenAITransport
from support.loopback import Server, serving, status, stream
from support.wraps import WRAPS, layers, nested

OWN_ATTEMPTS = 4
ANSWER = stream(
    *(
        f"data: {json.dumps(chunk)}\n\n".encode()
        for chunk in (
            {"choices": [{"index": 0, "delta": {"content": '{"n": 1}'}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        )
    ),
    b"data: [DONE]\n\n",
)


@dataclass
class Number:
    n: int


PAIRS = list(product(WRAPS, repeat=2))
NESTINGS = [*PAIRS, *random.Random(5).sample(list(product(WRAPS, repeat=3)), 60)]
nestings = pytest.mark.parametrize("names", NESTINGS, ids=" of ".join)


@pytest.fixture(autouse=True)
def nothing_is_allowed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that were counted stay counted, and cassettes are recorded."""
    monkeypatch.setattr("axio.resilience.rate_limit._Bucket.wait_for", lambda *_: 0.0)
    monkeypatch.delenv("CI", raising=False)


def openai(server: Server) -> OpenAITransport:
    return OpenAITransport(
        base_url=server.url, api_key="k", max_retries=OWN_ATTEMPTS, retry_base_delay=0.0
    )


async def events_of(transport: CompletionTransport) -> list[StreamEvent]:
    return [event async for event in transport.stream([], [], "")]


def check_what_was_asked(names: tuple[str, ...], transport: Wrapper, server: Server) -> None:
    for layer in layers(transport):
        if isinstance(layer, RateLimit):
            assert layer._requests is not None
            assert 1e6 - layer._requests._level == len(server.asked)
    if "structured" in names:
        assert all("response_format" in request.body for request in server.asked)


@nestings
async def test_the_outermost_retry_says_how_often_a_server_is_asked(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    async with serving(status(503)) as server, openai(server) as inner:
        transport = nested(names, inner, tmp_path)
        with pytest.raises(ProviderError) as caught:
            await events_of(transport)
    assert caught.value.status == 503
    attempts = 3 if "retry" in names else OWN_ATTEMPTS
    assert len(server.asked) == attempts * 2 ** names.count("fallback")
    check_what_was_asked(names, transport, server)
    assert inner.max_retries == OWN_ATTEMPTS


@nestings
async def test_an_answer_comes_through_after_a_failure(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    async with serving(status(503), ANSWER) as server, openai(server) as inner:
        transport = nested(names, inner, tmp_path)
        events = await events_of(transport)
    assert [e.delta for e in events if isinstance(e, TextDelta)] == ['{"n": 1}']
    assert len(server.asked) == 2
    check_what_was_asked(names, transport, server)


@pytest.mark.parametrize(("outer", "inner"), [(2, 5), (5, 2)])
async def test_a_retry_around_a_retry_keeps_its_own_promise(outer: int, inner: int) -> None:
    async with serving(status(503)) as server, openai(server) as transport:
        limited = RateLimit(Retry(transport, inner, base_delay=0), requests_per_minute=1e6)
        with pytest.raises(ProviderError):
            await events_of(Retry(limited, outer, base_delay=0))
    assert len(server.asked) == outer
    assert limited._requests is not None
    assert 1e6 - limited._requests._level == outer


async def test_a_wait_that_the_server_asks_for_reaches_the_outermost_retry() -> None:
    async with serving(status(429, retry_after="7")) as server, openai(server) as inner:
        with pytest.raises(ProviderError) as caught:
            await events_of(Retry(Watchdog(inner), 1))
    assert caught.value.retry_after == 7


class Counted(Wrapper):
    """A wrapper as users write them."""

    requests = 0

    def stream(self, *asked: Any) -> Any:
        self.requests += 1
        return self.inner.stream(*asked)


async def test_a_wrapper_sees_and_remembers_requests_for_structured_answers() -> None:
    async with serving(ANSWER) as server, openai(server) as inner:
        counted = Counted(inner)
        agent = Agent("", Retry(Fallback(counted)))
        assert await agent.run("go", MemoryContextStore(), output=Number) == Number(1)
        assert await agent.run("go", MemoryContextStore()) == '{"n": 1}'
    assert counted.requests == len(server.asked) == 2
    assert ["response_format" in request.body for request in server.asked] == [True, False]


def test_a_wrapper_that_is_not_made_yet_has_no_attributes() -> None:
    wrapper = Counted.__new__(Counted)
    for name in ("inner", "model", "api_key", "__deepcopy__"):
        with pytest.raises(AttributeError):
            getattr(wrapper, name)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
@nestings
async def test_a_copy_of_wrappers_works(
    names: tuple[str, ...], duplicate: Callable[[Any], Any], tmp_path: Path
) -> None:
    inner = StubTransport([make_text_response('{"n": 1}')])
    transport = nested(names, inner, tmp_path)
    twin = duplicate(transport)
    assert [type(layer) for layer in layers(twin)] == [type(layer) for layer in layers(transport)]
    assert await Agent("", twin).run("go", MemoryContextStore()) == '{"n": 1}'
    innermost = [*layers(twin)][-1].inner
    assert (innermost is inner) == (duplicate is copy.copy)
    # Copied again after use, as an agent is that has run.
    again = await Agent("", duplicate(twin)).run("go", MemoryContextStore())
    assert again == '{"n": 1}'


@pytest.mark.parametrize(
    "names", [names for names in PAIRS if "traced" not in names], ids=" of ".join
)
async def test_wrappers_without_live_parts_can_be_pickled(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    transport = nested(names, StubTransport([make_text_response("ok")]), tmp_path)
    twin = pickle.loads(pickle.dumps(transport))
    assert [type(layer) for layer in layers(twin)] == [type(layer) for layer in layers(transport)]
    assert await Agent("", twin).run("go", MemoryContextStore()) == "ok"


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_request_that_fails_is_told_once_however_it_is_tried_again(
    wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(status(503, "busy")) as server:
        own = OpenAITransport(
            base_url=server.url, api_key="key-123456", max_retries=3, retry_base_delay=0
        )
        outer = Retry(own, 3, base_delay=0) if wrapped else own
        with pytest.raises(ProviderError):
            await Agent("", outer).run("hi", MemoryContextStore())
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(server.asked) == 3
    assert 2 <= len(told) <= 3, "and the last failure is raised"
