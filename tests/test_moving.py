"""A history moves between the four wires in mid-conversation: all that a provider answered can be
sent to every other one, which gets all of it that it can read, and nothing that it refuses."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import pytest

from axio.agent import Agent
from axio.blocks import ReasoningBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import MemoryContextStore
from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.history import check
from axio.messages import Message
from axio.run.turn import Turn
from axio.testing import StubTransport
from axio.tool import Tool
from axio.types import StopReason, Usage
from axio.wire.http import Decoder
from axio_transport_anthropic import AnthropicTransport
from axio_transport_anthropic.decode import MessagesDecoder
from axio_transport_codex import CodexTransport
from axio_transport_openai import OpenAITransport
from axio_transport_openai.decode import ChatDecoder
from axio_transport_openai.responses import ResponsesDecoder
from support.llama import Llama
from support.parts import requires
from support.recordings import recordings

ACCEPTED = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Encodes(Protocol):
    def build_payload(
        self, messages: list[Message], tools: list[Any], system: str
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Sent:
    """The content of a request on any wire: texts and calls of the model, results, reasoning."""

    texts: str
    calls: list[tuple[str, dict[str, Any]]]
    results: list[str]
    reasoning: list[Any]


@dataclass(frozen=True)
class Wire:
    """A wire: how its recordings are read, what speaks it, and how its requests are understood."""

    name: str
    api: str
    decoder: Callable[[], Decoder]
    transport: Callable[[], Encodes]
    read: Callable[[dict[str, Any]], Sent]
    provider: str
    """Whose reasoning goes back over it."""


def read_chat(body: dict[str, Any]) -> Sent:
    """Rules: https://platform.openai.com/docs/api-reference/chat/create"""
    sent = Sent("", [], [], [])
    texts, open_ids = [], list[str]()
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            assert message["tool_call_id"] == open_ids.pop(0), "results follow in call order"
            sent.results.append(message["content"])
            continue
        assert not open_ids, "every call is answered before the next words"
        assert message.get("content") or message.get("tool_calls"), "no empty messages"
        if role != "assistant":
            continue
        assert set(message) <= {"role", "content", "tool_calls", "reasoning_details"}
        texts.append(message.get("content") or "")
        sent.reasoning.extend(message.get("reasoning_details", ()))
        for call in message.get("tool_calls", ()):
            function = call["function"]
            assert len(call["id"]) <= 40 and ACCEPTED.fullmatch(function["name"])
            open_ids.append(call["id"])
            sent.calls.append((function["name"], json.loads(function["arguments"])))
    assert not open_ids
    return Sent("".join(texts), sent.calls, sent.results, sent.reasoning)


def read_messages(body: dict[str, Any]) -> Sent:
    """Rules: https://docs.claude.com/en/api/messages"""
    sent = Sent("", [], [], [])
    texts, open_ids, before = [], list[str](), ""
    for message in body["messages"]:
        role, parts = message["role"], message["content"]
        assert role != before and parts, "roles alternate, and none is silent"
        before = role
        answered = [part["tool_use_id"] for part in parts if part["type"] == "tool_result"]
        kinds = [part["type"] for part in parts]
        assert sorted(answered) == sorted(open_ids), "results come in the next message, all of them"
        assert kinds[: len(answered)] == ["tool_result"] * len(answered)
        open_ids = [part["id"] for part in parts if part["type"] == "tool_use"]
        assert len(set(open_ids)) == len(open_ids)
        assert kinds[-1] not in ("thinking", "redacted_thinking")
        for part in parts:
            if part["type"] == "tool_use":
                assert ACCEPTED.fullmatch(part["id"]) and ACCEPTED.fullmatch(part["name"])
                sent.calls.append((part["name"], part["input"]))
            elif part["type"] == "tool_result":
                sent.results.append(part["content"])
            elif part["type"] in ("thinking", "redacted_thinking"):
                assert part.get("signature") or part.get("data")
                sent.reasoning.append(part)
            elif role == "assistant":
                texts.append(part["text"])
    assert not open_ids
    return Sent("".join(texts), sent.calls, sent.results, sent.reasoning)


OUTPUT = "_output"


