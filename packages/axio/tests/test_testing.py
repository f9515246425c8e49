"""The helpers for users' tests keep their own promises."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ReasoningBlock, TextBlock
from axio.compaction import AutoCompactStore
from axio.context import ContextStore, MemoryContextStore
from axio.event_data import event_from_dict, event_to_dict
from axio.events import (
    AudioOutput,
    Error,
    ImageOutput,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import StreamError
from axio.history import check
from axio.messages import Message
from axio.testing import (
    CassetteError,
    Fault,
    FaultTransport,
    RecordTransport,
    ReplayTransport,
    Stalls,
    StubTransport,
    check_store,
    check_transport,
    faults,
    make_echo_tool,
    make_ephemeral_context,
    make_stub_transport,
    make_text_response,
    make_tool_use_response,
)
from axio.tool import Tool
from axio.transport import CompletionTransport
from axio.types import StopReason, Usage

# ── stubs ─────────────────────────────────────────────────────────────────────────────────────


async def collect(transport: CompletionTransport) -> list[StreamEvent]:
    return [event async for event in transport.stream([], [], "")]


async def test_a_stub_answers_in_order_and_repeats_the_last_for_ever() -> None:
    transport = StubTransport([make_text_response("1"), make_text_response("2")])
    texts = [(await collect(transport))[0] for _ in range(3)]
    assert texts == [TextDelta(0, "1"), TextDelta(0, "2"), TextDelta(0, "2")]
    assert transport._call_count == 3
    assert not hasattr(transport, "model")


@pytest.mark.parametrize("responses", [None, []])
async def test_a_stub_without_responses_raises_when_it_is_used(responses: list[Any] | None) -> None:
    stub = StubTransport(responses)
    with pytest.raises(IndexError, match="no scripted answer left"):
        stub.stream([], [], "")
    with pytest.raises(StreamError, match="no scripted answer left"):
        await Agent("", stub).run("go", memory())


def test_ready_made_responses() -> None:
    assert make_text_response() == [
        TextDelta(0, "Done"),
        IterationEnd(2, StopReason.end_turn, Usage(10, 5)),
    ]
    assert make_tool_use_response(tool_input={}) == [
        ToolUseStart(0, "call_1", "echo"),
        ToolInputDelta(0, "call_1", '{"msg": "hi"}'),
        IterationEnd(1, StopReason.tool_use, Usage(10, 5)),
    ]


async def test_ready_made_parts() -> None:
    assert [type(e) for e in await collect(make_stub_transport())] == [
        TextDelta,
        TextDelta,
        IterationEnd,
    ]
    assert await make_ephemeral_context().get_history() == []
    assert json.loads(await make_echo_tool()(msg="ü")) == {"msg": "ü"}


# ── faults ────────────────────────────────────────────────────────────────────────────────────

TWO_CALLS: list[StreamEvent] = [
    TextDelta(0, "Let me see."),
    ToolUseStart(1, "a", "echo"),
    ToolInputDelta(1, "a", '{"msg": '),
    ToolInputDelta(1, "a", '"1"}'),
    ToolUseStart(2, "b", "echo"),
    ToolInputDelta(2, "b", '{"msg": "2"}'),
    IterationEnd(0, StopReason.tool_use, Usage(1, 1)),
]


@pytest.mark.parametrize("fault", list(faults(len(TWO_CALLS))), ids=str)
@pytest.mark.parametrize("eager", [False, True])
async def test_no_fault_of_a_transport_spoils_the_history(fault: Fault, eager: bool) -> None:
    transport = FaultTransport(StubTransport([TWO_CALLS, make_text_response("ok")]), fault)
    handler = make_echo_tool().handler
    tool = Tool("echo", handler, eager=eager, read_only=eager)
    agent, store = Agent("", transport, [tool]), MemoryContextStore()
    stream = agent.run_stream("go", store)
    events: list[StreamEvent] = []

    async def consume() -> None:
        async for event in stream:
            events.append(event)  # noqa: PERF401

    if isinstance(fault, Stalls):
        task = asyncio.ensure_future(consume())
        for _ in range(30):
            await asyncio.sleep(0)
        stream.cancel()
        await task
    else:
        await consume()
    assert isinstance(events[-1], SessionEndEvent)
    assert check(await store.get_history()) == []
    started = [e for e in events if isinstance(e, ToolUseStart)]
    ended = [e for e in events if isinstance(e, ToolResult)]
    assert len(ended) in (len(started), 0 if isinstance(fault, Stalls) else len(started))
    assert asyncio.all_tasks() == {asyncio.current_task()}
    again = StubTransport([make_text_response("well again")])
    assert await Agent("", again).run("and now?", store) == "well again"


def test_a_wrapped_transport_shows_the_attributes_of_the_inner_one(tmp_path: Path) -> None:
    inner = make_stub_transport()
    inner.model = "m"  # type: ignore[attr-defined]
    assert FaultTransport(inner, Stalls(0)).model == "m"
    assert RecordTransport(inner, tmp_path / "x").model == "m"


# ── cassettes ─────────────────────────────────────────────────────────────────────────────────

EVERYTHING: list[StreamEvent] = [
    ReasoningDelta(0, "hm"),
    ReasoningEnd(0, ReasoningBlock("hm", "p", {"signature": "s"})),
    TextDelta(1, "tschüß \u2028"),
    ImageOutput(2, b"\x00\xff", "image/png"),
    AudioOutput(3, b"\x01", "audio/wav"),
    ToolUseStart(4, "a", "echo"),
    ToolInputDelta(4, "a", '{"msg": "x"}'),
    IterationEnd(1, StopReason.tool_use, Usage(9, 8, 7, 6, 5)),
]


async def test_what_was_recorded_is_replayed_event_by_event(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cassette.jsonl"
    inner = StubTransport([EVERYTHING, make_text_response()])
    tools = [make_echo_tool()]
    recorded = [
        e async for e in Agent("be", RecordTransport(inner, path), tools).run_stream("go", memory())
    ]
    replayed = [
        e async for e in Agent("be", ReplayTransport(path), tools).run_stream("go", memory())
    ]
    assert replayed == recorded


def memory() -> ContextStore:
    return MemoryContextStore()


async def test_no_secret_gets_into_a_cassette(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    key, other = "my-very-own-password", "sk-proj-abcdefghijklmnop1234"
    inner = StubTransport([make_text_response(f"your key is {key}")])
    inner.api_key = key  # type: ignore[attr-defined]
    agent = Agent(f"Bearer {'x' * 20}", RecordTransport(inner, path))
    await agent.run(f"use {other}", memory())
    text = path.read_text()
    assert key not in text
    assert other not in text
    assert "x" * 20 not in text


async def test_no_secret_gets_into_a_cassette_in_pieces(tmp_path: Path) -> None:
    key, token, path = "super-secret-key", "sk-proj-abcdefghijklmnop", tmp_path / "c.jsonl"
    arguments = json.dumps({"msg": f"with {token} in it"})
    call: list[StreamEvent] = [
        *(TextDelta(0, piece) for piece in ("It is super-", "secret", "-key, ", "no more.")),
        *(ReasoningDelta(0, piece) for piece in token),
        ToolUseStart(1, "call_1", "echo"),
        *(ToolInputDelta(1, "call_1", piece) for piece in arguments),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    script = StubTransport([call, make_text_response("Done")])
    script.api_key = key  # type: ignore[attr-defined]
    agent = Agent("", RecordTransport(script, path), [make_echo_tool()])
    await agent.run("go", MemoryContextStore())

    replayed, store = agent.copy(transport=ReplayTransport(path)), MemoryContextStore()
    events = [event async for event in replayed.run_stream("go", store)]
    text = [event.delta for event in events if isinstance(event, TextDelta)]
    assert text == ["It is [secret removed]", "", ", ", "no more.", "Done"]
    thought = [event.delta for event in events if isinstance(event, ReasoningDelta)]
    assert thought == ["[secret removed]"] + [""] * (len(token) - 1)
    results = [event.input for event in events if isinstance(event, ToolResult)]
    assert results == [{"msg": "with [secret removed] in it"}]
    assert token not in path.read_text() and key not in path.read_text()


async def test_a_request_that_was_not_recorded_shows_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    await Agent("", RecordTransport(make_stub_transport(), path)).run("hello", memory())
    with pytest.raises(Exception, match="not recorded") as caught:
        await Agent("", ReplayTransport(path)).run("hullo", memory())
    assert '-          "text": "hello"' in str(caught.value)
    assert '+          "text": "hullo"' in str(caught.value)


async def test_each_recorded_response_is_given_once(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    await Agent("", RecordTransport(make_stub_transport(), path)).run("hello", memory())
    transport = ReplayTransport(path)
    await Agent("", transport).run("hello", memory())
    with pytest.raises(Exception, match="replayed already"):
        await Agent("", transport).run("hello", memory())


async def test_a_missing_cassette_is_recorded_but_not_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.jsonl"
    monkeypatch.setenv("CI", "true")
    with pytest.raises(CassetteError, match="outside of CI"):
        ReplayTransport(path, record=make_stub_transport())
    monkeypatch.delenv("CI")
    with pytest.raises(CassetteError):
        ReplayTransport(path)
    transport = ReplayTransport(path, record=make_stub_transport())
    assert await Agent("", transport).run("hello", memory()) == "Hello world"
    assert await Agent("", ReplayTransport(path)).run("hello", memory()) == "Hello world"


@pytest.mark.parametrize("text", ["not json", '{"event": {}}', "[]", '{"request": {}}\n{"x": 1}'])
def test_a_damaged_cassette_says_where(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(text)
    with pytest.raises(CassetteError, match="line"):
        ReplayTransport(path)


# ── conformance ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "make",
    [
        MemoryContextStore,
        lambda: AutoCompactStore(MemoryContextStore(), StubTransport()),
    ],
)
async def test_the_stores_of_the_core_conform(make: Callable[[], ContextStore]) -> None:
    await check_store(make)


class Minimal(ContextStore):
    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def append(self, message: Message) -> None:
        self.messages.append(message)

    async def get_history(self) -> list[Message]:
        return list(self.messages)


async def test_a_store_with_two_methods_conforms() -> None:
    await check_store(Minimal)


class Shares(Minimal):
    async def get_history(self) -> list[Message]:
        return self.messages


class Forgets(Minimal):
    async def append(self, message: Message) -> None:
        if len(self.messages) < 3:
            self.messages.append(message)


class Races(Minimal):
    async def append(self, message: Message) -> None:
        grown = [*self.messages, message]
        await asyncio.sleep(0)
        self.messages = grown


class NoFork(Minimal):
    async def fork(self) -> ContextStore:
        return self


class ForkKeepsOpenTurn(Minimal):
    async def fork(self) -> ContextStore:
        return MemoryContextStore(self.messages)


class LosesTokens(MemoryContextStore):
    async def replace(self, messages: Any) -> None:
        await self.clear()
        await self.extend(messages)


@pytest.mark.parametrize("bad", [Shares, Forgets, Races, NoFork, ForkKeepsOpenTurn, LosesTokens])
async def test_a_store_that_breaks_a_promise_is_found_out(bad: type[ContextStore]) -> None:
    with pytest.raises(AssertionError):
        await check_store(bad)


async def test_a_scripted_transport_conforms() -> None:
    await check_transport(
        lambda: StubTransport([make_tool_use_response()]), tool_prompt="echo something"
    )
    await check_transport(make_stub_transport)


Events = AsyncIterator[StreamEvent]


class NoEnd:
    async def stream(self, messages: list[Message], tools: Any, system: str) -> Events:
        yield TextDelta(0, "x")


class Changes:
    async def stream(self, messages: list[Message], tools: Any, system: str) -> Events:
        messages.append(Message("user", [TextBlock("x")]))
        for event in make_text_response():
            yield event


class Swallows:
    async def stream(self, messages: list[Message], tools: Any, system: str) -> Events:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            raise RuntimeError("no") from None
        for event in make_text_response():
            yield event


class Leaks:
    async def stream(self, messages: list[Message], tools: Any, system: str) -> Events:
        self.task = asyncio.ensure_future(asyncio.sleep(1))
        for event in make_text_response():
            yield event


class Tells:
    api_key = "secret"

    async def stream(self, messages: list[Message], tools: Any, system: str) -> Events:
        for event in make_text_response():
            yield event

    def __repr__(self) -> str:
        return f"Tells({self.api_key})"


@pytest.mark.parametrize("bad", [NoEnd, Changes, Swallows, Leaks, Tells])
async def test_a_transport_that_breaks_a_promise_is_found_out(bad: Callable[[], Any]) -> None:
    with pytest.raises(AssertionError):
        await check_transport(bad)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_an_error_in_a_recording_stays_an_error() -> None:
    event = event_from_dict(event_to_dict(Error(ValueError("x"))))
    assert isinstance(event, Error)
    assert "ValueError: x" in str(event.exception)
