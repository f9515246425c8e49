"""Agents, their tools and their transports as copies, and as bytes that another process reads."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import ToolInputDelta
from axio.messages import as_message
from axio.plugins import as_tool
from axio.resilience import Fallback, RateLimit, Retry, StopRepetition, Watchdog
from axio.subagents import make_agent_tools
from axio.testing import StubTransport, make_echo_tool, make_text_response, make_tool_use_response
from axio.tool import Tool, in_thread
from axio.tracing import Traced
from axio_transport_anthropic import AnthropicTransport
from axio_transport_codex import CodexTransport
from axio_transport_local import LocalTransport
from axio_transport_openai import OpenAIRealtimeTransport, OpenAITransport
from support.loopback import serving, stream

KEY = "sk-very-secret-key"


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


duplicates = pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"]
)


# ── tools ─────────────────────────────────────────────────────────────────────────────────────


async def scale(number: int, by: int = 2, of: list[int] = [1]) -> int:  # noqa: B006
    """Multiply."""
    return number * by * sum(of)


@in_thread
def halve(number: int) -> int:
    return number // 2


class Scale:
    """A handler with a state of its own."""

    def __init__(self, by: int) -> None:
        self.by = by

    async def apply(self, number: int) -> int:
        return number * self.by

    @classmethod
    async def twice(cls, number: int) -> int:
        return await cls(2).apply(number)

    @staticmethod
    async def thrice(number: int) -> int:
        return number * 3


model = StubTransport([make_text_response("6")])
HANDLERS: dict[str, Callable[..., Any]] = {
    "function": scale,
    "partial": partial(scale, by=3),
    "partial of a partial": partial(partial(scale, by=3), of=[1, 2]),
    "bound method": Scale(3).apply,
    "partial of a method": partial(Scale(3).apply),
    "class method": Scale.twice,
    "static method": Scale.thrice,
    "function in a thread": halve,
}
TOOLS = {name: Tool("scale", handler) for name, handler in HANDLERS.items()}
TOOLS["entry point"] = as_tool("scale", scale)


@duplicates
@pytest.mark.parametrize("name", TOOLS)
async def test_a_copy_of_a_tool_does_the_same(name: str, duplicate: Callable[[Any], Any]) -> None:
    tool = TOOLS[name]
    twin = duplicate(tool)
    assert type(twin) is Tool and twin is not tool
    assert (twin.name, twin.description) == (tool.name, tool.description)
    assert twin.input_schema == tool.input_schema
    assert await twin(number=4) == await tool(number=4)
    # It is copied again, as that of a worker that hands it on.
    assert await duplicate(twin)(number=5) == await tool(number=5)


@duplicates
async def test_a_copy_of_an_agent_has_the_agents_that_are_its_tools(
    duplicate: Callable[[Any], Any],
) -> None:
    helper = Agent("", StubTransport([make_text_response("from below")]), [make_echo_tool()])
    tools = make_agent_tools({"helper": ("Helps.", helper)}, helper.transport)
    calls = [make_tool_use_response("helper", tool_input={"task": "go"}), make_text_response("end")]
    twin = duplicate(Agent("", StubTransport(calls), tools))
    store = MemoryContextStore()
    assert await twin.run("go", store) == "end"
    history = await store.get_history()
    assert [result.content for m in history for result in m.tool_results] == ["from below"]
    helpers = twin.tools[0].context["proto"]
    assert helpers.tools[0].input_schema == helper.tools[0].input_schema


# ── transports ────────────────────────────────────────────────────────────────────────────────


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


ANSWERS = {
    OpenAITransport: lines({"choices": [{"index": 0, "delta": {"content": "hi"}}]})
    + lines({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    AnthropicTransport: lines(
        {"type": "message_start", "message": {"usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hi"},
        },
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ),
    CodexTransport: lines(
        {"type": "response.output_text.delta", "delta": "hi"},
        {"type": "response.completed", "response": {"status": "completed"}},
    ),
}
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "alone": lambda inner: inner,
    "retry": Retry,
    "rate limit": lambda inner: RateLimit(inner, requests_per_minute=1e6, concurrency=1),
    "fallback": lambda inner: Fallback(inner, inner),
    "repetition": StopRepetition,
    "watchdog": Watchdog,
    "traced": Traced,
}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize(
    ("provider", "wrapper"),
    [
        *((OpenAITransport, wrapper) for wrapper in WRAPPERS),
        *product([AnthropicTransport, CodexTransport], ["alone", "retry"]),
    ],
)
async def test_a_copy_of_an_open_transport_has_connections_of_its_own(
    provider: Any, wrapper: str, duplicate: Callable[[Any], Any]
) -> None:
    async with (
        serving(stream(ANSWERS[provider])) as server,
        provider(base_url=server.url, api_key=KEY, max_retries=1) as made,
    ):
        agent = Agent("", WRAPPERS[wrapper](made), [make_echo_tool()])
        conversation = MemoryContextStore()
        assert await agent.run("hello", conversation) == "hi"
        twin = duplicate(agent)
        assert KEY not in repr(agent) + repr(twin)
        assert await twin.run("and again", conversation) == "hi"
        session = await made._sessions.current()
        await twin.transport.close()
        assert not session.closed
        assert await agent.run("once more", conversation) == "hi"
    keys = [
        request.headers.get("authorization") or request.headers["x-api-key"]
        for request in server.asked
    ]
    assert len(keys) == 3 and all(KEY in key for key in keys)


@duplicates
async def test_a_copy_of_the_offline_model_makes_the_same_call(
    duplicate: Callable[[Any], Any],
) -> None:
    async def arguments(transport: Any) -> str:
        asked = [as_message("scale the number 7")]
        events = [event async for event in transport.stream(asked, [TOOLS["function"]], "")]
        return "".join(e.partial_json for e in events if isinstance(e, ToolInputDelta))

    used = LocalTransport()
    said = await arguments(used)
    assert json.loads(said)["number"] == 7
    assert await arguments(duplicate(used)) == said


@duplicates
def test_a_copy_of_a_realtime_transport_keeps_its_settings(
    duplicate: Callable[[Any], Any],
) -> None:
    made = OpenAIRealtimeTransport(api_key=KEY, model="some-model", vad_threshold=0.25)
    twin = duplicate(made)
    assert (twin.api_key, twin.model, twin.vad_threshold) == (KEY, "some-model", 0.25)
    assert KEY not in repr(made) + repr(twin)