def read_responses(body: dict[str, Any]) -> Sent:
    """Rules: https://platform.openai.com/docs/api-reference/responses/create"""
    sent = Sent("", [], [], [])
    texts, open_ids = [], list[str]()
    items = body["input"]
    for item, following in zip(items, [*items[1:], {}], strict=True):
        kind = item.get("type", "message")
        id = item.get("call_id") or item.get("id")
        if kind == "message":
            assert item["content"]
            if item["role"] == "assistant":
                texts += [part["text"] for part in item["content"]]
        elif kind.endswith(OUTPUT) and id in open_ids:
            open_ids.remove(id)
            sent.results.append(item["output"])
        elif kind in ("function_call", "custom_tool_call", "apply_patch_call", "local_shell_call"):
            assert len(item["call_id"]) <= 64
            open_ids.append(item["call_id"])
            if kind == "function_call":
                assert ACCEPTED.fullmatch(item["name"])
                sent.calls.append((item["name"], json.loads(item["arguments"])))
            else:
                sent.calls.append((kind, item.get("operation") or item.get("action")))
        else:
            assert not kind.endswith("function_call" + OUTPUT), "a result without its call"
            sent.reasoning.append(item)
            if kind == "reasoning":
                assert item.get("encrypted_content")
                assert following.get("role") != "user" and following, "reasoning leads to something"
    assert not open_ids
    return Sent("".join(texts), sent.calls, sent.results, sent.reasoning)


WIRES = [
    Wire(
        "chat",
        "openai-chat",
        lambda: ChatDecoder("openrouter", "reasoning_details"),
        lambda: OpenAITransport(base_url="https://openrouter.ai/api/v1"),
        read_chat,
        "openrouter",
    ),
    Wire(
        "messages",
        "anthropic-messages",
        MessagesDecoder,
        AnthropicTransport,
        read_messages,
        "anthropic",
    ),
    Wire(
        "responses",
        "openai-responses",
        ResponsesDecoder,
        lambda: OpenAITransport(base_url="https://api.openai.com/v1", wire="responses"),
        read_responses,
        "openai-responses",
    ),
    Wire(
        "codex",
        "openai-responses",
        lambda: ResponsesDecoder("codex"),
        CodexTransport,
        read_responses,
        "codex",
    ),
]
BY_NAME = {wire.name: wire for wire in WIRES}


@cache
def answers(name: str) -> dict[str, list[Message]]:
    """A history after each recorded answer: the answer, and results of its calls."""
    wire = BY_NAME[name]
    histories = {}
    for recording in recordings(wire.api):
        if recording.status != 200 or recording.expected["stop_reason"] not in ("end", "tool_use"):
            continue
        decoder, turn = wire.decoder(), Turn()
        events = [*decoder.feed(recording.body), *decoder.close()]
        for event in events:
            turn.feed(event)
        turn.close()
        if turn.content and not isinstance(events[-1], Error):
            results = [ToolResultBlock(call.id, f"result of {call.name}") for call in turn.calls]
            answer = [Message("assistant", turn.content)]
            histories[recording.name] = answer + ([Message("user", [*results])] if results else [])
    return histories


def asked(*turns: list[Message]) -> list[Message]:
    """A conversation of these turns, each with a question before it, read back as from a disk."""
    history = [
        message for turn in turns for message in [Message("user", [TextBlock("and now?")]), *turn]
    ]
    return [Message.from_dict(json.loads(json.dumps(message.to_dict()))) for message in history]


def blocks(history: Iterable[Message], kind: type[Any]) -> list[Any]:
    return [block for message in history for block in message.content if isinstance(block, kind)]


