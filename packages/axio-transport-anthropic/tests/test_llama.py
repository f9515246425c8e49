"""Against an independent server of the Messages API: llama.cpp with a small model."""

from __future__ import annotations

from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import MemoryContextStore
from axio.events import IterationEnd, ReasoningDelta, TextDelta, ToolResult
from axio.exceptions import ProviderError
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.tool import Tool
from axio.types import StopReason
from axio_transport_anthropic import AnthropicTransport
from support.llama import Llama, start_llama

pytestmark = pytest.mark.timeout(300)  # the first test waits for the model to load

USES_TOOLS = frozenset({Capability.text, Capability.tool_use})


class Forced(AnthropicTransport):
    """This server calls tools reliably only where it has to, and cannot after a result."""

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        payload = super().build_payload(messages, tools, system)
        if tools and payload["messages"][-1]["content"][-1]["type"] != "tool_result":
            payload["tool_choice"] = {"type": "any"}
        return payload


class Thinking(AnthropicTransport):
    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        payload = super().build_payload(messages, tools, system)
        thinking = {"chat_template_kwargs": {"enable_thinking": True}}
        return {**payload, **thinking, "reasoning_budget_tokens": 20}


def options(llama: Llama, tokens: int = 40, **more: Any) -> dict[str, Any]:
    model = ModelSpec(llama.model, USES_TOOLS, max_output_tokens=tokens)
    return {"base_url": f"{llama.url}/v1", "api_key": "none", "model": model, **more}


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


async def list_files(directory: str) -> str:
    """List files in a directory"""
    return f"{directory}: a.txt"


async def greet(name: str) -> str:
    """Greet someone by name"""
    return f"Hello {name}"


LIST_FILES = Tool("list_files", list_files)
GREET = Tool("greet", greet)


async def test_text_comes_in_pieces_with_usage(llama_natural: Llama) -> None:
    async with AnthropicTransport(**options(llama_natural)) as transport:
        question = [user("What is the capital of France?")]
        *deltas, end = [event async for event in transport.stream(question, [], "")]
    assert len(deltas) > 3
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    assert "Paris" in "".join(delta.delta for delta in deltas if isinstance(delta, TextDelta))
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.end_turn
    assert end.usage.input_tokens > 5
    assert end.usage.output_tokens >= len(deltas)


async def test_an_agent_runs_a_tool_and_answers(llama_forced: Llama) -> None:
    context = MemoryContextStore()
    async with Forced(**options(llama_forced)) as transport:
        agent = Agent("", transport, [LIST_FILES])
        events = [event async for event in agent.run_stream("List files in src", context)]
    results = [event for event in events if isinstance(event, ToolResult)]
    assert [result.name for result in results] == ["list_files"]
    assert not results[0].is_error
    assert results[0].content.endswith("a.txt")
    history = await context.get_history()
    calls = [b for m in history for b in m.content if isinstance(b, ToolUseBlock)]
    answers = [b for m in history for b in m.content if isinstance(b, ToolResultBlock)]
    assert [call.id for call in calls] == [answer.tool_use_id for answer in answers]
    assert [message.role for message in history] == ["user", "assistant", "user", "assistant"]
    assert any(isinstance(block, TextBlock) for block in history[-1].content)


async def test_a_conversation_with_a_call_in_it_goes_on(llama_forced: Llama) -> None:
    context = MemoryContextStore()
    async with Forced(**options(llama_forced)) as transport:
        agent = Agent("", transport, [LIST_FILES])
        # The server counts its calls from one again; the API wants ids that differ.
        for folder in ("src", "docs"):
            assert [e async for e in agent.run_stream(f"List files in {folder}", context)]
        history = await context.get_history()
        ids = [b.id for m in history for b in m.content if isinstance(b, ToolUseBlock)]
        assert len(ids) == 2
        body = transport.build_payload(history, [LIST_FILES], "")
    sent = [p["id"] for m in body["messages"] for p in m["content"] if p["type"] == "tool_use"]
    assert len(set(sent)) == 2


async def test_a_turn_that_is_cut_says_so(llama_forced: Llama) -> None:
    async with AnthropicTransport(**options(llama_forced, tokens=4)) as transport:
        *_, end = [e async for e in transport.stream([user("Tell me a story")], [], "")]
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.max_tokens


async def test_an_error_inside_the_stream_is_the_providers(llama_forced: Llama) -> None:
    async with AnthropicTransport(**options(llama_forced), max_retries=1) as transport:
        with pytest.raises(ProviderError, match="server_error"):
            async for _ in transport.stream([user("Please greet Alice")], [GREET, LIST_FILES], ""):
                pass


async def test_unsigned_thinking_is_shown_and_not_kept(llama_natural: Llama) -> None:
    context = MemoryContextStore()
    async with Thinking(**options(llama_natural)) as transport:
        agent = Agent("", transport)
        events = [e async for e in agent.run_stream("Why is the sky blue?", context)]
        assert any(isinstance(event, ReasoningDelta) for event in events)
        history = await context.get_history()
        assert all(isinstance(b, TextBlock) for m in history for b in m.content)
        assert [e async for e in transport.stream([*history, user("And at night?")], [], "")]


async def test_several_calls_in_one_turn_keep_their_arguments_apart() -> None:
    with start_llama("forced", "--several") as llama:
        context = MemoryContextStore()
        async with Forced(**options(llama, tokens=150)) as transport:
            agent = Agent("", transport, [LIST_FILES], max_iterations=1)
            events = [e async for e in agent.run_stream("List files in src and docs", context)]
    results = [event for event in events if isinstance(event, ToolResult)]
    assert len(results) >= 2
    assert {result.input["directory"] for result in results} >= {"src", "docs"}
    assert len({result.tool_use_id for result in results}) == len(results)


async def test_a_wrong_key_is_refused_once() -> None:
    with start_llama("forced", "--api-key", "right-key") as llama:
        async with AnthropicTransport(**options(llama, api_key="wrong-key")) as transport:
            with pytest.raises(ProviderError, match="401") as caught:
                async for _ in transport.stream([user("Hi")], [], ""):
                    pass
        assert "wrong-key" not in str(caught.value)
        async with AnthropicTransport(**options(llama, api_key="right-key")) as transport:
            assert [event async for event in transport.stream([user("Hi")], [], "")]
