"""The transport against a server on loopback: what it sends, what comes of the answer."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest

from axio import Agent, MemoryContextStore, Tool
from axio.blocks import AudioBlock, TextBlock, ToolResultBlock, ToolUseBlock, VideoBlock
from axio.events import Error, IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.exceptions import (
    ConnectionFailed,
    ProtocolError,
    ProviderError,
    StreamError,
    StreamTimeout,
    TruncatedStream,
    UnsupportedContent,
)
from axio.messages import Message
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.transport import CompletionTransport, EmbeddingTransport
from axio.types import StopReason, Usage
from axio_transport_openai import OPENAI_MODELS, OpenAITransport, Timeouts
from support.loopback import Reply, Server, serving, status, stream
from support.parts import requires
from support.recordings import Recording, observed, recordings, wanted
from support.waiting import until

KEY = "sk-proj-0123456789"
HELLO = [Message("user", [TextBlock("hello")])]


def sse(*payloads: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
ANSWER = sse(chunk(content="hi"), chunk("stop"), USAGE) + b"data: [DONE]\n\n"
EVENTS = [TextDelta(0, "hi"), IterationEnd(0, StopReason.end_turn, Usage(7, 3))]


def transport(server: Server, **settings: Any) -> OpenAITransport:
    settings = {"retry_base_delay": 0.0, "max_retries": 3} | settings
    return OpenAITransport(base_url=server.url, api_key=KEY, **settings)


async def collect(
    transport: OpenAITransport, tools: Any = (), system: str = ""
) -> list[StreamEvent]:
    return [event async for event in transport.stream(HELLO, list(tools), system)]


async def failure(transport: OpenAITransport) -> StreamError:
    with pytest.raises(StreamError) as caught:
        await collect(transport)
    await transport.close()
    return caught.value


async def greet(name: str) -> str:
    """Greet a person."""
    return f"Hello, {name}!"


GREET = Tool(name="greet", description="Greet a person", handler=greet)


# ── settings ──────────────────────────────────────────────────────────────────────────────────


def test_fields_come_in_the_order_that_programs_rely_on() -> None:
    names = [field.name for field in dataclasses.fields(OpenAITransport) if field.init]
    assert names[:9] == [
        *("name", "base_url", "api_key", "model", "models", "session"),
        *("max_retries", "retry_base_delay", "extra_params"),
    ]


def test_defaults_come_from_the_environment_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "from env")
    made = OpenAITransport()
    assert (made.name, made.base_url) == ("OpenAI", "https://api.openai.com/v1")
    assert (made.api_key, made.max_retries, made.retry_base_delay) == ("from env", 10, 5.0)
    assert made.model is OPENAI_MODELS["gpt-4.1-mini"]
    assert made.models == OPENAI_MODELS
    assert made.models is not OPENAI_MODELS
    monkeypatch.setenv("OPENAI_BASE_URL", "http://here/v1")
    monkeypatch.delenv("OPENAI_API_KEY")
    assert (OpenAITransport().base_url, OpenAITransport().api_key) == ("http://here/v1", "")


def test_it_is_a_completion_and_an_embedding_transport() -> None:
    assert isinstance(OpenAITransport(), CompletionTransport)
    assert isinstance(OpenAITransport(), EmbeddingTransport)


def test_a_model_may_be_given_by_its_id() -> None:
    made = OpenAITransport(model="gpt-4o-mini")
    assert made.model is OPENAI_MODELS["gpt-4o-mini"]
    mine = ModelRegistry([ModelSpec("mine", max_output_tokens=5)])
    assert OpenAITransport(model="mine", models=mine).model.max_output_tokens == 5
    made.model = "new-model"
    assert made.model.id == "new-model"
    assert Capability.tool_use in made.model.capabilities
    assert "max_completion_tokens" not in made.build_payload([], [], "")


def test_no_text_of_it_holds_the_key() -> None:
    made = OpenAITransport(api_key=KEY, model="gpt-4o")
    assert KEY not in repr(made) + str(made)
    assert "gpt-4o" in repr(made)


def test_extra_parameters_cannot_be_changed_afterwards() -> None:
    given = {"temperature": 0}
    made = OpenAITransport(extra_params=given)
    given["temperature"] = 1
    assert isinstance(made.extra_params, MappingProxyType)
    assert made.extra_params == {"temperature": 0}


def test_copies_are_equal_and_have_sessions_of_their_own() -> None:
    made = OpenAITransport(api_key=KEY)
    for other in (copy.copy(made), dataclasses.replace(made)):
        assert other == made
    assert dataclasses.replace(made, model="gpt-4o") != made


# ── the request ───────────────────────────────────────────────────────────────────────────────


async def test_a_request_holds_what_the_api_wants() -> None:
    async with serving(stream(ANSWER)) as server, transport(server, model="gpt-4o") as made:
        assert await collect(made, [GREET], "Be kind.") == EVENTS
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.body == {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 16384,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "greet",
                    "description": "Greet a person",
                    "parameters": GREET.input_schema,
                },
            }
        ],
    }
    assert asked.body == made.build_payload(HELLO, [GREET], "Be kind.")


async def test_without_tools_or_a_key_none_are_sent() -> None:
    async with serving(stream(ANSWER)) as server:
        await collect(OpenAITransport(base_url=server.url + "/", api_key=" \n"))
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert "tools" not in asked.body
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("extra", [{"temperature": 0.5, "stream_options": None}, {"messages": []}])
async def test_extra_parameters_override_the_others(extra: dict[str, Any]) -> None:
    async with serving(stream(ANSWER)) as server, transport(server, extra_params=extra) as made:
        await collect(made, [GREET])
    assert server.asked[0].body == made.build_payload(HELLO, [GREET], "") | extra


async def test_a_subclass_s_payload_is_what_is_sent() -> None:
    @dataclass
    class Mine(OpenAITransport):
        def build_payload(self, messages: Any, tools: Any, system: str) -> dict[str, Any]:
            payload = OpenAITransport.build_payload(self, messages, tools, system)
            payload["messages"][-1]["content"] += "!"
            return payload

    async with serving(stream(ANSWER)) as server, Mine(base_url=server.url) as made:
        await collect(made)
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "hello!"}]


@pytest.mark.parametrize("block", [VideoBlock("video/mp4", b""), AudioBlock("audio/ogg", b"")])
async def test_media_that_cannot_be_taken_is_an_error_and_no_request(block: Any) -> None:
    async with serving(stream(ANSWER)) as server, transport(server) as made:
        with pytest.raises(UnsupportedContent, match=block.media_type):
            async for _ in made.stream([Message("user", [block])], [], ""):
                pass
    assert server.asked == []


def test_known_hosts_get_their_own_ways() -> None:
    def payload(base_url: str) -> dict[str, Any]:
        spec = ModelSpec("m", max_output_tokens=9)
        return OpenAITransport(base_url=base_url, model=spec).build_payload(HELLO, [], "")

    mistral = payload("https://api.mistral.ai/v1")
    assert (mistral["max_tokens"], "stream_options" in mistral) == (9, False)
    assert "max_completion_tokens" not in mistral
    assert payload("https://api.groq.com/openai/v1")["max_completion_tokens"] == 9


# ── the answer ────────────────────────────────────────────────────────────────────────────────


async def test_calls_and_a_last_line_without_its_end_are_read() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "greet", "arguments": '{"name": "A"}'}}
    body = sse(chunk(tool_calls=[call]), chunk("tool_calls"), USAGE).rstrip()
    async with serving(stream(*[bytes([byte]) for byte in body])) as server:
        events = await collect(transport(server))
    assert events == [
        ToolUseStart(0, "c", "greet"),
        ToolInputDelta(0, "c", '{"name": "A"}'),
        IterationEnd(0, StopReason.tool_use, Usage(7, 3)),
    ]


async def test_an_agent_runs_tools_and_tells_the_model_what_came_of_it() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "greet", "arguments": '{"name": "Al"}'}}
    calls = sse(chunk(content="wait", tool_calls=[call]), chunk("tool_calls")) + b"data: [DONE]\n\n"
    async with serving(stream(calls), stream(ANSWER)) as server, transport(server) as made:
        agent = Agent(system="s", transport=made, tools=[GREET])
        assert (await agent.run("Greet Al", MemoryContextStore())).endswith("hi")
    sent = server.asked[1].body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["tool_calls"][0]["function"]["arguments"] == '{"name": "Al"}'
    assert (sent[3]["tool_call_id"], sent[3]["content"]) == ("c", "Hello, Al!")


async def test_what_happens_is_logged_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    replies = [status(503, "busy"), stream(ANSWER), status(401, f'{{"error": "not {KEY}"}}')]
    with caplog.at_level(logging.DEBUG, "axio_transport_openai"):
        async with serving(*replies) as server, transport(server) as made:
            await collect(made)
            await failure(made)
    lines = [
        (r.levelno, r.getMessage()) for r in caplog.records if r.name == "axio_transport_openai"
    ]
    assert [level for level, _ in lines] == [logging.WARNING, logging.INFO, logging.ERROR]
    assert "503" in lines[0][1]
    assert "Stream complete" in lines[1][1]
    assert "401" in lines[2][1]
    assert KEY not in caplog.text


# ── failures ──────────────────────────────────────────────────────────────────────────────────

TEXT = sse(chunk(content="hi"))
PINGS: list[bytes | float] = [b": ping\n\n", 0.05] * 100
FAILURES: dict[str, tuple[Reply, type[StreamError], str]] = {
    "a refusal": (status(400, "bad request"), ProviderError, "OpenAI API error 400: bad request"),
    "a busy server": (status(503, "busy"), ProviderError, "OpenAI API error 503: busy"),
    "a page": (status(200, "<html><title>Login</title>"), ProtocolError, "Login"),
    "a document": (status(200, '{"object": "list"}'), ProtocolError, "base URL"),
    "an error as a document": (status(200, '{"error": "poor"}'), ProviderError, "poor"),
    "broken JSON": (stream(TEXT, b"data: {x\n\n"), ProtocolError, "not JSON: {x"),
    "an error event": (stream(TEXT, sse({"error": {"message": "ill"}})), ProviderError, "ill"),
    "the filter": (stream(TEXT, sse(chunk("content_filter"))), StreamError, "content_filter"),
    "an early end": (stream(TEXT), TruncatedStream, "before the answer was complete"),
    "nothing": (stream(), TruncatedStream, "before the answer was complete"),
    "a drop": (stream(TEXT, cut=True), ConnectionFailed, "connection failed"),
    "silence": (stream(TEXT, 30.0), StreamTimeout, "for 2 s"),
    "pings": (stream(TEXT, *PINGS), StreamTimeout, "for 2 s"),
}


def patience(kind: type[StreamError]) -> Timeouts:
    """Little where silence is the failure; else a busy machine has time."""
    return Timeouts(idle=2.0 if kind is StreamTimeout else 30.0)


@pytest.mark.parametrize("name", FAILURES)
async def test_each_failure_is_one_typed_error(name: str) -> None:
    reply, kind, words = FAILURES[name]
    async with serving(reply) as server:
        error = await failure(transport(server, timeouts=patience(kind)))
    assert isinstance(error, kind)
    assert words in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize("name", FAILURES)
async def test_each_failure_ends_a_run_and_leaves_a_history_that_goes_on(name: str) -> None:
    reply, kind, _ = FAILURES[name]
    context = MemoryContextStore()
    tries = 3 if name in ("a busy server", "nothing") else 1
    async with serving(*[reply] * tries, stream(ANSWER)) as server:
        asked = transport(server, timeouts=patience(kind))
        agent = Agent(system="", transport=asked)
        events = [event async for event in agent.run_stream("one", context)]
        error = next(event.exception for event in events if isinstance(event, Error))
        assert isinstance(error, kind)
        asked.timeouts = Timeouts()
        assert await agent.run("two", context) == "hi"


REFUSED = [r for r in recordings("openai-chat") if r.status != 200]


@pytest.mark.parametrize("recording", REFUSED, ids=lambda recording: recording.name)
async def test_a_recorded_refusal_keeps_its_words(recording: Recording) -> None:
    expected = recording.expected["error"]
    reply = status(recording.status, recording.body.decode(), content_type="application/json")
    async with serving(reply) as server:
        error = await failure(transport(server, max_retries=1))
    assert isinstance(error, ProviderError)
    assert error.status == expected["http_status"]
    assert error.code == (str(expected["code"] or expected["type"] or "") or None)
    assert (expected["message"] or "Invalid API Key") in str(error)
    assert error.retryable == (recording.status == 429)


SERVED = [r for r in recordings("openai-chat") if r.status == 200][::9]


@pytest.mark.parametrize("recording", SERVED, ids=lambda recording: recording.name)
async def test_a_recorded_answer_comes_over_http_as_it_should(recording: Recording) -> None:
    requires("streams")
    events: list[StreamEvent] = []
    async with serving(stream(recording.body)) as server, transport(server) as made:
        try:
            async for event in made.stream(HELLO, [], ""):
                events.append(event)  # noqa: PERF401 - those before the error count
        except StreamError as error:
            events.append(Error(error))
    assert observed(events) == wanted(recording)


# ── sessions ──────────────────────────────────────────────────────────────────────────────────


async def test_a_session_that_was_handed_over_stays_open() -> None:
    async with serving(stream(ANSWER)) as server, aiohttp.ClientSession() as session:
        async with transport(server, session=session) as made:
            assert await collect(made) == EVENTS
        assert not session.closed


def test_two_runs_in_a_row_work_with_one_transport() -> None:
    made = OpenAITransport(api_key=KEY)

    async def run() -> list[StreamEvent]:
        async with serving(stream(ANSWER)) as server:
            made.base_url = server.url
            return await collect(made)

    assert asyncio.run(run()) == asyncio.run(run()) == EVENTS


async def test_many_streams_at_once_share_a_session() -> None:
    async with serving(stream(ANSWER)) as server, transport(server) as made:
        results = await asyncio.gather(*[collect(made) for _ in range(200)])
    assert results == [EVENTS] * 200


async def test_a_stream_that_is_left_lets_go_of_its_connection() -> None:
    async with serving(stream(TEXT, *PINGS)) as server:
        events = transport(server).stream(HELLO, [], "")
        assert await anext(events) == TextDelta(0, "hi")
        await events.aclose()
        await until(lambda: server.gone)


# ── the other endpoints ───────────────────────────────────────────────────────────────────────


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    rows = [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1.5, 2]}]
    replies = [status(429), status(200, json.dumps({"data": rows}))]
    async with serving(*replies) as server, transport(server, model="embedder") as made:
        assert await made.embed(["a", "b"]) == [[1.5, 2.0], [3.0, 4.0]]
    assert server.asked[1].path == "/v1/embeddings"
    assert server.asked[1].body == {"model": "embedder", "input": ["a", "b"]}


@pytest.mark.parametrize(
    "reply", [status(400, "no"), status(200, "{}"), status(200, '{"data": [{"index": 0}]}')]
)
async def test_an_answer_without_vectors_is_an_error(reply: Reply) -> None:
    async with serving(reply) as server, transport(server) as made:
        with pytest.raises(StreamError, match="Embedding API error"):
            await made.embed(["a"])


async def test_the_built_in_models_need_no_network() -> None:
    made = OpenAITransport(models=ModelRegistry())
    await made.fetch_models()
    assert made.models == OPENAI_MODELS
    made.models.clear()
    assert len(OPENAI_MODELS) > 10


SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


async def test_an_answer_can_be_bound_to_a_schema() -> None:
    async with serving(stream(ANSWER)) as server, transport(server) as made:
        events = [event async for event in made.stream_structured(HELLO, [GREET], "s", SCHEMA)]
    assert events == EVENTS
    body = server.asked[0].body
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert len(body["tools"]) == 1


def test_where_the_provider_cannot_there_is_no_such_method() -> None:
    assert hasattr(OpenAITransport(), "stream_structured")
    assert not hasattr(OpenAITransport(base_url="https://api.deepseek.com"), "stream_structured")


# ── stored settings ───────────────────────────────────────────────────────────────────────────


def test_settings_can_be_stored_and_read_again() -> None:
    spec = ModelSpec("m", frozenset({Capability.vision, Capability.text}), 7, 8, 1.5, 2.5)
    made = OpenAITransport(
        name="n",
        base_url="http://x",
        api_key="k",
        models=ModelRegistry([spec]),
        extra_params={"a": 1},
    )
    stored = json.loads(json.dumps(made.to_dict()))
    assert stored == {
        "name": "n",
        "base_url": "http://x",
        "api_key": "k",
        "models": [
            {
                "id": "m",
                "context_window": 8,
                "max_output_tokens": 7,
                "capabilities": ["text", "vision"],
                "input_cost": 1.5,
                "output_cost": 2.5,
            }
        ],
        "extra_params": {"a": 1},
    }
    session: Any = object()
    read = OpenAITransport.from_dict(stored, session=session)
    assert read == made
    assert read.session is session


def test_what_was_not_stored_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from env")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://env")
    assert "extra_params" not in OpenAITransport().to_dict()
    models = [{"id": "m", "capabilities": ["text", "telepathy"]}]
    read = OpenAITransport.from_dict({"api_key": "", "base_url": "", "models": models})
    assert (read.api_key, read.base_url) == ("from env", "http://env")
    assert read.models["m"] == ModelSpec("m", frozenset({Capability.text}), 8000, 128000)
    assert read.model == OpenAITransport().model


# ── a history of both kinds of providers ──────────────────────────────────────────────────────


async def test_a_history_of_another_provider_is_sent_in_pairs() -> None:
    call_id = "toolu_" + "x" * 60
    history = [
        *HELLO,
        Message("assistant", [ToolUseBlock(call_id, "greet", {"name": "A"})]),
        Message("user", [ToolResultBlock(call_id, "Hello, A!")]),
    ]
    async with serving(stream(ANSWER)) as server, transport(server) as made:
        assert [event async for event in made.stream(history, [], "")] == EVENTS
    call, result = server.asked[0].body["messages"][1:]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) <= 40
