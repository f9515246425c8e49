"""A new provider is a page of code: the base has what all of them need."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import aiohttp
import pytest

from axio.blocks import TextBlock
from axio.events import Error, IterationEnd, StreamEvent, TextDelta
from axio.exceptions import StreamError, TruncatedStream
from axio.messages import Message
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.testing import check_transport
from axio.tool import Tool
from axio.types import StopReason, Usage
from axio.wire.client import HttpTransport, Request
from axio.wire.http import Timeouts
from axio.wire.names import own_names
from axio.wire.payload import dumps
from axio.wire.settings import ModelOrId, from_environment, model_field
from support.loopback import Server, serving, status, stream

# ── the provider, whole ───────────────────────────────────────────────────────────────────────

TOYS = ModelRegistry([ModelSpec("toy-1", frozenset({Capability.text, Capability.tool_use}))])


class ToyDecoder:
    """One word a line, and a full stop at the end."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self.done = b"." in lines
        words: list[StreamEvent] = [TextDelta(0, line.decode()) for line in lines if line != b"."]
        return [*words, *([IterationEnd(0, StopReason.end_turn, Usage(1, 1))] * self.done)]

    def close(self) -> list[StreamEvent]:
        return [] if self.done else [Error(TruncatedStream("the words stopped", retryable=True))]


@dataclass(slots=True)
class ToyTransport(HttpTransport):
    name: str = "Toy"
    base_url: str = "https://toys.example/v1"
    api_key: str = from_environment("TOY_API_KEY", repr=False)
    model: ModelOrId = model_field(lambda: TOYS["toy-1"])
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(TOYS))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    max_retries: int = 10
    retry_base_delay: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)

    catalogue: ClassVar[ModelRegistry] = TOYS
    describe: ClassVar[str] = "Toy API error"

    def guess_model(self, id: str) -> ModelSpec:
        return ModelSpec(id, frozenset({Capability.text}))

    def make_request(
        self,
        messages: list[Message],
        tools: list[Tool[Any]],
        system: str,
        schema: Mapping[str, Any] | None = None,
    ) -> Request:
        said = [[message.role, len(message.content)] for message in messages]
        body = {"model": self.model.id, "said": said, "tools": [*own_names(tools).values()]}
        headers = {"toy-key": self.api_key}
        return Request(f"{self.base_url}/answer", headers, dumps(body), ToyDecoder)


# ── what it gets for that ─────────────────────────────────────────────────────────────────────

KEY = "toy-key-0123456789"
HELLO = [Message("user", [TextBlock("hello")])]
ANSWER = stream(b"good\n", b"day\n.\n")
SAID = [
    TextDelta(0, "good"),
    TextDelta(0, "day"),
    IterationEnd(0, StopReason.end_turn, Usage(1, 1)),
]


@asynccontextmanager
async def talking(server: Server, **settings: Any) -> AsyncIterator[ToyTransport]:
    settings = {"retry_base_delay": 0.0, "max_retries": 3} | settings
    async with ToyTransport(base_url=server.url, api_key=KEY, **settings) as toy:
        yield toy


async def answer(toy: ToyTransport) -> list[StreamEvent]:
    return [event async for event in toy.stream(HELLO, [], "")]


def test_a_provider_is_less_than_sixty_lines() -> None:
    parts = (ToyDecoder, ToyTransport)
    assert sum(len(inspect.getsource(part).splitlines()) for part in parts) < 60


async def test_it_keeps_the_promises_of_a_transport() -> None:
    slow = stream(b"good\n", 0.02, b"day\n", 0.02, b".\n")
    async with serving(slow) as server, aiohttp.ClientSession() as session:
        await check_transport(
            lambda: ToyTransport(base_url=server.url, api_key=KEY, session=session)
        )


async def test_it_asks_again_and_reports_in_its_own_name() -> None:
    async with serving(status(503), ANSWER) as server, talking(server) as toy:
        assert await answer(toy) == SAID
        assert [asked.headers["toy-key"] for asked in server.asked] == [KEY, KEY]
    async with serving(status(400, "no")) as server, talking(server) as toy:
        with pytest.raises(StreamError, match="Toy API error 400: no"):
            await answer(toy)


