"""The transport against a server on loopback that answers as it is told."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from axio.blocks import TextBlock
from axio.events import IterationEnd, StreamEvent, TextDelta
from axio.exceptions import (
    ConnectionFailed,
    ProtocolError,
    ProviderError,
    StreamError,
    StreamTimeout,
    TruncatedStream,
)
from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.types import StopReason, Usage
from axio.wire.http import Timeouts
from axio_transport_anthropic import AnthropicTransport
from support.loopback import Server, serving, status, stream
from support.parts import requires
from support.recordings import Recording, observed, recordings
from support.waiting import until

KEY = "sk-ant-very-secret-key"
HI = [Message("user", [TextBlock("Hi")])]


def event(kind: str, **data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **data}).encode())


def piece(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


START = event("message_start", message={"usage": {"input_tokens": 3}})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
END += event("message_stop")
ANSWER = START + piece("Hello") + END
SAID = [TextDelta(0, "Hello"), IterationEnd(0, StopReason.end_turn, Usage(3, 2))]


def refusal(kind: str, message: str) -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}})


@asynccontextmanager
async def talking(server: Server, **options: Any) -> AsyncIterator[AnthropicTransport]:
    options = {"retry_base_delay": 0.0, "max_retries": 3, **options}
    async with AnthropicTransport(base_url=server.url, api_key=KEY, **options) as transport:
        yield transport


async def events_of(transport: AnthropicTransport) -> list[StreamEvent]:
    return [event async for event in transport.stream(HI, [], "")]


async def error_of(transport: AnthropicTransport) -> StreamError:
    with pytest.raises(StreamError) as caught:
        await events_of(transport)
    assert KEY not in str(caught.value)
    return caught.value


# ── one request ───────────────────────────────────────────────────────────────────────────────


async def test_a_request_goes_to_messages_with_key_and_version() -> None:
    async with serving(stream(ANSWER)) as server, talking(server) as transport:
        assert await events_of(transport) == SAID
        ((path, headers, body),) = server.asked
        assert path == "/v1/messages"
        assert headers["x-api-key"] == KEY
        assert headers["anthropic-version"] == "2023-06-01"
        assert headers["content-type"] == "application/json"
        assert body == transport.build_payload(HI, [], "")


async def test_a_given_session_is_used_and_left_open() -> None:
    async with serving(stream(ANSWER)) as server, aiohttp.ClientSession() as session:
        async with talking(server, session=session) as transport:
            assert await events_of(transport) == SAID
        assert not session.closed


def test_one_transport_serves_two_event_loops_one_after_the_other() -> None:
    transport = AnthropicTransport(api_key=KEY)

    async def run() -> list[StreamEvent]:
        async with serving(stream(ANSWER)) as server:
            transport.base_url = server.url
            return await events_of(transport)

    assert asyncio.run(run()) == SAID
    assert asyncio.run(run()) == SAID
    gc.collect()  # an unclosed session would warn now


async def test_two_requests_at_once_do_not_disturb_each_other() -> None:
    slow = stream(START, piece("He"), 0.05, piece("llo"), END)
    async with serving(slow) as server, talking(server) as transport:
        first, second = await asyncio.gather(events_of(transport), events_of(transport))
        assert first == second
        assert len(first) == 3


async def test_a_subclass_has_the_last_word_on_the_body() -> None:
    class Custom(AnthropicTransport):
        def build_payload(self, *args: Any) -> dict[str, Any]:
            return {**super().build_payload(*args), "metadata": {"user_id": "u"}}

    async with serving(stream(ANSWER)) as server:
        async with Custom(base_url=server.url, api_key="") as transport:
            assert await events_of(transport) == SAID
        assert server.asked[0][2]["metadata"] == {"user_id": "u"}
        assert "x-api-key" not in server.asked[0][1]


async def test_a_stream_that_is_left_early_is_closed_on_both_sides() -> None:
    async with serving(stream(START, piece("a"), 30.0)) as server, talking(server) as transport:
        async with aclosing(transport.stream(HI, [], "")) as events:
            async for _ in events:
                break
        await until(lambda: server.gone)
        assert server.gone == 1


async def test_cancellation_passes_through() -> None:
    async with serving(stream(START, 30.0)) as server, talking(server) as transport:
        task = asyncio.create_task(events_of(transport))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# ── recordings over HTTP ──────────────────────────────────────────────────────────────────────

RECORDED_ERRORS = [r for r in recordings("anthropic-messages") if r.status != 200]


@pytest.mark.parametrize("recording", RECORDED_ERRORS, ids=lambda recording: recording.name)
async def test_a_recorded_refusal_is_one_typed_error(recording: Recording) -> None:
    request_id = json.loads(recording.body)["request_id"]
    reply = status(recording.status, recording.body.decode(), request_id=request_id)
    async with serving(reply) as server, talking(server) as transport:
        error = await error_of(transport)
        assert type(error) is ProviderError
        assert str(error).startswith(f"Anthropic API error {recording.status}: ")
        assert recording.expected["error"]["message"] in str(error)
        assert error.code == recording.expected["error"]["type"]
        assert (error.status, error.request_id) == (recording.status, request_id)
        assert not error.retryable
        assert len(server.asked) == 1


async def test_recorded_answers_come_over_http_as_they_decode() -> None:
    requires("streams")
    chosen = [r for r in recordings("anthropic-messages") if r.expected["complete"]][::8]
    assert len(chosen) > 10
    for recording in chosen:
        body = recording.body
        reply = stream(*[body[at : at + 1000] for at in range(0, len(body), 1000)])
        async with serving(reply) as server, talking(server) as transport:
            outcome = observed(await events_of(transport))
            assert outcome.text == recording.expected["text"], recording


# ── what fails ────────────────────────────────────────────────────────────────────────────────


async def test_a_busy_server_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    busy = status(429, refusal("rate_limit_error", "Slow down"))
    overloaded = status(529, refusal("overloaded_error", "Overloaded"))
    async with serving(busy, overloaded, stream(ANSWER)) as server, talking(server) as transport:
        assert await events_of(transport) == SAID
        assert len(server.asked) == 3
    assert KEY not in caplog.text


async def test_the_last_failure_is_told_when_all_attempts_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    busy = status(529, refusal("overloaded_error", "Overloaded"))
    with caplog.at_level(logging.ERROR, "axio_transport_anthropic"):
        async with serving(busy) as server, talking(server) as transport:
            error = await error_of(transport)
            assert len(server.asked) == 3
    assert str(error).startswith("Anthropic API error 529: ")
    assert (error.code, error.retryable) == ("overloaded_error", True)
    assert "529" in caplog.text


async def test_the_server_says_how_long_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def short(seconds: float) -> None:
        if seconds:
            waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr("axio.wire.http.asyncio.sleep", short)
    busy = status(429, "", retry_after="7")
    down = status(503)
    three = serving(busy, down, stream(ANSWER))
    async with three as server, talking(server, retry_base_delay=2.0) as transport:
        assert await events_of(transport) == SAID
    assert waited == [7.0, 4.0]


async def test_a_refused_key_is_not_tried_again_and_not_told() -> None:
    echo = refusal("authentication_error", f"invalid x-api-key {KEY}")
    async with serving(status(401, echo)) as server, talking(server) as transport:
        error = await error_of(transport)
        assert len(server.asked) == 1
    assert (error.status, error.code) == (401, "authentication_error")


async def test_a_web_page_instead_of_a_stream_is_told_as_that() -> None:
    page = "<html><head><title>Welcome</title></head></html>"
    reply = status(200, page, content_type="text/html")
    async with serving(reply) as server, talking(server) as transport:
        error = await error_of(transport)
    assert type(error) is ProtocolError
    assert "HTML" in str(error)


async def test_broken_json_in_a_stream_is_told_as_that() -> None:
    broken = b"event: content_block_start\ndata: {nothing\n\n"
    async with serving(stream(START, broken)) as server, talking(server) as transport:
        assert type(await error_of(transport)) is ProtocolError


@pytest.mark.parametrize("pieces", range(4))
async def test_a_dropped_connection_never_repeats_what_was_said(pieces: int) -> None:
    texts = [piece(f"{i}") for i in range(pieces)]
    replies = stream(START, *texts, 0.02, cut=True), stream(ANSWER)
    seen: list[StreamEvent] = []
    async with serving(*replies) as server, talking(server) as transport:
        try:
            async for got in transport.stream(HI, [], ""):
                seen += [got]
        except StreamError as error:
            assert isinstance(error, ConnectionFailed | TruncatedStream)
            assert len(server.asked) == 1
            assert seen == [TextDelta(0, f"{i}") for i in range(pieces)]
        else:
            assert pieces == 0, "only before the first event may it be asked again"
            assert seen == SAID


async def test_an_answer_that_ends_in_the_middle_is_told_as_truncated() -> None:
    async with serving(stream(START, piece("a"))) as server, talking(server) as transport:
        error = await error_of(transport)
    assert type(error) is TruncatedStream


async def test_an_error_event_carries_the_id_of_the_request() -> None:
    said = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    reply = stream(START, piece("a"), said, request_id="req_1")
    async with serving(reply) as server, talking(server) as transport:
        error = await error_of(transport)
    assert type(error) is ProviderError
    assert (error.code, error.request_id) == ("overloaded_error", "req_1")


async def test_a_server_that_cannot_be_reached_is_told_as_that() -> None:
    async with serving(stream(ANSWER)) as server:
        url = server.url
    async with AnthropicTransport(
        base_url=url, api_key=KEY, max_retries=2, retry_base_delay=0.0
    ) as transport:
        error = await error_of(transport)
    assert type(error) is ConnectionFailed
    assert f"({url}/messages)" in str(error)


@pytest.mark.parametrize(
    "talk",
    [
        [START],
        [START, piece("a")],
        [START, piece("a"), *[part for _ in range(60) for part in (0.02, event("ping"))]],
        [START, *[part for _ in range(60) for part in (0.02, b": keep-alive\n\n")]],
    ],
    ids=["at once", "after an event", "pings only", "comments only"],
)
async def test_silence_ends_in_a_timeout_though_the_connection_lives(
    talk: list[bytes | float],
) -> None:
    timeouts = Timeouts(idle=0.2)
    async with serving(stream(*talk, 30.0)) as server, talking(server, timeouts=timeouts) as asked:
        error = await error_of(asked)
    assert type(error) is StreamTimeout


# ── settings ──────────────────────────────────────────────────────────────────────────────────


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-env")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:1/v1")
    transport = AnthropicTransport()
    assert (transport.api_key, transport.base_url) == ("from-env", "http://localhost:1/v1")
    assert AnthropicTransport.from_dict({"api_key": "", "base_url": ""}) == transport
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    transport = AnthropicTransport()
    assert (transport.api_key, transport.base_url) == ("", "https://api.anthropic.com/v1")


@pytest.mark.parametrize(
    "given", ["http://localhost:1", "http://localhost:1/", " http://localhost:1 "]
)
def test_the_address_of_the_environment_may_leave_out_the_version(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", given)
    assert AnthropicTransport().base_url == "http://localhost:1/v1"


def test_the_key_is_in_no_representation() -> None:
    assert KEY not in repr(AnthropicTransport(api_key=KEY))


def test_a_model_may_be_named() -> None:
    mine = ModelRegistry([ModelSpec("claude-opus-4-6", input_cost=1.0)])
    assert AnthropicTransport(model="claude-opus-4-6").model.input_cost == 5
    assert AnthropicTransport(model="claude-opus-4-6", models=mine).model.input_cost == 1
    dated = AnthropicTransport(model="claude-sonnet-4-5-20250929").model
    assert (dated.id, dated.max_output_tokens) == ("claude-sonnet-4-5-20250929", 64_000)
    transport = AnthropicTransport(model="claude-next")
    assert transport.model.id == "claude-next"
    assert "tool_use" in transport.model.capabilities
    transport.model = "claude-haiku-4-5"
    assert transport.model.max_output_tokens == 64_000


def test_settings_survive_a_round_trip() -> None:
    transport = AnthropicTransport(api_key=KEY, temperature=0.5, thinking_budget=1024, top_k=3)
    del transport.models["claude-opus-4-5"]
    data = json.loads(json.dumps(transport.to_dict()))
    assert data["api_key"] == KEY
    assert data["models"][0]["id"] == "claude-opus-4-6"
    assert set(data) == {
        *("name", "base_url", "api_key", "models"),
        *("temperature", "top_k", "thinking_budget"),
    }
    assert AnthropicTransport.from_dict(data) == transport


def test_vertex_settings_are_written_only_for_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "project" not in AnthropicTransport(project="p").to_dict()
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "env-project")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west1")
    data = AnthropicTransport().to_dict()
    expected = (True, "env-project", "europe-west1")
    assert (data["vertexai"], data["project"], data["location"]) == expected
    assert not AnthropicTransport(vertexai=False).vertexai
    assert AnthropicTransport.from_dict(data) == AnthropicTransport()


@pytest.mark.parametrize(("given", "meant"), [("true", True), ("1", True), ("no", False)])
def test_vertex_may_be_chosen_with_a_word(given: str, meant: bool) -> None:
    assert AnthropicTransport(vertexai=given).vertexai is meant


def test_models_that_were_saved_with_little_get_defaults() -> None:
    saved = {"models": [{"id": "m", "capabilities": ["text", "telepathy"]}]}
    (spec,) = AnthropicTransport.from_dict(saved).models.values()
    assert (spec.context_window, spec.max_output_tokens) == (128000, 8000)
    assert spec.capabilities == {"text"}


async def test_fetching_models_restores_the_list_without_sharing_it() -> None:
    transport = AnthropicTransport()
    transport.models.clear()
    await transport.fetch_models()
    transport.models.clear()
    assert len(AnthropicTransport().models) == 6


def test_models_have_the_prices_of_the_cache() -> None:
    spec = AnthropicTransport().models["claude-sonnet-4-6"]
    assert (spec.input_cost, spec.cache_read_cost, spec.cache_write_cost) == (3, 0.3, 3.75)
    assert (spec.context_window, spec.max_output_tokens) == (1_000_000, 64_000)


def test_a_transport_can_be_pickled() -> None:
    transport = AnthropicTransport(api_key=KEY)
    assert pickle.loads(pickle.dumps(transport)) == transport


# ── structured output ─────────────────────────────────────────────────────────────────────────

PERSON = {
    "type": "object",
    "properties": {
        "age": {"type": "integer", "minimum": 0, "description": "In years"},
        "pets": {"type": "array", "items": {"type": "object", "properties": {"format": {}}}},
    },
    "required": ["age"],
}


async def test_an_answer_may_be_held_to_a_schema() -> None:
    async with serving(stream(ANSWER)) as server, talking(server) as transport:
        events = [e async for e in transport.stream_structured(HI, [], "", PERSON)]
        assert events == SAID
        assert server.asked[0][2]["output_config"] == {
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {
                        "age": {"type": "integer", "description": "In years (minimum: 0)"},
                        "pets": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"format": {}},
                                "additionalProperties": False,
                            },
                        },
                    },
                    "required": ["age"],
                    "additionalProperties": False,
                },
            }
        }


def test_only_models_that_can_be_held_to_a_schema_offer_it() -> None:
    assert hasattr(AnthropicTransport(), "stream_structured")
    assert not hasattr(AnthropicTransport(model="smollm2-135m"), "stream_structured")
    assert not hasattr(AnthropicTransport(vertexai=True, project="p"), "stream_structured")
