"""Reasoning over several turns: what a provider wants back, it gets back, and no other does."""

from __future__ import annotations

import json
from typing import Any

from axio import Agent, MemoryContextStore, Tool
from axio.blocks import ReasoningBlock
from axio.messages import Message
from axio_transport_openai import OpenAITransport
from axio_transport_openai.openrouter import OpenRouterTransport
from axio_transport_openai.providers import provider_for
from support.loopback import serving, stream
from support.parts import requires
from support.recordings import recordings

ROUND_TRIP = "reasoning-details-round-trip"


async def reasoning_weather(city: str) -> str:
    """Gets current weather for a city"""
    return f"Current weather in {city}: 15°C, cloudy"


WEATHER = Tool(name="reasoning_weather", handler=reasoning_weather)


def recorded_turns() -> list[Any]:
    """A call of a tool with signed reasoning, and the answer to its result; as recorded."""
    requires("streams")
    found = [recording for recording in recordings("openai-chat") if ROUND_TRIP in recording.name]
    return sorted(found, key=lambda recording: len(recording.request["messages"]))


async def test_signed_reasoning_goes_back_in_the_form_that_was_accepted() -> None:
    first, second = recorded_turns()
    context = MemoryContextStore()
    async with serving(stream(first.body), stream(second.body)) as server:
        model = first.request["model"]
        transport = OpenRouterTransport(base_url=server.url, model=model, api_key="k")
        agent = Agent(system="", transport=transport, tools=[WEATHER])
        answer = await agent.run(first.request["messages"][0]["content"], context)
    assert answer.endswith(second.expected["text"])
    sent = server.asked[1].body["messages"]
    accepted = second.request["messages"]
    assert [message["role"] for message in sent] == [message["role"] for message in accepted]
    [ours], [theirs] = sent[1]["reasoning_details"], accepted[1]["reasoning_details"]
    assert ours.keys() == theirs.keys()
    assert ours["text"] == theirs["text"] == first.expected["reasoning"]
    signatures = [
        detail["signature"]
        for line in first.body.splitlines()
        if line.startswith(b"data: {")
        for choice in json.loads(line[6:])["choices"]
        for detail in choice["delta"].get("reasoning_details", ())
        if "signature" in detail
    ]
    assert [ours["signature"]] == signatures


async def test_reasoning_survives_a_store_and_stays_behind_when_the_model_changes() -> None:
    first, second = recorded_turns()
    context = MemoryContextStore()
    async with serving(stream(first.body), stream(second.body)) as server:
        openrouter = OpenRouterTransport(base_url=server.url, model="m", api_key="k")
        await Agent(system="", transport=openrouter, tools=[WEATHER]).run("go", context)
        history = await context.get_history()
        stored = [Message.from_dict(message.to_dict()) for message in history]
        assert any(isinstance(block, ReasoningBlock) for m in stored for block in m.content)
        openai = OpenAITransport(base_url=server.url, model="m", api_key="k")
        for transport in (openrouter, openai):
            await Agent(system="", transport=transport).run("on", MemoryContextStore(stored))
    with_it, without = (json.dumps(asked.body) for asked in server.asked[-2:])
    assert with_it.count("reasoning_details") == 1
    assert "reasoning" not in without.replace("reasoning_weather", "")


def chunk(**delta: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps({"choices": [{"delta": delta}]}).encode()


async def test_the_signatures_of_gemini_s_calls_go_back_with_them() -> None:
    signature = {"google": {"thought_signature": "sig=="}}
    function = {"name": "reasoning_weather", "arguments": '{"city":"X"}'}
    signed = {"index": 0, "id": "c", "function": function, "extra_content": signature}
    plain = {"index": 0, "id": "d", "function": function}  # only the first of a turn is signed
    calls, answer = chunk(tool_calls=[signed, plain]), chunk(content="15°C")
    done = b"data: [DONE]\n\n"
    context = MemoryContextStore()
    async with serving(stream(calls, done), stream(answer, done)) as server:
        for _ in range(2):  # the same ids in both turns
            server.replies.insert(0, stream(calls, done))
            transport = OpenAITransport(base_url=server.url, model="gemini", api_key="k")
            agent = Agent(system="", transport=transport, tools=[WEATHER])
            await agent.run("Weather?", context)
    messages = server.asked[-1].body["messages"]
    turns = [message["tool_calls"] for message in messages if "tool_calls" in message]
    assert len(turns) >= 2
    for first, second in turns:
        assert first["extra_content"] == signature
        assert "extra_content" not in second


async def test_deepseek_gets_its_reasoning_back_with_the_results() -> None:
    function = {"name": "reasoning_weather", "arguments": '{"city":"X"}'}
    call = {"index": 0, "id": "c", "function": function}
    calls = [chunk(reasoning_content=words) for words in ("so ", "so")] + [chunk(tool_calls=[call])]
    answer = [chunk(reasoning_content="aha"), chunk(content="15°C")]

    class DeepSeek(OpenAITransport):
        """At another address."""

        _home = provider_for("https://api.deepseek.com")

    done = b"data: [DONE]\n\n"
    async with serving(stream(*calls, done), stream(*answer, done)) as server:
        transport = DeepSeek(base_url=server.url, model="deepseek-chat", api_key="k")
        agent = Agent(system="", transport=transport, tools=[WEATHER])
        context = MemoryContextStore()
        assert await agent.run("Weather?", context) == "15°C"
        await agent.run("Sure?", context)
    messages = server.asked[2].body["messages"]
    sent = [message for message in messages if message["role"] == "assistant"]
    assert [message["reasoning_content"] for message in sent] == ["so so", "aha"]
    assert sent[0]["content"] is None