def check_moved(history: list[Message], target: Wire) -> None:
    """The request keeps the rules of its API and holds everything that it can."""
    before = json.dumps([message.to_dict() for message in history])
    assert check(history) == []
    sent = target.read(target.transport().build_payload(history, [], "be kind"))
    told = [block.text for message in history if message.role == "assistant"
            for block in message.content if isinstance(block, TextBlock)]  # fmt: skip
    for text in told:
        assert text.strip() == "" or text in sent.texts
    calls = blocks(history, ToolUseBlock)
    assert [arguments for _, arguments in sent.calls] == [call.input for call in calls]
    assert sent.results == [result.content for result in blocks(history, ToolResultBlock)]
    reasoning = blocks(history, ReasoningBlock)
    foreign = [block for block in reasoning if block.provider != target.provider]
    own = json.dumps([block.data for block in reasoning if block not in foreign])
    wire_text = json.dumps(sent.reasoning)
    for block in foreign:
        for value in block.data.values():
            if isinstance(value, str) and len(value) > 60 and value not in own:
                assert value not in wire_text
    assert json.dumps([message.to_dict() for message in history]) == before, "nothing is changed"


def test_there_is_something_to_move() -> None:
    requires("streams")
    for wire in WIRES:
        turns = answers(wire.name).values()
        reasoning = [b for turn in turns for b in blocks(turn, ReasoningBlock)]
        assert len(turns) > 50 and len(reasoning) > 1, (wire.name, len(reasoning))
        assert sum(bool(blocks(turn, ToolUseBlock)) for turn in turns) > 20, wire.name


@pytest.mark.parametrize("target", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("source", WIRES, ids=lambda wire: wire.name)
def test_every_recorded_answer_can_go_on_with_every_provider(source: Wire, target: Wire) -> None:
    requires("streams")
    for name, turn in answers(source.name).items():
        try:
            check_moved(asked(turn), target)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@pytest.mark.parametrize("target", WIRES, ids=lambda wire: wire.name)
def test_a_conversation_that_has_been_everywhere_can_go_anywhere(target: Wire) -> None:
    """Turns of all four in one history: the same ids again, every kind of reasoning."""
    requires("streams")
    sources = [list(answers(wire.name).items()) for wire in WIRES]
    for at in range(0, max(map(len, sources)), 3):
        chosen = [source[at % len(source)] for source in sources]
        history = asked(*(turn for _, turn in chosen), chosen[0][1])
        try:
            check_moved(unique(history), target)
        except AssertionError as error:
            raise AssertionError(f"{[name for name, _ in chosen]}: {error}") from error


def unique(history: list[Message]) -> list[Message]:
    """As a run stores it: no id of a call comes twice."""
    renamed: list[Message] = []
    for at, message in enumerate(history):
        turn = at - (message.role == "user")  # results follow their calls
        content: list[Any] = []
        for block in message.content:
            if isinstance(block, ToolUseBlock):
                block = ToolUseBlock(f"{block.id}.{turn}", block.name, block.input)
            elif isinstance(block, ToolResultBlock):
                id = f"{block.tool_use_id}.{turn}"
                block = ToolResultBlock(id, block.content, block.is_error)
            content.append(block)
        renamed.append(Message(message.role, content))
    return renamed


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_reasoning_comes_home_after_a_detour(wire: Wire) -> None:
    """Blocks left behind on the way are still in the history and go back to their maker."""
    requires("streams")
    home = next(
        turn
        for turn in answers(wire.name).values()
        if blocks(turn, ToolUseBlock)
        and any(b.data.get("type") != "message" for b in blocks(turn, ReasoningBlock))
    )
    elsewhere = next(other for other in WIRES if other.name != wire.name)
    history = asked(home, next(iter(answers(elsewhere.name).values())))
    payload = wire.transport().build_payload(history, [], "")
    reasoning = next(b for b in blocks(home, ReasoningBlock) if b.data.get("type") != "message")
    kept = reasoning.data.get("reasoning_details", [reasoning.data])
    sent = json.dumps(wire.read(payload).reasoning)
    assert all(json.dumps(part) in sent for part in kept)


def thoughts(wire: Wire) -> list[StreamEvent]:
    """Two pieces of reasoning in the form that goes back over this wire."""
    forms: dict[str, list[dict[str, Any]]] = {
        "anthropic-messages": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "c2VjcmV0"},
        ],
        "openai-chat": [
            {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}]},
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}]},
        ],
        "openai-responses": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "c2VjcmV0"},
        ],
    }
    first, second = (ReasoningBlock("hm", wire.provider, data) for data in forms[wire.api])
    return [ReasoningDelta(0, "hm"), ReasoningEnd(0, first), ReasoningEnd(1, second)]


