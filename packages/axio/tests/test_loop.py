"""A run, event by event and message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.context import ContextStore, MemoryContextStore
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
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
    VideoOutput,
)
from axio.exceptions import (
    ConnectionFailed,
    ContentFiltered,
    Deferred,
    GuardError,
    StreamError,
    TruncatedStream,
)
from axio.history import INTERRUPTED, check
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.testing import (
    FaultTransport,
    Raises,
    StubTransport,
    make_echo_tool,
    make_text_response,
    make_tool_use_response,
)
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.clock import in_no_time
from support.watching import Watching

END = IterationEnd(1, StopReason.tool_use, Usage(1, 1))


def call(index: int, id: str, name: str, *fragments: str) -> list[StreamEvent]:
    return [
        ToolUseStart(index, id, name),
        *(ToolInputDelta(index, id, fragment) for fragment in fragments),
    ]


def make(name: str, answer: Callable[..., Any]) -> Tool[Any]:
    async def handler(**kwargs: Any) -> Any:
        return answer(**kwargs)

    return Tool(name=name, handler=handler)


def fails(**kwargs: Any) -> Any:
    raise ValueError("it broke")


async def results_after(
    tools: list[Tool[Any]], *events: StreamEvent, stop: StopReason = StopReason.tool_use
) -> tuple[dict[str, ToolResultBlock], MemoryContextStore, list[StreamEvent]]:
    """Run one turn with these events, then a text; the results by id, in stored order."""
    transport = Watching([[*events, IterationEnd(1, stop, Usage(1, 1))], make_text_response("end")])
    store = MemoryContextStore()
    seen = [e async for e in Agent("", transport, tools).run_stream("go", store)]
    history = await store.get_history()
    assert check(history) == []
    results = {
        block.tool_use_id: block
        for message in history
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }
    return results, store, seen


# ── the plain way ─────────────────────────────────────────────────────────────────────────────


async def test_a_text_turn_is_stored_and_ends_the_run() -> None:
    store = MemoryContextStore()
    transport = Watching([make_text_response("Hello.", iteration=0)])
    events = [e async for e in Agent("be kind", transport).run_stream("hi", store)]
    assert events == [
        TextDelta(0, "Hello."),
        IterationEnd(1, StopReason.end_turn, Usage(10, 5)),
        SessionEndEvent(StopReason.end_turn, Usage(10, 5)),
    ]
    assert await store.get_history() == [
        Message("user", [TextBlock("hi")]),
        Message("assistant", [TextBlock("Hello.")]),
    ]
    assert await store.get_context_tokens() == (10, 5)
    assert transport.requests == [([Message("user", [TextBlock("hi")])], [], "be kind")]


async def test_events_reach_the_consumer_as_the_transport_made_them() -> None:
    made = make_text_response("x")
    stream = Agent("", StubTransport([made])).run_stream("hi", MemoryContextStore())
    events = [event async for event in stream]
    assert all(a is b for a, b in zip(made, events, strict=False))


async def test_what_a_transport_keeps_of_a_request_does_not_change_later() -> None:
    transport = Watching([make_tool_use_response(), make_text_response()])
    await Agent("", transport, [make_echo_tool()]).run("hi", MemoryContextStore())
    assert [len(messages) for messages, _, _ in transport.requests] == [1, 3]


async def test_a_transport_that_changes_its_request_does_not_change_the_history() -> None:
    class Rude(StubTransport):
        def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            messages.insert(0, Message("system", [TextBlock("x")]))
            tools.clear()
            return super().stream(messages, tools, system)

    store = MemoryContextStore()
    agent = Agent("", Rude([make_tool_use_response(), make_text_response()]), [make_echo_tool()])
    await agent.run("hi", store)
    assert [m.role for m in await store.get_history()] == ["user", "assistant"] * 2
    assert len(agent.tools) == 1


@pytest.mark.parametrize(
    "prompt",
    [
        "hi",
        [TextBlock("hi"), ImageBlock("image/png", b"1")],
        Message("user", [TextBlock("hi")]),
    ],
)
async def test_a_run_starts_with_text_blocks_or_a_message(prompt: Any) -> None:
    store = MemoryContextStore()
    await Agent("", StubTransport([make_text_response()])).run(prompt, store)
    assert (await store.get_history())[0].content[0] == TextBlock("hi")


@pytest.mark.parametrize(
    "prompt",
    [[], Message("assistant", [TextBlock("x")]), [ToolUseBlock("a", "b", {})], ["text"]],
)
async def test_a_prompt_that_would_spoil_the_history_is_refused(prompt: Any) -> None:
    with pytest.raises(ValueError, match=r"prompt|user message"):
        Agent("", StubTransport()).run_stream(prompt, MemoryContextStore())


async def test_fields_changed_during_a_run_count_from_the_next_call_on() -> None:
    agent = Agent("one", Watching([make_tool_use_response(), make_text_response()]))
    agent.tools = [make_echo_tool()]
    async for event in agent.run_stream("hi", MemoryContextStore()):
        if isinstance(event, ToolResult):
            agent.system, agent.tools = "two", []
    assert isinstance(agent.transport, Watching)
    assert [(s, len(t)) for _, t, s in agent.transport.requests] == [("one", 1), ("two", 0)]


# ── tools ─────────────────────────────────────────────────────────────────────────────────────


async def test_calls_are_stored_before_their_tools_run_and_results_in_call_order() -> None:
    store = MemoryContextStore()
    seen: list[int] = []

    async def look(wait: float) -> str:
        seen.append(len(await store.get_history()))
        await asyncio.sleep(wait)
        return str(wait)

    events = [*call(0, "a", "look", '{"wait": 0.02}'), *call(1, "b", "look", '{"wait": 0.0}'), END]
    agent = Agent("", Watching([events, make_text_response()]), [Tool("look", look)])
    out = [e async for e in agent.run_stream("go", store)]
    assert seen == [2, 2]
    assert [e.tool_use_id for e in out if isinstance(e, ToolResult)] == ["b", "a"]
    history = await store.get_history()
    assert history[2] == Message(
        "user", [ToolResultBlock("a", "0.02"), ToolResultBlock("b", "0.0")]
    )


async def test_readers_see_no_open_turn_while_tools_run() -> None:
    store = MemoryContextStore()
    forks: list[ContextStore] = []

    async def look() -> str:
        forks.append(await RUN.get().store.fork())
        return ""

    transport = Watching([make_tool_use_response("look"), make_text_response()])
    await Agent("", transport, [Tool("look", look)]).run("go", store)
    assert await forks[0].get_history() == [Message("user", [TextBlock("go")])]


@pytest.mark.parametrize(
    ("value", "content", "text"),
    [
        ("text", "text", "text"),
        (42, "42", "42"),
        (None, "", ""),
        ([1, 2], "[1, 2]", "[1, 2]"),
        ([], "[]", "[]"),
        ([TextBlock("a"), TextBlock("b")], [TextBlock("a"), TextBlock("b")], "a\nb"),
    ],
)
async def test_what_a_handler_returns_becomes_the_result(
    value: Any, content: Any, text: str
) -> None:
    results, _, events = await results_after([make("t", lambda: value)], *call(0, "a", "t", "{}"))
    assert results["a"] == ToolResultBlock("a", content)
    assert [e for e in events if isinstance(e, ToolResult)] == [
        ToolResult("a", "t", False, text, {})
    ]


async def test_media_of_a_result_come_before_it() -> None:
    blocks = [TextBlock("look"), ImageBlock("image/png", b"i"), AudioBlock("audio/wav", b"a")]
    _, _, events = await results_after([make("t", lambda: blocks)], *call(0, "a", "t"))
    outputs = [e for e in events if isinstance(e, (ImageOutput, AudioOutput, ToolResult))]
    assert outputs == [
        ImageOutput(0, b"i", "image/png"),
        AudioOutput(0, b"a", "audio/wav"),
        ToolResult("a", "t", False, "look", {}),
    ]


async def test_a_failing_call_loses_none_of_its_siblings() -> None:
    results, _, _ = await results_after(
        [make("good", lambda: "fine"), make("bad", fails)],
        *call(0, "a", "good", "{}"),
        *call(1, "b", "bad", "{}"),
        *call(2, "c", "good", "{}"),
    )
    assert list(results.values()) == [
        ToolResultBlock("a", "fine"),
        ToolResultBlock("b", "ValueError: it broke", True),
        ToolResultBlock("c", "fine"),
    ]


@pytest.mark.parametrize("waits", [False, True])
async def test_siblings_of_a_failing_call_end_before_the_run_goes_on(waits: bool) -> None:
    async def bad() -> str:
        if waits:
            await asyncio.sleep(0)
        failed.set()
        raise ValueError("it broke")

    async def patient() -> str:
        await failed.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        return "waited"

    failed = asyncio.Event()
    results, _, events = await results_after(
        [Tool("patient", patient), Tool("bad", bad), make("good", lambda: "fine")],
        *call(0, "a", "patient", "{}"),
        *call(1, "b", "bad", "{}"),
        *call(2, "c", "good", "{}"),
    )
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert list(results.values()) == [
        ToolResultBlock("a", "waited"),
        ToolResultBlock("b", "ValueError: it broke", True),
        ToolResultBlock("c", "fine"),
    ]
    assert events[-1] == SessionEndEvent(StopReason.end_turn, Usage(11, 6))


@pytest.mark.parametrize("waits", [False, True])
async def test_what_is_no_exception_ends_the_siblings_of_its_call(waits: bool) -> None:
    class Abort(BaseException):
        """As those that test runners raise."""

    async def bad() -> str:
        if waits:
            await asyncio.sleep(0)
        raise Abort("stop it all")

    async def patient() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.append("patient")
        return ""

    cleaned_up: list[str] = []
    calls = [*call(0, "a", "patient", "{}"), *call(1, "b", "bad", "{}"), END]
    agent = Agent("", StubTransport([calls]), [Tool("patient", patient), Tool("bad", bad)])
    store = MemoryContextStore()
    with pytest.raises(Abort):
        await agent.run("go", store)
    assert cleaned_up == ["patient"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    history = await store.get_history()
    assert check(history) == []
    assert history[-1].content == [
        ToolResultBlock("a", INTERRUPTED, True),
        ToolResultBlock("b", "Abort: stop it all", True),
    ]


async def test_a_guard_that_refuses_beside_a_tool_that_fails_leaves_every_call_answered() -> None:
    class No(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise GuardError("denied: not today")

    guarded = Tool("guarded", make("x", lambda: "ran").handler, guards=(No(),))
    results, _, _ = await results_after(
        [guarded, make("bad", fails)],
        *call(0, "a", "guarded", "{}"),
        *call(1, "b", "bad", "{}"),
    )
    assert [r.content for r in results.values()] == [
        "GuardError: denied: not today",
        "ValueError: it broke",
    ]


async def test_an_unknown_tool_is_answered_with_those_there_are() -> None:
    results, _, _ = await results_after([make_echo_tool()], *call(0, "a", "nope", "{}"))
    assert results["a"].is_error
    assert "Unknown tool: nope" in str(results["a"].content)
    assert "echo" in str(results["a"].content)


@pytest.mark.parametrize(
    "raw", ['{"a": ', "[1, 2]", "null", "7", '"text"', "{'a': 1}", "{}{}", "[" * 100_000]
)
async def test_arguments_that_are_no_object_are_never_run_and_not_stored(raw: str) -> None:
    ran = 0

    def count(**kwargs: Any) -> str:
        nonlocal ran
        ran += 1
        return ""

    results, store, _ = await results_after(
        [make("t", count), make_echo_tool()],
        *call(0, "a", "t", raw),
        *call(1, "b", "echo", '{"msg": "x"}'),
    )
    assert ran == 0
    assert results["a"].is_error
    assert "JSON" in str(results["a"].content) or "nested" in str(results["a"].content)
    assert raw[:7] in str(results["a"].content).replace("\\'", "'")
    assert len(str(results["a"].content)) < 600
    assert not results["b"].is_error
    assert (await store.get_history())[1].content[0] == ToolUseBlock("a", "t", {})


async def test_a_call_without_argument_text_runs_without_arguments() -> None:
    results, _, _ = await results_after([make("t", lambda: "ran")], *call(0, "a", "t"))
    assert results["a"] == ToolResultBlock("a", "ran")


async def test_a_call_cut_by_the_output_limit_is_not_run_and_whole_ones_are() -> None:
    results, _, _ = await results_after(
        [make("t", lambda **kw: "ran")],
        *call(0, "whole", "t", "{}"),
        *call(1, "empty", "t"),
        *call(2, "half", "t", '{"text": "abc'),
        stop=StopReason.max_tokens,
    )
    assert [r.is_error for r in results.values()] == [False, True, True]
    assert "output limit" in str(results["half"].content)


async def test_a_text_cut_by_the_output_limit_is_stored_and_ends_in_an_error() -> None:
    store = MemoryContextStore()
    cut: list[StreamEvent] = [
        TextDelta(0, "Once upon"),
        IterationEnd(1, StopReason.max_tokens, Usage(1, 1)),
    ]
    events = [e async for e in Agent("", StubTransport([cut])).run_stream("go", store)]
    assert isinstance(events[-2], Error)
    assert isinstance(events[-2].exception, RuntimeError)
    assert "max_tokens" in str(events[-2].exception)
    assert events[-1] == SessionEndEvent(StopReason.error, Usage(1, 1), "max_tokens")
    assert (await store.get_history())[1].content == [TextBlock("Once upon")]


async def test_two_calls_to_one_tool_are_two_calls() -> None:
    results, _, _ = await results_after(
        [make_echo_tool()],
        *call(0, "a", "echo", '{"msg": "1"}'),
        *call(1, "b", "echo", '{"msg": "2"}'),
    )
    assert [r.content for r in results.values()] == ['{"msg": "1"}', '{"msg": "2"}']


@pytest.mark.parametrize("second", [0, 1])
async def test_two_whole_calls_with_one_id_both_run_under_ids_of_their_own(second: int) -> None:
    results, _, events = await results_after(
        [make_echo_tool()],
        *call(0, "a", "echo", '{"msg": "1"}'),
        *call(second, "a", "echo", '{"msg": "2"}'),
    )
    assert {id: r.content for id, r in results.items()} == {
        "a": '{"msg": "1"}',
        "a_2": '{"msg": "2"}',
    }
    assert {e.tool_use_id for e in events if isinstance(e, ToolResult)} == {"a", "a_2"}


async def test_interleaved_fragments_find_their_calls() -> None:
    results, _, _ = await results_after(
        [make_echo_tool()],
        ToolUseStart(0, "a", "echo"),
        ToolUseStart(1, "b", "echo"),
        ToolInputDelta(0, "a", '{"msg":'),
        ToolInputDelta(1, "b", '{"msg":'),
        ToolInputDelta(0, "a", ' "1"}'),
        ToolInputDelta(1, "b", ' "2"}'),
        ToolInputDelta(7, "unknown", "lost"),
    )
    assert [r.content for r in results.values()] == ['{"msg": "1"}', '{"msg": "2"}']


async def test_a_call_begun_anew_before_it_was_whole_is_one_call() -> None:
    results, _, _ = await results_after(
        [make_echo_tool()],
        *call(0, "a", "echo", '{"msg": "old'),
        *call(0, "a", "echo", '{"msg": "new"}'),
    )
    assert {id: r.content for id, r in results.items()} == {"a": '{"msg": "new"}'}


async def test_an_id_that_returns_in_a_later_turn_is_made_another() -> None:
    store = MemoryContextStore()
    responses = [make_tool_use_response(), make_tool_use_response(), make_text_response()]
    await Agent("", Watching(responses), [make_echo_tool()]).run("go", store)
    ids = [
        block.id
        for message in await store.get_history()
        for block in message.content
        if isinstance(block, ToolUseBlock)
    ]
    assert ids == ["call_1", "call_1_2"]


async def test_a_thousand_turns_do_not_nest() -> None:
    responses = [make_tool_use_response(tool_id=f"c{n}") for n in range(1000)]
    agent = Agent("", StubTransport([*responses, make_text_response("deep")]), [make_echo_tool()])
    agent.max_iterations = 2000
    assert await agent.run("go", MemoryContextStore()) == "deep"


async def test_a_model_stuck_on_one_call_ends_with_its_iterations() -> None:
    agent = Agent("", StubTransport([make_tool_use_response()]), [make_echo_tool()])
    agent.max_iterations = 3
    store = MemoryContextStore()
    events = [e async for e in agent.run_stream("go", store)]
    assert events[-1] == SessionEndEvent(StopReason.error, Usage(30, 15), "max_iterations")
    assert not any(isinstance(event, Error) for event in events)
    assert check(await store.get_history()) == []
    assert await agent.run("again", store) == ""


async def test_tool_use_without_a_call_ends_the_turn() -> None:
    stuck: list[StreamEvent] = [
        TextDelta(0, "hm"),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    transport = Watching([stuck])
    stream = Agent("", transport).run_stream("go", MemoryContextStore())
    assert (await stream.get_session_end()).stop_reason is StopReason.end_turn
    assert len(transport.requests) == 1


async def test_a_turn_without_content_is_not_stored() -> None:
    store = MemoryContextStore()
    empty: list[StreamEvent] = [IterationEnd(1, StopReason.end_turn, Usage(1, 0))]
    await Agent("", StubTransport([empty])).run("go", store)
    assert len(await store.get_history()) == 1


# ── order of blocks ───────────────────────────────────────────────────────────────────────────


async def test_calls_come_after_all_text_and_media() -> None:
    _, store, _ = await results_after(
        [make("t", lambda: "")],
        TextDelta(0, "one "),
        *call(1, "a", "t", "{}"),
        TextDelta(2, "two"),
        ImageOutput(3, b"i", "image/png"),
        TextDelta(4, "three"),
    )
    assert (await store.get_history())[1].content == [
        TextBlock("one two"),
        ImageBlock("image/png", b"i"),
        TextBlock("three"),
        ToolUseBlock("a", "t", {}),
    ]


async def test_with_reasoning_to_keep_everything_stays_where_it_was() -> None:
    thought = ReasoningBlock("hm", "p", {"signature": "abc"})
    expected: list[ContentBlock] = [
        thought,
        ToolUseBlock("a", "t", {}),
        TextBlock("more"),
        ToolUseBlock("b", "t", {}),
    ]
    _, store, _ = await results_after(
        [make("t", lambda: "")],
        ReasoningDelta(0, "hm"),
        ReasoningEnd(0, thought),
        *call(1, "a", "t", "{}"),
        TextDelta(2, "more"),
        *call(3, "b", "t", "{}"),
    )
    assert (await store.get_history())[1].content == expected


async def test_a_character_cut_in_two_by_the_provider_is_stored_whole() -> None:
    results, store, _ = await results_after(
        [make_echo_tool()],
        TextDelta(0, "good \ud83d"),
        TextDelta(0, "\ude00 \ud83d"),
        *call(1, "a", "echo", '{"msg": "\\ud83d', '\\ude00 \\uD83D"}'),
    )
    message = (await store.get_history())[1]
    assert message.content == [
        TextBlock("good \U0001f600 \ufffd"),
        ToolUseBlock("a", "echo", {"msg": "\U0001f600 \ufffd"}),
    ]
    assert not results["a"].is_error


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────


class Breaking:
    """Raises after some events."""

    def __init__(self, *events: StreamEvent, error: Exception | None = None) -> None:
        self.events = events
        self.error = error

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        for event in self.events:
            yield event
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("count", range(4))
async def test_a_failing_transport_ends_the_run_and_stores_nothing_of_the_turn(count: int) -> None:
    events = [TextDelta(0, "par"), TextDelta(0, "tial"), *call(1, "a", "echo", "{}")][:count]
    error = StreamError("the line is dead")
    store = MemoryContextStore()
    agent = Agent("", Breaking(*events, error=error), [make_echo_tool()])
    out = [e async for e in agent.run_stream("go", store)]
    started = [e for e in out if isinstance(e, ToolUseStart)]
    ended = [e for e in out if isinstance(e, ToolResult)]
    assert len(started) == len(ended)
    assert out[-2:] == [Error(error), SessionEndEvent(StopReason.error, Usage(0, 0), "error")]
    assert await store.get_history() == [Message("user", [TextBlock("go")])]
    with pytest.raises(StreamError, match="the line is dead") as caught:
        await agent.run("again", store)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize(
    "error", [ContentFiltered("not this", code="refusal"), ConnectionFailed("the line is dead")]
)
async def test_a_call_keeps_its_result_when_the_answer_to_it_fails(
    error: StreamError, at: int
) -> None:
    async def work(name: str) -> str:
        ran.append(name)
        return name

    ran: list[str] = []
    refused = [TextDelta(0, "Well, "), *call(1, "b", "work", '{"name": "again"}'), END]
    answers = [[*call(0, "a", "work", '{"name": "once"}'), END], refused, make_text_response("ok")]
    agent = Agent("", FaultTransport(Watching(answers), Raises(at, error), 1), [Tool("work", work)])
    store = MemoryContextStore()
    events = [event async for event in agent.run_stream("go", store)]
    assert events[-2:] == [Error(error), SessionEndEvent(StopReason.error, Usage(1, 1), "error")]
    asked = [
        Message("user", [TextBlock("go")]),
        Message("assistant", [ToolUseBlock("a", "work", {"name": "once"})]),
        Message("user", [ToolResultBlock("a", "once")]),
    ]
    assert await store.get_history() == asked
    assert await agent.resume(store).get_final_text() == "ok"
    assert await store.get_history() == [*asked, Message("assistant", [TextBlock("ok")])]
    assert ran == ["once"]


async def test_a_transport_that_fails_when_called_is_a_failing_transport() -> None:
    store = MemoryContextStore()
    out = [e async for e in Agent("", StubTransport()).run_stream("go", store)]
    assert [type(e) for e in out] == [Error, SessionEndEvent]


async def test_a_stream_that_stops_inside_a_call_is_an_error_not_a_success() -> None:
    store = MemoryContextStore()
    agent = Agent("", Breaking(*call(0, "a", "echo", '{"msg": "x"}')), [make_echo_tool()])
    out = [e async for e in agent.run_stream("go", store)]
    errors = [e for e in out if isinstance(e, Error)]
    assert isinstance(errors[0].exception, TruncatedStream)
    assert len(await store.get_history()) == 1


async def test_text_without_an_end_is_taken_as_a_whole_turn() -> None:
    store = MemoryContextStore()
    stream = Agent("", Breaking(TextDelta(0, "x"))).run_stream("go", store)
    assert [e async for e in stream][-1] == SessionEndEvent(StopReason.end_turn, Usage(0, 0))
    assert (await store.get_history())[1].content == [TextBlock("x")]


class FailingStore(MemoryContextStore):
    """Fails at the given call of one method."""

    def __init__(self, method: str, at: int) -> None:
        super().__init__()
        self.method, self.at = method, at

    def _count(self, method: str) -> None:
        if method == self.method:
            self.at -= 1
            if self.at == 0:
                raise OSError("disk full")

    async def append(self, message: Message) -> None:
        self._count("append")
        await super().append(message)

    async def get_history(self) -> list[Message]:
        self._count("get_history")
        return await super().get_history()

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        self._count("add_context_tokens")
        await super().add_context_tokens(input_tokens, output_tokens)


async def test_a_response_that_is_counted_in_two_parts_took_both() -> None:
    parts = [IterationEnd(1, StopReason.end_turn, Usage(*usage)) for usage in ((10, 0), (1, 5))]
    store = MemoryContextStore()
    stream = Agent("", StubTransport([[TextDelta(0, "Hi."), *parts]])).run_stream("go", store)
    assert (await stream.get_session_end()).total_usage == Usage(11, 5)
    assert await store.get_context_tokens() == (11, 5)


@pytest.mark.parametrize("method", ["append", "get_history", "add_context_tokens"])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_failing_store_ends_the_run_with_its_own_error(method: str, at: int) -> None:
    store = FailingStore(method, at)
    transport = Watching([make_tool_use_response(), make_text_response("Done")])
    agent = Agent("", transport, [make_echo_tool()])
    events: list[StreamEvent] = []
    try:
        async for event in agent.run_stream("go", store):
            events.append(event)  # noqa: PERF401
    except OSError as error:
        assert str(error) == "disk full"
        if (method, at) == ("append", 1):
            assert events == []
        else:
            assert isinstance(events[-1], SessionEndEvent)
            assert events[-1].stop_reason is StopReason.error
    else:
        assert store.at > 0, "the error was swallowed"
    store.at = 0
    history = await MemoryContextStore.get_history(store)
    assert await agent.run("again", store) == "Done"
    assert check(await store.get_history()) == []
    assert (await store.get_history())[: len(history)] == history


async def test_nothing_is_stored_after_a_history_that_could_not_be_read() -> None:
    store = FailingStore("get_history", 1)
    model = Watching([make_text_response("Done")])
    with pytest.raises(OSError, match="disk full"):
        async for _ in Agent("", model).run_stream("go", store):
            pass
    assert await store.get_history() == []
    assert model.requests == []


async def test_a_reply_is_kept_when_counting_its_tokens_fails() -> None:
    store = FailingStore("add_context_tokens", 1)
    stream = Agent("", StubTransport([make_text_response("Good.")])).run_stream("go", store)
    with pytest.raises(OSError, match="disk full"):
        async for _ in stream:
            pass
    assert (await store.get_history())[-1].content == [TextBlock("Good.")]


# ── models, selectors, the last iteration ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        (ModelSpec("m", frozenset({Capability.text, Capability.tool_use})), 1),
        (ModelSpec("m", frozenset({Capability.text})), 0),
        (ModelSpec("m"), 0),
        (None, 1),
        ("a name", 1),
        (SimpleNamespace(capabilities=None), 1),
        (SimpleNamespace(capabilities=["text", "tool_use"]), 1),  # of a class of its own
        (SimpleNamespace(capabilities={Capability.text}), 0),
    ],
)
async def test_tools_go_to_models_that_can_use_them(model: Any, offered: int) -> None:
    transport = Watching([make_text_response()])
    transport.model = model  # type: ignore[attr-defined]
    await Agent("", transport, [make_echo_tool()]).run("go", MemoryContextStore())
    assert len(transport.requests[0][1]) == offered


async def test_a_selector_chooses_what_is_offered_not_what_can_be_called() -> None:
    class Nothing:
        async def select(
            self, messages: Iterable[Message], tools: Iterable[Tool[Any]]
        ) -> Iterable[Tool[Any]]:
            return ()

    transport = Watching([make_tool_use_response(), make_text_response("ok")])
    agent = Agent("", transport, [make_echo_tool()], selector=Nothing())
    store = MemoryContextStore()
    assert await agent.run("go", store) == "ok"
    assert [tools for _, tools, _ in transport.requests] == [[], []]
    result = (await store.get_history())[2].content[0]
    assert result == ToolResultBlock("call_1", '{"msg": "hi"}')


async def test_the_last_iteration_message_is_shown_once_and_never_stored() -> None:
    note = Message("system", [TextBlock("finish now")])
    transport = Watching([make_tool_use_response(), make_text_response("ok")])
    agent = Agent("", transport, [make_echo_tool()], None, 2, note)
    store = MemoryContextStore()
    await agent.run("go", store)
    assert [messages[-1] is note for messages, _, _ in transport.requests] == [False, True]
    assert note not in await store.get_history()


async def test_no_iterations_at_all_store_the_prompt_and_end() -> None:
    agent = Agent("", StubTransport(), max_iterations=0)
    store = MemoryContextStore()
    end = await agent.run_stream("go", store).get_session_end()
    assert (end.stop_reason, end.reason) == (StopReason.error, "max_iterations")
    assert len(await store.get_history()) == 1


@pytest.mark.parametrize(
    ("result", "nudges"),
    [
        ([ImageBlock("image/png", b"1")], 1),
        ([TextBlock("see"), ImageBlock("image/png", b"1")], 1),
        ([TextBlock("nothing to see")], 0),
        ("nothing to see", 0),
    ],
)
async def test_a_transport_may_ask_for_a_nudge_after_media(result: Any, nudges: int) -> None:
    transport = Watching([make_tool_use_response("look"), make_text_response()])
    transport.nudge_on_media_tool_result = True  # type: ignore[attr-defined]
    tool = make("look", lambda **kw: result)
    store = MemoryContextStore()
    await Agent("", transport, [tool]).run("go", store)
    sent = transport.requests[1][0]
    assert [m.role for m in sent] == ["user", "assistant", "user", *(["user"] * nudges)]
    assert (await store.get_history())[:-1] == sent


async def test_a_transport_that_asks_for_no_nudge_gets_none() -> None:
    transport = Watching([make_tool_use_response("look"), make_text_response()])
    tool = make("look", lambda **kw: [ImageBlock("image/png", b"1")])
    await Agent("", transport, [tool]).run("go", MemoryContextStore())
    assert [m.role for m in transport.requests[1][0]] == ["user", "assistant", "user"]


# ── what is done at the side ──────────────────────────────────────────────────────────────────


async def test_progress_from_inside_any_tool_is_shown_while_it_runs() -> None:
    going = asyncio.Event()

    async def work() -> str:
        RUN.get().progress("half way")
        await asyncio.wait_for(going.wait(), 60)
        return "done"

    transport = StubTransport([make_tool_use_response("work"), make_text_response()])
    agent = Agent("", transport, [Tool("work", work)])
    shown: list[str] = []
    async for event in agent.run_stream("go", MemoryContextStore()):
        shown.append(type(event).__name__)
        if shown[-1] == "ToolOutputDelta":
            going.set()
    assert shown.index("ToolOutputDelta") < shown.index("ToolResult")


async def test_progress_may_come_from_a_thread() -> None:
    async def work() -> str:
        run = RUN.get()
        await asyncio.to_thread(run.progress, "from afar")
        return "done"

    transport = StubTransport([make_tool_use_response("work"), make_text_response()])
    stream = Agent("", transport, [Tool("work", work)]).run_stream("go", MemoryContextStore())
    assert "from afar" in [getattr(event, "delta", "") async for event in stream]


async def test_the_run_is_visible_to_tools_and_wrappers_and_not_to_the_consumer() -> None:
    store = MemoryContextStore()
    seen: list[Any] = []

    class Looking(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            seen.append(RUN.get().store)
            async for event in super().stream(messages, tools, system):
                yield event

    async def work() -> str:
        run = RUN.get()
        seen.extend((run.store, run.call_id, run.tool_name, run.agent))
        return ""

    agent = Agent("", Looking([make_tool_use_response("work"), make_text_response()]))
    agent.tools = [Tool("work", work)]
    async for _ in agent.run_stream("go", store):
        assert RUN.get(None) is None
    assert seen == [store, store, "call_1", "work", agent, store]


async def test_what_a_wrapper_emits_is_told_between_the_events_of_the_model() -> None:
    class Telling(StubTransport):
        async def _telling(self) -> AsyncIterator[StreamEvent]:
            run = RUN.get()
            run.emit(TextDelta(9, "asking"))
            yield TextDelta(0, "a")
            run.emit(TextDelta(9, "still there"))
            run.emit(TextDelta(9, "and there"))
            yield TextDelta(0, "b")
            yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))

        def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            return self._telling()

    store = MemoryContextStore()
    stream = Agent("", Telling()).run_stream("go", store)
    said = [event async for event in stream if isinstance(event, TextDelta)]
    told = [event.delta for event in said if event.index == 9]
    assert told == ["asking", "still there", "and there"]
    assert [event.delta for event in said if event.index == 0] == ["a", "b"]
    assert said.index(TextDelta(9, "asking")) < said.index(TextDelta(0, "b")), "at once"
    assert (await store.get_history())[1].content == [TextBlock("ab")], "it is no part of the turn"


async def test_an_eager_tool_starts_while_the_model_still_speaks() -> None:
    order: list[str] = []

    async def look(name: str) -> str:
        order.append(f"ran {name}")
        return name

    class Speaking:
        count = 0

        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            self.count += 1
            if self.count > 1:
                for event in make_text_response():
                    yield event
                return
            for event in call(0, "a", "look", '{"name": "', 'x"}'):
                yield event
            await asyncio.sleep(0)
            order.append("still speaking")
            for event in call(1, "b", "look", '{"name": "y"}'):
                yield event
            order.append("ended")
            yield END

    tool = Tool("look", look, eager=True, read_only=True)
    store = MemoryContextStore()
    out = [e async for e in Agent("", Speaking(), [tool]).run_stream("go", store)]
    assert order == ["ran x", "still speaking", "ran y", "ended"]
    names = [type(e).__name__ for e in out]
    assert names.index("IterationEnd") < names.index("ToolResult"), "held until the turn was good"
    assert check(await store.get_history()) == []


async def test_what_an_eager_tool_shows_is_told_and_its_result_when_the_turn_has_ended() -> None:
    async def look(x: int) -> AsyncIterator[str]:
        yield "I see "
        RUN.get().progress("half way")
        yield "a door."

    events = [*call(0, "a", "look", '{"x": 1}'), TextDelta(1, "Let me see."), END]
    tool = Tool("look", look, eager=True, read_only=True)
    store = MemoryContextStore()
    agent = Agent("", StubTransport([events, make_text_response("end")]), [tool])
    seen = [event async for event in agent.run_stream("go", store)]
    shown = [(e.key, e.delta) for e in seen if isinstance(e, ToolOutputDelta)]
    assert shown == [("output", "I see "), ("progress", "half way"), ("output", "a door.")]
    [result] = [event for event in seen if isinstance(event, ToolResult)]
    assert seen.index(result) > seen.index(END)
    assert (await store.get_history())[2].content == [ToolResultBlock("a", "I see a door.")]


async def test_a_turn_that_the_provider_ends_in_an_error_keeps_its_text_and_runs_no_call() -> None:
    picture = ImageOutput(0, b"png", "image/png")
    film = VideoOutput(0, b"mp4", "video/mp4")
    words = [TextDelta(0, "See "), TextDelta(0, "here: ")]
    end = IterationEnd(1, StopReason.error, Usage(1, 1))
    turn: list[StreamEvent] = [*words, picture, film, *call(1, "a", "echo", '{"msg": "x"}'), end]
    store = MemoryContextStore()
    stream = Agent("", StubTransport([turn]), [make_echo_tool()]).run_stream("go", store)
    *seen, _, last = [event async for event in stream]
    assert isinstance(last, SessionEndEvent)
    assert (last.stop_reason, last.total_usage) == (StopReason.error, Usage(1, 1))
    assert not any(isinstance(e, ToolResult) and not e.is_error for e in seen)
    assert (await store.get_history())[1:] == [
        Message(
            "assistant",
            [
                *(TextBlock("See here: "), ImageBlock("image/png", b"png")),
                VideoBlock("video/mp4", b"mp4"),
            ],
        )
    ]


async def test_what_an_eager_tool_found_is_dropped_when_the_turn_fails() -> None:
    async def look() -> str:
        return "found"

    tool = Tool("look", look, eager=True, read_only=True)
    agent = Agent("", Breaking(*call(0, "a", "look", "{}"), error=StreamError("cut")), [tool])
    store = MemoryContextStore()
    out = [e async for e in agent.run_stream("go", store)]
    assert [e.is_error for e in out if isinstance(e, ToolResult)] == [True]
    assert len(await store.get_history()) == 1


async def test_a_tool_that_asks_is_never_eager() -> None:
    class Yes(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            return kwargs

    ran: list[str] = []

    async def act() -> str:
        ran.append("act")
        return ""

    tool = Tool("act", act, guards=(Yes(),), eager=True, read_only=True)
    agent = Agent("", Breaking(*call(0, "a", "act", "{}"), error=StreamError("cut")), [tool])
    async for _ in agent.run_stream("go", MemoryContextStore()):
        pass
    assert ran == []


async def test_dispatch_tools_answers_blocks_in_order_without_raising() -> None:
    agent = Agent("", StubTransport(), [make("good", lambda: "fine"), make("bad", fails)])
    blocks = [
        ToolUseBlock("x", "bad", {}),
        ToolUseBlock("x", "good", {}),
        ToolUseBlock("y", "none", {}),
    ]
    results = await agent.dispatch_tools(blocks, 1)
    assert [r.tool_use_id for r in results] == ["x", "x", "y"]
    assert [r.is_error for r in results] == [True, False, True]


async def test_outside_of_a_run_no_call_can_wait_for_a_person() -> None:
    class Later(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("ask the boss")

    guarded = Tool("act", make("act", lambda: "done").handler, guards=(Later(),))
    agent = Agent("", StubTransport(), [guarded])
    [result] = await agent.dispatch_tools([ToolUseBlock("x", "act", {})], 1)
    assert result.is_error
    assert result.content == (
        "not run: this call has to wait for a person, and a call outside of a run cannot wait. "
        "ask the boss"
    )


@in_no_time
async def test_dispatch_tools_waits_for_tools_that_wait() -> None:
    async def slow(seconds: int) -> str:
        await asyncio.sleep(seconds)
        return f"slept for {seconds} s"

    agent = Agent("", StubTransport([]), [Tool("slow", slow)])
    blocks = [ToolUseBlock(id, "slow", {"seconds": n}) for id, n in (("a", 20), ("b", 10))]
    before = asyncio.get_running_loop().time()
    assert await agent.dispatch_tools(blocks, 1) == [
        ToolResultBlock("a", "slept for 20 s"),
        ToolResultBlock("b", "slept for 10 s"),
    ]
    assert asyncio.get_running_loop().time() - before == pytest.approx(20, abs=1), "side by side"


def test_one_agent_and_its_tools_serve_two_event_loops() -> None:
    tool = Tool("echo", make_echo_tool().handler, concurrency=1)
    calls: list[StreamEvent] = [
        *call(0, "a", "echo", '{"msg": "1"}'),
        *call(1, "b", "echo", '{"msg": "2"}'),
        END,
    ]
    for _ in range(2):
        agent = Agent("", StubTransport([calls, make_text_response("ok")]), [tool])
        assert asyncio.run(agent.run("go", MemoryContextStore())) == "ok"


async def test_tools_that_wait_are_told_apart_from_those_of_the_turn_before() -> None:
    async def wait(number: int) -> str:
        await asyncio.sleep(0)
        return str(number)

    turns = [make_tool_use_response("wait", f"c{n}", {"number": n}) for n in range(3)]
    transport = StubTransport([*turns, make_text_response("Done")])
    agent = Agent(system="", transport=transport, tools=[Tool(name="wait", handler=wait)])
    events = [event async for event in agent.run_stream("go", MemoryContextStore())]
    assert [e.content for e in events if isinstance(e, ToolResult)] == ["0", "1", "2"]
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].stop_reason is StopReason.end_turn


async def test_a_transport_may_say_its_stop_reason_as_a_plain_string() -> None:
    stop: Any = "end_turn"
    transport = StubTransport([[TextDelta(0, "Hi."), IterationEnd(1, stop, Usage(1, 1))]])
    assert await Agent("", transport).run("go", MemoryContextStore()) == "Hi."


async def test_a_subclass_may_stream_a_prompt_in_a_store_and_take_nothing_else() -> None:
    class Polite(Agent):
        def run_stream(self, user_message: Any, context: ContextStore) -> Any:  # type: ignore[override]
            return super().run_stream(f"Please: {user_message}", context)

    store = MemoryContextStore()
    assert await Polite("", StubTransport([make_text_response()])).run("go", store) == "Done"
    assert (await store.get_history())[0].content == [TextBlock("Please: go")]
