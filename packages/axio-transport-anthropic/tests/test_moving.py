"""A conversation that changes its provider: what cannot go along stays behind, whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ReasoningBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import MemoryContextStore
from axio.events import ToolResult
from axio.history import check
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.tool import Tool
from axio_transport_anthropic import AnthropicTransport
from axio_transport_openai import OpenAITransport
from support.llama import Llama

SIGNED = {"type": "thinking", "thinking": "Claude's thought", "signature": "claude-signature"}
FOREIGN = {"reasoning_content": "the other's thought"}


def mixed() -> list[Message]:
    """Turns of two providers, each with its own reasoning and its own kind of ids."""
    return [
        Message("user", [TextBlock("go")]),
        Message(
            "assistant",
            [
                ReasoningBlock("Claude's thought", "anthropic", SIGNED),
                TextBlock("I look."),
                ToolUseBlock("toolu_01QpJjiJqUuahHbTmAkN9GMf", "read", {"path": "a"}),
            ],
        ),
        Message("user", [ToolResultBlock("toolu_01QpJjiJqUuahHbTmAkN9GMf", "A")]),
        Message(
            "assistant",
            [
                ReasoningBlock("the other's thought", "deepseek", FOREIGN),
                ToolUseBlock("functions.read:0|fc_68", "read", {"path": "b"}),
                ToolUseBlock("chatcmpl-tool-" + "0123456789abcdef" * 4, "read", {"path": "c"}),
            ],
        ),
        Message(
            "user",
            [
                ToolResultBlock("functions.read:0|fc_68", "B"),
                ToolResultBlock("chatcmpl-tool-" + "0123456789abcdef" * 4, "C", is_error=True),
            ],
        ),
    ]


def test_claude_gets_its_own_reasoning_and_none_of_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = AnthropicTransport().build_payload(mixed(), [], "")
    assert body["messages"][1]["content"][0] == SIGNED
    assert "other's thought" not in json.dumps(body)
    assert "deepseek" in caplog.text
    parts = [part for message in body["messages"] for part in message["content"]]
    calls = [part["id"] for part in parts if part["type"] == "tool_use"]
    assert calls == [part["tool_use_id"] for part in parts if part["type"] == "tool_result"]
    assert calls[0] == "toolu_01QpJjiJqUuahHbTmAkN9GMf"


def test_a_chat_model_gets_nothing_of_claudes_reasoning() -> None:
    transport = OpenAITransport(base_url="https://api.openai.com/v1", api_key="")
    body = transport.build_payload(mixed(), [], "")
    assert "claude-signature" not in json.dumps(body)
    assert "thought" not in json.dumps(body)
    calls = [call["id"] for m in body["messages"] for call in m.get("tool_calls", ())]
    answered = [m["tool_call_id"] for m in body["messages"] if m["role"] == "tool"]
    assert calls == answered
    assert len(set(calls)) == 3


async def list_files(directory: str) -> str:
    """List files in a directory"""
    return f"{directory}: a.txt"


class ForcedClaude(AnthropicTransport):
    """The small model calls a tool reliably only where it has to, and cannot after a result."""

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        payload = super().build_payload(messages, tools, system)
        if tools and payload["messages"][-1]["content"][-1]["type"] != "tool_result":
            payload["tool_choice"] = {"type": "any"}
        return payload


class ForcedChat(OpenAITransport):
    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        payload = super().build_payload(messages, tools, system)
        if tools and payload["messages"][-1]["role"] != "tool":
            payload["tool_choice"] = "required"
        return payload


@pytest.mark.timeout(300)
async def test_a_conversation_with_calls_moves_to_and_fro(llama_forced: Llama) -> None:
    capabilities = frozenset({Capability.text, Capability.tool_use})
    settings: dict[str, Any] = {
        "base_url": f"{llama_forced.url}/v1",
        "api_key": "none",
        "model": ModelSpec(llama_forced.model, capabilities, max_output_tokens=40),
    }
    context = MemoryContextStore()
    tools = [Tool("list_files", list_files)]
    async with ForcedClaude(**settings) as claude, ForcedChat(**settings) as chat:
        for transport, folder in ((chat, "src"), (claude, "docs"), (chat, "tests")):
            agent = Agent("", transport, tools)
            events = [e async for e in agent.run_stream(f"List files in {folder}", context)]
            results = [event for event in events if isinstance(event, ToolResult)]
            assert len(results) == 1, (transport, events)
            assert not results[0].is_error
            assert not check(await context.get_history())
