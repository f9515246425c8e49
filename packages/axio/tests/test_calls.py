"""The arguments of a call, and the result of its tool."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from axio.agent import Agent
from axio.approval import decide, pending
from axio.blocks import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget
from axio.context import MemoryContextStore
from axio.events import (
    Error,
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import Deferred, LimitReached
from axio.history import INTERRUPTED, check
from axio.messages import Message
from axio.permission import AllowAllGuard, PermissionGuard
from axio.run.dispatch import ToolDispatch
from axio.run.turn import EagerTurn, Turn, names_of_eager
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import CONTEXT, Tool
from axio.types import StopReason, Usage
from support.clock import in_no_time

END = IterationEnd(1, StopReason.tool_use, Usage(1, 1))


def call(raw: str, name: str = "work", id: str = "a") -> list[StreamEvent]:
    return [ToolUseStart(0, id, name), ToolInputDelta(0, id, raw)]


async def run(
    handler: Any, *events: StreamEvent, **options: Any
) -> tuple[MemoryContextStore, list[StreamEvent]]:
    """One turn of these events, then a text."""
    store = MemoryContextStore()
    transport = StubTransport([[*events, END], make_text_response()])
    agent = Agent("", transport, [Tool("work", handler, **options)])
    seen = [event async for event in agent.run_stream("go", store)]
    assert check(await store.get_history()) == []
    return store, seen


async def result(handler: Any, raw: str = "{}") -> ToolResultBlock:
    store, _ = await run(handler, *call(raw))
    [block] = (await store.get_history())[2].content
    assert isinstance(block, ToolResultBlock)
    return block


async def test_what_a_handler_does_to_its_arguments_stays_out_of_the_history() -> None:
    async def work(items: list[Any], options: dict[str, Any]) -> str:
        items.append("secret")
        options["deep"].clear()
        return "done"

    given = {"items": [1, 2], "options": {"deep": {"x": 1}}}
    store, seen = await run(work, *call(json.dumps(given)))
    assert (await store.get_history())[1].content == [ToolUseBlock("a", "work", given)]
    assert [event.input for event in seen if isinstance(event, ToolResult)] == [given]


@pytest.mark.parametrize(
    ("given", "spoil"),
    [
        ({"items": [1, 2]}, lambda items: items.append("secret")),
        ({"items": {"a": 1}}, lambda items: items.clear()),
    ],
)
async def test_a_single_list_or_object_is_the_handler_s_own_too(
    given: dict[str, Any], spoil: Callable[[Any], None]
) -> None:
    async def work(items: Any) -> str:
        spoil(items)
        return "done"

    store, _ = await run(work, *call(json.dumps(given)))
    assert (await store.get_history())[1].content == [ToolUseBlock("a", "work", given)]


async def test_calls_with_one_id_are_told_apart_by_their_index() -> None:
    async def work(a: int) -> str:
        return str(a)

    store, _ = await run(
        work,
        ToolUseStart(0, "x", "work"),
        ToolUseStart(1, "x", "work"),
        ToolInputDelta(0, "x", '{"a": 1}'),
        ToolInputDelta(1, "x", '{"a": 2}'),
    )
    assert (await store.get_history())[2].content == [
        ToolResultBlock("x", "1"),
        ToolResultBlock("x_2", "2"),
    ]


async def test_arguments_of_no_call_before_the_first_words_are_passed_over() -> None:
    stray = ToolInputDelta(0, "x", "{}")
    transport = StubTransport([[stray, *make_text_response("All the same.")]])
    store = MemoryContextStore()
    assert await Agent("", transport).run("go", store) == "All the same."
    assert (await store.get_history())[1].content == [TextBlock("All the same.")]


async def test_an_approval_holds_for_what_the_model_asked_and_not_for_what_guards_made_of_it() -> (
    None
):
    class Tidy(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            kwargs["options"].pop("dry_run", None)
            return kwargs

    class AskLater(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("ask")

    async def work(options: dict[str, Any]) -> str:
        return "done"

    raw = '{"options": {"dry_run": true}}'
    store, _ = await run(work, *call(raw), guards=(Tidy(), AskLater()))
    [waiting] = pending(await store.get_history())
    assert waiting.input == json.loads(raw)


async def test_a_list_a_tool_goes_on_using_is_not_the_one_in_the_history() -> None:
    blocks: list[ContentBlock] = [TextBlock("one")]

    async def work() -> list[ContentBlock]:
        return blocks

    block = await result(work)
    blocks.append(TextBlock("two"))
    assert block.content == [TextBlock("one")]


class Chart(ContentBlock):
    """A kind of block of the program's own."""


