"""Against an independent server: llama.cpp with a small model."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, Tool
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import ProviderError
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.types import StopReason
from axio_transport_openai import OpenAITransport
from support.llama import Llama, start_llama

pytestmark = pytest.mark.timeout(300)  # the first test waits for the model to load

REQUIRED = {"tool_choice": "required"}  # a model of this size calls no tools of its own accord


def transport(llama: Llama, tokens: int = 40, **settings: Any) -> OpenAITransport:
    uses_tools = frozenset({Capability.text, Capability.tool_use})
    model = ModelSpec(llama.model, uses_tools, max_output_tokens=tokens)
    defaults: dict[str, Any] = {"api_key": "none", "max_retries": 1}
    settings = defaults | settings
    return OpenAITransport(base_url=f"{llama.url}/v1", model=model, **settings)


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


async def ask(
    transport: OpenAITransport, *messages: Message, tools: list[Tool[Any]] | None = None
) -> list[StreamEvent]:
    async with transport:
        return [event async for event in transport.stream(list(messages), tools or [], "")]


async def greet(name: str) -> str:
    """Greet someone by name"""
    return f"Hello, {name}!"


async def list_files(directory: str) -> str:
    """List files in a directory"""
    return f"{directory}: a.txt"


GREET = Tool(name="greet", handler=greet)
LIST_FILES = Tool(name="list_files", handler=list_files)


async def test_text_comes_in_pieces_with_usage(llama_natural: Llama) -> None:
    events = await ask(transport(llama_natural), user("What is the capital of France?"))
    *deltas, end = events
    assert len(deltas) > 3
    assert "Paris" in "".join(delta.delta for delta in deltas if isinstance(delta, TextDelta))
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.end_turn
    assert end.usage.input_tokens > 5
    assert end.usage.output_tokens >= len(deltas)


async def test_reasoning_is_told_from_text(llama_natural: Llama) -> None:
    thinking = {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_budget_tokens": 20}
    thinker = transport(llama_natural, 60, extra_params=thinking)
    events = await ask(thinker, user("Why is the sky blue?"))
    kinds = [type(event) for event in events]
    assert kinds.count(ReasoningDelta) > 3
    assert TextDelta in kinds
    assert kinds.index(TextDelta) > kinds.index(ReasoningDelta)


async def test_a_call_comes_in_pieces(llama_forced: Llama) -> None:
    forced = transport(llama_forced, extra_params=REQUIRED)
    events = await ask(forced, user("Greet Alice"), tools=[GREET])
    start = events[0]
    assert isinstance(start, ToolUseStart)
    assert start.name == "greet"
    pieces = [event for event in events if isinstance(event, ToolInputDelta)]
    assert len(pieces) > 3
    assert {piece.tool_use_id for piece in pieces} == {start.tool_use_id}
    end = events[-1]
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.tool_use


async def test_a_result_is_understood(llama_forced: Llama) -> None:
    history = [
        user("Greet Alice"),
        Message("assistant", [ToolUseBlock("call_1", "greet", {"name": "Alice"})]),
        Message("user", [ToolResultBlock("call_1", "Hello, Alice!")]),
    ]
    events = await ask(transport(llama_forced), *history, tools=[GREET])
    assert isinstance(events[0], TextDelta)
    assert isinstance(events[-1], IterationEnd)


async def test_a_turn_may_hold_several_calls() -> None:
    with start_llama("forced", "--several") as llama:
        parallel = {**REQUIRED, "parallel_tool_calls": True}
        forced = transport(llama, 80, extra_params=parallel)
        events = await ask(forced, user("List files in src and docs"), tools=[LIST_FILES])
    ids = {event.tool_use_id for event in events if isinstance(event, ToolUseStart)}
    assert len(ids) > 1
    arguments = {event.tool_use_id for event in events if isinstance(event, ToolInputDelta)}
    assert arguments == ids


async def test_the_output_limit_is_told(llama_forced: Llama) -> None:
    forced = transport(llama_forced, 5, extra_params=REQUIRED)
    events = await ask(forced, user("Greet Alice"), tools=[GREET])
    end = events[-1]
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.max_tokens


async def test_an_error_inside_the_stream_is_the_provider_s(llama_forced: Llama) -> None:
    named = {"tool_choice": {"type": "function", "function": {"name": "greet"}}}
    with pytest.raises(ProviderError, match="peg-native"):
        await ask(
            transport(llama_forced, extra_params=named),
            user("What is the capital of France?"),
            tools=[GREET, LIST_FILES],
        )


async def test_a_request_that_makes_no_sense_is_refused(llama_forced: Llama) -> None:
    odd = transport(llama_forced, extra_params={"tool_choice": "nonsense"})
    with pytest.raises(ProviderError, match="nonsense") as caught:
        await ask(odd, user("Greet Alice"), tools=[GREET])
    assert (caught.value.status, caught.value.retryable) == (400, False)


async def test_a_wrong_key_is_refused() -> None:
    with start_llama("natural", "--api-key", "right") as llama:
        events = await ask(transport(llama, 5, api_key="right"), user("Hi"))
        assert isinstance(events[-1], IterationEnd)
        with pytest.raises(ProviderError, match="401") as caught:
            await ask(transport(llama, api_key="wrong-key"), user("Hi"))
    assert caught.value.status == 401
    assert "wrong-key" not in str(caught.value)


class Forced(OpenAITransport):
    """This server cannot be told to call a tool when it has just got a result."""

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        payload = super().build_payload(messages, tools, system)
        if payload["messages"][-1]["role"] == "user":
            payload |= REQUIRED
        return payload


async def test_an_agent_greets(llama_forced: Llama) -> None:
    model = transport(llama_forced).model
    context = MemoryContextStore()
    async with Forced(base_url=f"{llama_forced.url}/v1", model=model, api_key="none") as llm:
        agent = Agent(system="You are helpful.", transport=llm, tools=[GREET])
        events = [event async for event in agent.run_stream("Please greet Alice", context)]
    assert not [event for event in events if isinstance(event, Error)]
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert result.content == "Hello, Alice!"
    assert [message.role for message in await context.get_history()] == [
        *("user", "assistant", "user", "assistant")
    ]


async def test_a_stream_that_is_cancelled_frees_the_server(llama_natural: Llama) -> None:
    began = asyncio.Event()

    async def read() -> None:
        async with transport(llama_natural, 4000) as model:
            async for _ in model.stream([user("Count to a thousand")], [], ""):
                began.set()
                await asyncio.sleep(0.05)

    task = asyncio.create_task(read())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):  # one slot: it answers only when it has stopped the other
        await ask(transport(llama_natural, 2), user("Hi"))
