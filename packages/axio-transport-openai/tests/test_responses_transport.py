"""`OpenAITransport(wire="responses")` over real HTTP: a loopback server and llama.cpp."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from types import MappingProxyType
from typing import Annotated, Any

import aiohttp
import pytest

from axio import Agent, Field, MemoryContextStore, Message, Tool
from axio.blocks import AudioBlock, ImageBlock, TextBlock
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolResult
from axio.exceptions import ConnectionFailed, ProviderError, TruncatedStream, UnsupportedContent
from axio.testing import check_transport
from axio.types import StopReason
from axio_transport_openai import OpenAITransport
from support.llama import Llama
from support.loopback import serving, status, stream
from support.parts import requires
from support.recordings import Recording, observed, recordings, wanted

ASK = [Message("user", [TextBlock("hello")])]
DONE = b'data: {"type":"response.output_text.delta","delta":"hi"}\n\n' + (
    b'data: {"type":"response.completed","response":{"status":"completed"}}\n\n'
)


def transport(url: str, **options: Any) -> OpenAITransport:
    options = {"api_key": "k-123456", "retry_base_delay": 0.01, "max_retries": 2, **options}
    return OpenAITransport(base_url=url, wire="responses", **options)


async def everything(events: AsyncIterator[StreamEvent]) -> list[StreamEvent]:
    return [event async for event in events]


async def look_up(city: Annotated[str, Field(description="where")]) -> str:
    """Tell the weather."""
    return f"rain in {city}"


async def test_a_request_leaves_nothing_on_the_server_and_names_no_credentials() -> None:
    async with serving(stream(DONE)) as server, transport(server.url, model="o4-mini") as llm:
        events = await everything(llm.stream(ASK, [Tool("look_up", handler=look_up)], "be short"))
    [asked] = server.asked
    assert asked.path == "/v1/responses"
    assert asked.headers["authorization"] == "Bearer k-123456"
    [definition] = asked.body.pop("tools")
    assert asked.body == {
        "model": "o4-mini",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        "stream": True,
        "store": False,
        "instructions": "be short",
        "include": ["reasoning.encrypted_content"],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_output_tokens": 100_000,
    }
    assert definition["type"] == "function" and definition["name"] == "look_up"
    assert definition["strict"] is False and "title" not in definition["parameters"]
    assert events[0] == TextDelta(0, "hi") and isinstance(events[-1], IterationEnd)
    assert "k-123456" not in repr(llm)


async def test_a_model_that_does_not_reason_is_not_asked_for_reasoning() -> None:
    payload = OpenAITransport(wire="responses", model="gpt-4.1-mini").build_payload(ASK, [], "")
    assert "include" not in payload and "instructions" not in payload
    assert "include" in OpenAITransport(wire="responses", model="gpt-5").build_payload(ASK, [], "")


async def test_extra_parameters_override_and_a_schema_keeps_the_other_text_options() -> None:
    extra = {"store": True, "text": {"verbosity": "low"}, "max_output_tokens": 5}
    async with serving(stream(DONE)) as server, transport(server.url, extra_params=extra) as llm:
        schema = {"title": "Answer", "type": "object", "properties": {}, "required": []}
        await everything(llm.stream_structured(ASK, [], "", schema))
    body = server.asked[0].body
    assert body["store"] is True and body["max_output_tokens"] == 5
    assert body["text"]["verbosity"] == "low"
    assert body["text"]["format"]["name"] == "Answer"
    assert body["text"]["format"]["type"] == "json_schema"


async def test_statuses_are_retried_and_broken_streams_are_not() -> None:
    async with serving(status(503), stream(DONE)) as server, transport(server.url) as llm:
        assert (await everything(llm.stream(ASK, [], "")))[0] == TextDelta(0, "hi")
    assert len(server.asked) == 2
    begun = DONE[: DONE.index(b"data", 5)]
    for reply, error in (
        (stream(begun), TruncatedStream),
        (stream(begun, 0.05, cut=True), ConnectionFailed),
    ):
        async with serving(reply) as server, transport(server.url) as llm:
            with pytest.raises(error):
                await everything(llm.stream(ASK, [], ""))
        assert len(server.asked) == 1


@pytest.mark.parametrize("code", [400, 401])
async def test_a_refusal_is_told_at_once_without_the_key(code: int) -> None:
    answer = json.dumps({"error": {"message": "no: k-123456", "type": "x"}})
    async with serving(status(code, answer)) as server, transport(server.url) as llm:
        with pytest.raises(ProviderError, match=f"OpenAI API error {code}") as caught:
            await everything(llm.stream(ASK, [], ""))
    assert "k-123456" not in str(caught.value)
    assert len(server.asked) == 1


async def test_what_the_api_cannot_take_is_refused_before_anything_is_sent() -> None:
    llm = OpenAITransport(wire="responses")
    with pytest.raises(UnsupportedContent, match="audio/wav"):
        llm.stream([Message("user", [AudioBlock("audio/wav", b"x")])], [], "")
    [item] = llm.build_payload([Message("user", [ImageBlock("image/png", b"x")])], [], "")["input"]
    assert item["content"] == [{"type": "input_image", "image_url": "data:image/png;base64,eA=="}]


def test_the_wire_is_stored_with_the_settings_and_has_two_names() -> None:
    stored = OpenAITransport(wire="responses").to_dict()
    assert OpenAITransport.from_dict(stored).wire == "responses"
    assert "wire" not in OpenAITransport().to_dict()
    with pytest.raises(ValueError, match="soap"):
        OpenAITransport(wire="soap")


@pytest.fixture(scope="module")
def tool_use() -> Iterator[bytes]:
    requires("streams")
    yield next(
        r.body
        for r in recordings("openai-responses")
        if {"encrypted_reasoning", "tool_call"} <= r.features
    )


REFUSALS = [r for r in recordings("openai-responses") if r.status != 200]


@pytest.mark.parametrize("recording", REFUSALS, ids=lambda recording: recording.name)
async def test_a_recorded_refusal_is_an_error_with_its_words(recording: Recording) -> None:
    reply = status(recording.status, recording.body.decode(), content_type="application/json")
    async with serving(reply) as server, transport(server.url, max_retries=1) as llm:
        with pytest.raises(ProviderError) as caught:
            await everything(llm.stream(ASK, [], ""))
    assert caught.value.status == recording.status
    assert recording.expected["error"]["message"][:80] in str(caught.value)


async def test_a_recorded_answer_arrives_whole() -> None:
    requires("streams")
    recording = next(r for r in recordings("openai-responses") if "phase" in r.features)
    async with serving(stream(recording.body)) as server, transport(server.url) as llm:
        events = await everything(llm.stream(ASK, [], ""))
    assert observed(events) == wanted(recording)


async def test_encrypted_reasoning_goes_back_with_the_result_as_it_came(tool_use: bytes) -> None:
    sent = [json.loads(x[5:]) for x in tool_use.decode().splitlines() if x.startswith("data:")]
    items = [x["item"] for x in sent if x["type"] == "response.output_item.done"]
    reasoning = next(item for item in items if item["type"] == "reasoning")
    call = next(item for item in items if item["type"] == "function_call")

    async def answer(**_: Any) -> str:
        return "42"

    tool = Tool(call["name"], handler=answer, schema=MappingProxyType({"type": "object"}))
    async with (
        serving(stream(tool_use), stream(DONE)) as server,
        transport(server.url, model="o4-mini") as llm,
    ):
        await Agent("", llm, [tool]).run("go", MemoryContextStore())
    replayed = server.asked[1].body["input"]
    kinds = [item.get("type") or item["role"] for item in replayed]
    assert json.dumps(reasoning) in [json.dumps(item) for item in replayed]
    assert kinds[kinds.index("reasoning") + 1] in ("message", "function_call")
    assert replayed[-1] == {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "42",
    }


async def test_it_keeps_the_rules_of_transports() -> None:
    requires("streams")
    body = next(
        r.body for r in recordings("openai-responses") if r.features == {"text"} and r.status == 200
    )
    half = len(body) // 2
    reply = stream(body[:half], 0.02, body[half:])
    async with serving(reply) as server, aiohttp.ClientSession() as session:
        await check_transport(lambda: transport(server.url, session=session))


# ── a real server ─────────────────────────────────────────────────────────────────────────────


async def test_an_agent_calls_a_tool_over_llama_cpp(llama_forced: Llama) -> None:
    llm = transport(
        llama_forced.url + "/v1",
        model=llama_forced.model,
        extra_params={"tool_choice": "required", "max_output_tokens": 60},
    )
    async with llm:
        tool = Tool("look_up", handler=look_up)
        events = await everything(llm.stream(ASK, [tool], ""))
        assert isinstance(events[-1], IterationEnd)
        assert events[-1].stop_reason in (StopReason.tool_use, StopReason.max_tokens)
        assert events[-1].usage.input_tokens > 0


async def test_a_whole_run_over_llama_cpp_ends_in_text(llama_natural: Llama) -> None:
    llm = transport(
        llama_natural.url + "/v1",
        model=llama_natural.model,
        extra_params={"max_output_tokens": 12},
    )
    async with llm:
        context = MemoryContextStore()
        agent = Agent("Answer in one word.", llm, max_iterations=2)
        events = [event async for event in agent.run_stream("Say yes.", context)]
        assert any(isinstance(event, TextDelta) for event in events)
        assert not any(isinstance(event, ToolResult) for event in events)
        history = await context.get_history()
        assert [message.role for message in history] == ["user", "assistant"]