async def test_blocks_of_any_kind_are_kept_and_calls_among_them_are_not() -> None:
    chart = Chart()

    async def work(odd: bool) -> list[Any]:
        return [chart, ToolUseBlock("x", "y", {})] if odd else [chart]

    kept: Any = (await result(work, '{"odd": false}')).content
    assert kept == [chart]
    assert '{"id": "x", "name": "y", "input": {}}' in (await result(work, '{"odd": true}')).content


@pytest.mark.parametrize(("odd", "text"), [(5, "5"), (None, ""), (b"x", "x"), (["a"], '["a"]')])
async def test_a_formatter_that_gives_no_text_is_answered_with_text(odd: Any, text: str) -> None:
    async def work() -> str:
        return ""

    async def stream() -> AsyncIterator[tuple[str, str]]:
        yield "out", "x"

    work.stream = stream  # type: ignore[attr-defined]
    work.format_stream_result = lambda chunks: odd  # type: ignore[attr-defined]
    assert (await result(work)).content == text


@pytest.mark.parametrize("raw", ['{"x": NaN}', '{"x": [Infinity]}', '{"x": -Infinity}'])
async def test_numbers_that_json_has_not_are_not_run(raw: str) -> None:
    async def work(x: Any) -> str:
        raise AssertionError("run")

    block = await result(work, raw)
    assert block.is_error
    assert "is not JSON" in str(block.content)


@pytest.mark.parametrize("depth", [600, 900, 100_000])
async def test_no_depth_of_arguments_ends_the_run(depth: int) -> None:
    """How deep is too deep depends on the interpreter; the model is told, or the tool runs."""

    async def work(a: Any) -> str:
        return ""

    raw = '{"a":' + "[" * depth + '"\\ud83d\\ude00"' + "]" * depth + "}"
    _, seen = await run(work, *call(raw))
    assert [type(event).__name__ for event in seen if not isinstance(event, ToolInputDelta)] == [
        *("ToolUseStart", "IterationEnd", "ToolResult"),
        *("TextDelta", "IterationEnd", "SessionEndEvent"),
    ]


async def test_a_call_begun_anew_is_read_anew_also_by_eager_tools() -> None:
    async def work(n: int) -> str:
        return f"got {n}"

    events = [*call('{"n": 1'), ToolInputDelta(0, "a", "}}"), *call('{"n": 2}')]
    store, _ = await run(work, *events, eager=True, read_only=True)
    [block] = (await store.get_history())[2].content
    assert block == ToolResultBlock("a", "got 2")


class MyDelta(TextDelta):
    """A transport may say more than we know of."""


class MyStart(ToolUseStart):
    """The same for a call."""


async def test_events_derived_from_ours_are_stored_as_ours() -> None:
    async def work() -> str:
        return "ran"

    delta = MyDelta(0, "word")
    store, seen = await run(work, delta, MyStart(0, "a", "work"))
    assert seen[0] is delta
    assert (await store.get_history())[1].content == [
        TextBlock("word"),
        ToolUseBlock("a", "work", {}),
    ]


async def test_blocks_whose_input_is_no_object_are_answered_and_not_run() -> None:
    async def work() -> str:
        raise AssertionError("run")

    blocks: list[Any] = [ToolUseBlock("1", "work", [1])]  # type: ignore[arg-type]
    agent = Agent("", StubTransport([]), [Tool("work", work)])
    [block] = await agent.dispatch_tools(blocks, 1)
    assert block.is_error
    assert "not a JSON object" in str(block.content)
    assert "Tool(" not in str(block.content)


