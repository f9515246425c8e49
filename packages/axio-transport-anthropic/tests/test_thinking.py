"""Thinking over several turns with tools, as the agent and the API see it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ReasoningBlock
from axio.context import MemoryContextStore
from axio.events import ReasoningDelta
from axio.history import check
from axio.messages import Message
from axio.tool import Tool
from axio_transport_anthropic import AnthropicTransport
from support.loopback import Server, serving, stream

THINKING = {"type": "thinking", "thinking": "I read it… \u2028 first", "signature": "EqMB/+a=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"}


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


def begun(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: int, kind: str, **delta: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def over(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str) -> bytes:
    return sse(
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )


THOUGHT = sse(
    begun(0, type="thinking", thinking="", signature=""),
    piece(0, "thinking_delta", thinking=THINKING["thinking"][:8]),
    piece(0, "thinking_delta", thinking=THINKING["thinking"][8:]),
)
SIGNED = sse(piece(0, "signature_delta", signature=THINKING["signature"]), over(0))


def call(index: int, id: str) -> bytes:
    return sse(
        begun(index, type="tool_use", id=id, name="read", input={}),
        piece(index, "input_json_delta", partial_json='{"path": "a"}'),
        over(index),
    )


def text(index: int, words: str) -> bytes:
    block = begun(index, type="text", text="")
    return sse(block, piece(index, "text_delta", text=words), over(index))


FIRST = stream(THOUGHT, SIGNED, sse(begun(1, **REDACTED), over(1)), call(2, "t1"), end("tool_use"))
SECOND = stream(call(0, "t2"), end("tool_use"))
LAST = stream(text(0, "Done"), end("end_turn"))


async def read(path: str) -> str:
    """Read a file"""
    return f"<{path}>"


TOOLS = [Tool("read", read)]


def claude(server: Server) -> AnthropicTransport:
    return AnthropicTransport(base_url=server.url, api_key="k", thinking_budget=1024)


async def test_thinking_is_sent_back_unchanged_while_tools_run_and_afterwards() -> None:
    context = MemoryContextStore()
    async with serving(FIRST, SECOND, LAST) as server, claude(server) as transport:
        agent = Agent("", transport, TOOLS)
        assert await agent.run("Go", context) == "Done"
        assert await agent.run("And now?", context) == "Done"
    bodies = [asked.body for asked in server.asked]
    assert len(bodies) == 4
    assert all(body["thinking"]["budget_tokens"] == 1024 for body in bodies)
    for body in bodies[1:]:
        assistant = body["messages"][1]["content"]
        assert assistant[:2] == [THINKING, REDACTED]
        assert assistant[2]["type"] == "tool_use"
    assert sum(json.dumps(bodies[3]).count(mark) for mark in ("EqMB", "EmwK")) == 2


async def test_thinking_survives_a_store_byte_for_byte() -> None:
    context = MemoryContextStore()
    async with serving(FIRST, LAST) as server, claude(server) as transport:
        await Agent("", transport, TOOLS).run("Go", context)
        history = await context.get_history()
        stored = json.loads(json.dumps([message.to_dict() for message in history]))
        again = [Message.from_dict(data) for data in stored]
        first = transport._body(history, TOOLS, "")
    assert AnthropicTransport(thinking_budget=1024)._body(again, TOOLS, "") == first
    assert json.dumps(THINKING, ensure_ascii=False, separators=(",", ":")).encode() in first


@pytest.mark.parametrize(
    "answer",
    [THOUGHT, THOUGHT + sse(piece(0, "signature_delta", signature="half")), THOUGHT + SIGNED],
    ids=["unsigned", "in its signature", "signed, nothing more"],
)
async def test_an_interrupted_thought_is_not_stored_and_the_talk_goes_on(answer: bytes) -> None:
    context = MemoryContextStore()
    async with serving(stream(answer, 30.0), LAST) as server, claude(server) as transport:
        agent = Agent("", transport, TOOLS)
        run = agent.run_stream("Go", context)
        seen = 0
        async for event in run:
            seen += isinstance(event, ReasoningDelta)
            if seen == 2:
                await asyncio.sleep(0.05)  # what follows has arrived, too
                run.cancel()
        history = await context.get_history()
        assert not check(history)
        assert not any(isinstance(b, ReasoningBlock) for m in history for b in m.content)
        assert await agent.run("Once more", context) == "Done"
    assert "half" not in json.dumps(server.asked[1].body)


async def test_a_turn_that_began_without_thinking_goes_on_without() -> None:
    context = MemoryContextStore()
    replies = stream(call(0, "t1"), end("tool_use")), LAST
    async with serving(*replies) as server, claude(server) as transport:
        transport.thinking_budget = None
        async for _ in Agent("", transport, TOOLS).run_stream("Go on", context):
            transport.thinking_budget = 1024  # switched on in the middle of the turn
    assert ["thinking" in asked.body for asked in server.asked] == [False, False]