def two_turns(wire: Wire) -> list[list[StreamEvent]]:
    """Reasoning, text and three calls, of which one streams, one waits and one fails; an answer."""
    calls: list[StreamEvent] = []
    for at, name in enumerate(("flow", "wait", "fail"), 3):
        calls.append(ToolUseStart(at, f"id_{name}", name))
        calls += [ToolInputDelta(at, f"id_{name}", text) for text in ('{"by', '": 1}')]
    said = [TextDelta(2, "I will "), TextDelta(2, "look.")]
    return [
        [*thoughts(wire), *said, *calls, IterationEnd(1, StopReason.tool_use, Usage(1, 1))],
        [*thoughts(wire), *said, IterationEnd(2, StopReason.end_turn, Usage(1, 1))],
    ]


async def flow(by: int) -> AsyncIterator[tuple[str, str]]:
    for line in range(3):
        await asyncio.sleep(0)
        yield "stdout", f"line {line}\n"


async def wait(by: int) -> str:
    for _ in range(5):
        await asyncio.sleep(0)
    return "waited"


async def fail(by: int) -> str:
    raise ValueError("it broke")


async def stopped_after(count: int, wire: Wire, leave: bool) -> tuple[list[Message], bool]:
    """The history of a run that is stopped at its event `count`; whether there are more."""
    tools = [Tool(handler.__name__, handler) for handler in (flow, wait, fail)]
    context = MemoryContextStore()
    stream = Agent("", StubTransport(two_turns(wire)), tools).run_stream("Look.", context)
    for _ in range(count):
        more = not isinstance(await anext(stream), SessionEndEvent)
    if not leave:
        stream.cancel()
        _ = [event async for event in stream]
    await stream.aclose()
    return await context.get_history(), more


@pytest.mark.parametrize("leave", [False, True])
@pytest.mark.parametrize("source", WIRES, ids=lambda wire: wire.name)
async def test_a_run_stopped_at_any_event_can_go_on_with_every_provider(
    source: Wire, leave: bool
) -> None:
    count, more = 0, True
    while more:
        count += 1
        history, more = await stopped_after(count, source, leave)
        history = asked(history[1:], [])
        for target in WIRES:
            try:
                check_moved(history, target)
            except AssertionError as error:
                raise AssertionError(f"event {count}, to {target.name}: {error}") from error
    assert count > 25


class ShortCodex(CodexTransport):
    """Says little: the real backend takes no limit."""

    def build_payload(
        self, messages: list[Message], tools: list[Any], system: str
    ) -> dict[str, Any]:
        payload = CodexTransport.build_payload(self, messages, tools, system)
        for item in payload["input"]:
            item.setdefault("type", "message")  # which llama.cpp insists on
        return payload | {"max_output_tokens": 6, "model": "smollm2-135m"}


async def test_one_conversation_over_all_four_wires_of_a_real_server(llama_natural: Llama) -> None:
    url = f"{llama_natural.url}/v1"
    limits = {"max_completion_tokens": 6}
    speakers: list[Any] = [
        OpenAITransport(base_url=url, api_key="x", model=llama_natural.model, extra_params=limits),
        AnthropicTransport(base_url=url, api_key="x", model=llama_natural.model),
        OpenAITransport(
            base_url=url,
            api_key="x",
            model=llama_natural.model,
            wire="responses",
            extra_params={"max_output_tokens": 6},
        ),
        ShortCodex(base_url=url, api_key="x"),
    ]
    context = MemoryContextStore()
    call = ToolUseBlock("functions.look:0|fc_1", "look", {"at": "sky"})
    thought = ReasoningBlock("hm", "deepseek", {"reasoning_content": "hm"})
    for message in (
        Message("user", [TextBlock("Look.")]),
        Message("assistant", [thought, call]),
        Message("user", [ToolResultBlock(call.id, "blue")]),
    ):
        await context.append(message)
    for turn, speaker in enumerate(speakers):
        async with speaker:
            await Agent("Answer in one word.", speaker).run("Say yes.", context)
        history = await context.get_history()
        assert check(history) == [] and len(history) == 3 + 2 * (turn + 1)
        assert blocks(history[-1:], TextBlock)