async def test_without_retries_it_is_the_same_but_asks_once() -> None:
    async with serving(status(503)) as server, talking(server) as toy:
        once = toy.without_retries()
        assert (type(once), once.max_retries, toy.max_retries) == (ToyTransport, 1, 3)
        with pytest.raises(StreamError, match="503"):
            await answer(once)
        assert len(server.asked) == 1
        assert await once._sessions.current() is await toy._sessions.current()


def test_a_model_is_found_by_its_id_or_guessed() -> None:
    mine = ModelRegistry([ModelSpec("toy-2", max_output_tokens=5)])
    assert ToyTransport(model="toy-2", models=mine).model.max_output_tokens == 5
    toy = ToyTransport()
    assert toy.model is TOYS["toy-1"]
    toy.model = "toy-9"
    assert toy.model == ModelSpec("toy-9", frozenset({Capability.text}))


def test_a_guess_is_that_a_model_calls_tools_and_names_no_limit() -> None:
    calls_tools = frozenset({Capability.text, Capability.tool_use})
    assert HttpTransport.guess_model(ToyTransport(), "x") == ModelSpec("x", calls_tools, 0)


def test_only_its_address_is_one() -> None:
    toy = ToyTransport(base_url="https://key@toys.example")
    assert repr(toy.base_url) == "'https://toys.example'"
    assert type(toy.name) is str


async def test_a_refused_key_is_not_sent_again() -> None:
    async with serving(status(401, "no"), ANSWER) as server, talking(server) as toy:
        with pytest.raises(StreamError, match="401"):
            await answer(toy)
        assert len(server.asked) == 1


async def test_its_models_are_a_list_of_its_own() -> None:
    toy = ToyTransport()
    toy.models.clear()
    await toy.fetch_models()
    toy.models.clear()
    assert TOYS.ids() == ["toy-1"]


def test_its_settings_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = ToyTransport(name="n", base_url="http://x", api_key=KEY)
    del toy.models["toy-1"]
    toy.models["m"] = ModelSpec("m", frozenset({Capability.vision}), 7, 8, 1.5, 2.5)
    assert ToyTransport.from_dict(toy.to_dict()) == toy
    monkeypatch.setenv("TOY_API_KEY", "from env")
    assert ToyTransport.from_dict({"api_key": ""}).api_key == "from env"


def test_it_writes_no_json_unless_it_says_so() -> None:
    assert not hasattr(ToyTransport(), "stream_structured")


async def test_where_it_says_so_its_answer_has_a_schema() -> None:
    class Structured(ToyTransport):
        def can_structure(self) -> bool:
            return True

    async with serving(ANSWER) as server, Structured(base_url=server.url) as toy:
        assert [event async for event in toy.stream_structured(HELLO, [], "", {})] == SAID


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda toy: pickle.loads(pickle.dumps(toy))]
)
async def test_a_copy_is_equal_and_has_connections_of_its_own(copied: Any) -> None:
    async with serving(ANSWER) as server, talking(server) as toy:
        await answer(toy)
        other = copied(toy)
        assert other == toy
        assert await answer(other) == SAID
        assert await other._sessions.current() is not await toy._sessions.current()
        await other.close()
        assert await answer(toy) == SAID


async def test_a_copy_keeps_a_session_that_was_given() -> None:
    async with aiohttp.ClientSession() as session:
        toy = ToyTransport(session=session)
        assert copy.copy(toy).session is copy.deepcopy(toy).session is session
        assert pickle.loads(pickle.dumps(toy)).session is None


def test_a_copy_made_in_one_loop_works_in_another() -> None:
    async def ask(toy: ToyTransport) -> ToyTransport:
        async with serving(ANSWER) as server:
            toy.base_url = server.url
            assert await answer(toy) == SAID
        return copy.deepcopy(toy)

    asyncio.run(ask(asyncio.run(ask(ToyTransport()))))