# ── limits on calls ───────────────────────────────────────────────────────────────────────────


async def test_a_limit_on_calls_holds_for_eager_tools() -> None:
    ran: list[int] = []

    async def work(n: int) -> str:
        ran.append(n)
        return ""

    store = MemoryContextStore()
    tool = Tool("work", work, eager=True, read_only=True)
    turn = [*call('{"n": 1}'), *call('{"n": 2}', id="b"), END]
    agent = Agent("", StubTransport([turn, make_text_response()]), [tool])
    budget = Budget(tool_calls=1)
    events = [e async for e in agent.run_stream("go", store, budget=budget)]
    assert ran == [1]
    assert budget.used_tool_calls == 1
    end = events[-1]
    assert isinstance(end, SessionEndEvent)
    assert end.reason == "tool_calls"
    assert check(await store.get_history()) == []


async def test_a_limit_on_calls_holds_for_approved_ones_which_stay_approved() -> None:
    class AskLater(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("ask")

    ran: list[str] = []

    async def work() -> str:
        ran.append("ran")
        return "done"

    store, _ = await run(work, *call("{}"), guards=(AskLater(),))
    [waiting] = pending(await store.get_history())
    await decide(store, waiting, approve=True)
    agent = Agent(
        "", StubTransport([make_text_response()]), [Tool("work", work, guards=(AskLater(),))]
    )
    *_, error, _end = [e async for e in agent.resume(store, budget=Budget(tool_calls=0))]
    assert isinstance(error, Error)
    assert isinstance(error.exception, LimitReached)
    assert ran == []
    assert [e async for e in agent.resume(store)]
    assert ran == ["ran"]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_tool_that_calls_itself_without_end_fails(waits: bool) -> None:
    def again(n: int) -> int:
        return again(n + 1)

    async def work() -> str:
        if waits:
            await asyncio.sleep(0)
        return str(again(0))

    block = await result(work)
    assert block.is_error
    assert "recursion" in str(block.content)


async def test_a_result_that_cannot_be_shown_is_an_error() -> None:
    class Shy:
        def __str__(self) -> str:
            raise ValueError("I have no text")

    async def work() -> Any:
        return Shy()

    assert await result(work) == ToolResultBlock("a", "ValueError: I have no text", True)


async def test_a_call_is_answered_even_where_no_error_can_be_handled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> str:
        raise AssertionError("run")

    async def at_the_end_of_the_stack(*args: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(ToolDispatch, "perform", at_the_end_of_the_stack)
    assert (await result(work)).is_error
    assert "a tool call broke down" in caplog.text


@pytest.mark.parametrize(
    ("pieces", "read"),
    [(('{"x": "\ud83d', '\ude00"}'), "\U0001f600"), (('{"x": "\ud83d"}',), "\ufffd")],
)
async def test_halves_of_a_character_in_arguments_are_joined(
    pieces: tuple[str, ...], read: str
) -> None:
    seen: list[str] = []

    async def work(x: str) -> str:
        seen.append(x)
        return ""

    start = ToolUseStart(0, "a", "work")
    await run(work, start, *(ToolInputDelta(0, "a", piece) for piece in pieces))
    assert seen == [read]


async def test_halves_of_a_character_are_joined_in_lists_and_names_too() -> None:
    seen: list[Any] = []

    async def work(x: Any) -> str:
        seen.append(x)
        return ""

    await result(work, '{"x": [1, null, "\ud83d\ude00", {"\ud83d\ude00": [true]}]}')
    assert seen == [[1, None, "\U0001f600", {"\U0001f600": [True]}]]


@pytest.mark.parametrize(("length", "shown"), [(200, "'...'"), (201, "'...... (201 characters)'")])
async def test_so_much_of_broken_arguments_is_shown_to_the_model_again(
    length: int, shown: str
) -> None:
    async def work() -> str:
        raise AssertionError("run")

    told = str((await result(work, "x" * length)).content)
    assert shown.replace("...", "x" * 200, 1) in told


async def test_a_number_beyond_all_numbers_is_not_run() -> None:
    async def work(x: float) -> str:
        raise AssertionError("run")

    assert "1e999 is not JSON" in str((await result(work, '{"x": 1e999}')).content)


async def test_a_turn_can_be_looked_at_before_its_end() -> None:
    turn = Turn()
    assert turn.so_far() == []
    for text in ("", "Let me ", "see."):
        turn.feed(TextDelta(0, text))
    assert turn.so_far() == turn.so_far() == [TextBlock("Let me see.")]
    turn.feed(ToolUseStart(1, "a", "look"))
    turn.feed(TextDelta(2, "Well?"))
    assert turn.so_far() == [TextBlock("Let me see.Well?"), *turn.calls]
    turn.close()
    assert turn.content == [TextBlock("Let me see.Well?"), ToolUseBlock("a", "look", {})]


@pytest.mark.parametrize("anew", [False, True])
async def test_calls_that_come_in_pieces_by_turns_are_each_started_early(anew: bool) -> None:
    early: list[str] = []
    turn = EagerTurn(set(), 1, ["look"], lambda call: early.append(call.id))
    for event in (ToolUseStart(0, "a", "look"), ToolInputDelta(0, "a", "[" if anew else "{")):
        turn.feed(event)
    turn.feed(ToolUseStart(1, "b", "look"))
    if anew:
        turn.feed(ToolUseStart(0, "a", "look"))
        turn.feed(ToolInputDelta(0, "a", "{"))
    turn.feed(ToolInputDelta(1, "b", "{"))
    assert early == []
    turn.feed(ToolInputDelta(0, "a", "}"))
    assert early == ["a"]
    turn.feed(ToolInputDelta(1, "b", "}"))
    assert early == ["a", "b"]
    turn.feed(ToolInputDelta(1, "b", " "))
    assert early == ["a", "b"], "it is started once"


async def test_a_turn_with_tools_that_start_early_passes_every_event_on() -> None:
    turn = EagerTurn(set(), 1, ["look"], lambda call: None)
    events: list[StreamEvent] = [
        *(TextDelta(0, "Hm."), ToolUseStart(1, "a", "look"), TextDelta(0, "Well.")),
        *(ToolInputDelta(1, "a", "{}"), IterationEnd(1, StopReason.tool_use, Usage(1, 1))),
    ]
    assert [turn.feed(event) for event in events] == events


@pytest.mark.parametrize(
    ("facts", "early"),
    [
        ({"eager": True, "read_only": True}, ["look"]),
        ({"read_only": True}, []),
        ({"eager": True, "read_only": True, "guards": (AllowAllGuard(),)}, []),
    ],
)
def test_a_tool_starts_early_only_where_nothing_is_changed_and_nobody_asked(
    facts: dict[str, Any], early: list[str]
) -> None:
    async def look() -> None: ...

    assert names_of_eager([Tool("look", look, **facts)]) == early


async def test_texts_around_a_call_that_is_not_kept_are_joined() -> None:
    turn = Turn()
    for event in (TextDelta(0, "Let me "), ToolUseStart(1, "a", "look"), TextDelta(2, "see.")):
        turn.feed(event)
    assert turn.partial() == [TextBlock("Let me see.")]


async def test_the_output_of_a_tool_comes_with_the_seconds_since_its_start() -> None:
    shown: list[float] = []

    class Timed(Tool[Any]):
        def format_stream_result(self, chunks: Any) -> str:
            shown.extend(seconds for seconds, _, _ in chunks)
            return "done"

    async def work() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.01)
        yield "b"

    before = time.monotonic()
    transport = StubTransport([make_tool_use_response("work"), make_text_response("ok")])
    await Agent("", transport, [Timed("work", work)]).run("go", MemoryContextStore())
    first, second = shown
    assert 0 <= first < second <= time.monotonic() - before


async def test_a_call_begun_anew_as_one_of_another_tool_is_not_started_early() -> None:
    ran: list[str] = []

    async def look(x: int) -> str:
        ran.append("look")
        return ""

    async def delete(x: int) -> str:
        ran.append("delete")
        return ""

    class Failing(StubTransport):
        async def _failing(self) -> AsyncIterator[StreamEvent]:
            yield ToolUseStart(0, "a", "look")
            yield ToolUseStart(0, "a", "delete")
            yield ToolInputDelta(0, "a", '{"x": 1}')
            raise ConnectionError

        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            return self._failing()

    tools = [Tool("look", look, eager=True, read_only=True), Tool("delete", delete)]
    stream = Agent("", Failing(), tools).run_stream("go", MemoryContextStore())
    assert [event async for event in stream]
    assert ran == []


@in_no_time
async def test_a_tool_that_ends_after_it_was_given_up_is_not_answered_twice() -> None:
    """It ends while the store writes down that it was interrupted."""
    settling, ended = asyncio.Event(), asyncio.Event()

    class Slow(MemoryContextStore):
        async def get_history(self) -> list[Message]:
            if started.is_set():
                settling.set()
                await ended.wait()
            return await super().get_history()

    started = asyncio.Event()

    async def deaf() -> str:
        started.set()
        while not settling.is_set():
            with suppress(asyncio.CancelledError):
                await settling.wait()
        asyncio.get_running_loop().call_soon(ended.set)
        return "late"

    agent = Agent("", StubTransport([[ToolUseStart(0, "a", "deaf"), END]]), [Tool("deaf", deaf)])
    store = Slow()
    stream = agent.run_stream("go", store)
    reading = asyncio.create_task(_drain(stream))
    await started.wait()
    stream.cancel()
    told = [event.content for event in await reading if isinstance(event, ToolResult)]
    assert told == [INTERRUPTED]
    assert INTERRUPTED in str((await store.get_history())[-1])


async def _drain(stream: AsyncIterator[StreamEvent]) -> list[StreamEvent]:
    return [event async for event in stream]


async def test_a_context_that_a_tool_sets_itself_does_not_leave_it() -> None:
    async def sets() -> str:
        CONTEXT.set("mine")
        return ""

    inner = Tool("sets", sets)
    before = CONTEXT.get()
    await inner()
    assert CONTEXT.get() is before


async def test_an_approval_is_for_its_call_and_not_for_what_that_calls() -> None:
    class AskLater(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise Deferred("ask")

    ran: list[str] = []

    async def pay(amount: int) -> str:
        ran.append(f"paid {amount}")
        return ""

    inner = Tool("pay", pay, guards=(AskLater(),))

    async def work() -> str:
        ran.append("worked")
        await inner(amount=99)
        return ""

    guards = (AskLater(),)
    store, _ = await run(work, *call("{}"), guards=guards)
    [waiting] = pending(await store.get_history())
    await decide(store, waiting, approve=True)
    agent = Agent("", StubTransport([make_text_response()]), [Tool("work", work, guards=guards)])
    await _drain(agent.resume(store))
    assert ran == ["worked"]


async def test_a_call_that_runs_already_is_not_made_another() -> None:
    ran: list[str] = []

    async def look(x: int) -> str:
        ran.append("look")
        return "seen"

    async def delete(x: int) -> str:
        ran.append("delete")
        return "gone"

    junk = ToolInputDelta(0, "a", "junk")
    turn = [*call('{"x": 1}', "look"), junk, *call('{"x": 2}', "delete"), END]
    tools = [Tool("look", look, eager=True, read_only=True), Tool("delete", delete)]
    store = MemoryContextStore()
    agent = Agent("", StubTransport([turn, make_text_response()]), tools)
    await _drain(agent.run_stream("go", store))
    history = await store.get_history()
    assert ran == ["look", "delete"]
    assert history[1].content == [
        ToolUseBlock("a", "look", {"x": 1}),
        ToolUseBlock("a_2", "delete", {"x": 2}),
    ]
    assert history[2].content == [ToolResultBlock("a", "seen"), ToolResultBlock("a_2", "gone")]
