"""Compaction keeps every pair together, loses nothing when it fails, and does not repeat itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import pytest

from axio.agent import Agent
from axio.approval import pending, waiting_note
from axio.blocks import ImageBlock, ReasoningBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.budget import Budget
from axio.compaction import (
    AutoCompactStore,
    ClearToolResults,
    CompactionError,
    CompactionStrategy,
    SlidingWindow,
    Summarize,
    compact_context,
)
from axio.context import ContextStore, MemoryContextStore
from axio.events import IterationEnd, SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import ProviderError
from axio.history import check
from axio.messages import Message
from axio.models import ModelSpec
from axio.testing import (
    FaultTransport,
    Raises,
    StubTransport,
    make_echo_tool,
    make_text_response,
    make_tool_use_response,
)
from axio.tool import Tool
from axio.transport import CompletionTransport
from axio.types import StopReason, Usage
from support.clock import in_no_time
from support.watching import Watching


def conversation(turns: int, calls_in: Iterable[int] = ()) -> list[Message]:
    messages: list[Message] = []
    for n in range(turns):
        messages.append(Message("user", [TextBlock(f"question {n}")]))
        if n in set(calls_in):
            messages.append(Message("assistant", [ToolUseBlock(f"c{n}", "t", {})]))
            messages.append(Message("user", [ToolResultBlock(f"c{n}", "x" * 300)]))
        messages.append(Message("assistant", [TextBlock(f"answer {n}")]))
    return messages


def one_prompt(calls: int) -> list[Message]:
    """A run of an agent: a task, then nothing but calls and their results."""
    messages = [Message("user", [TextBlock("task")])]
    for n in range(calls):
        messages.append(Message("assistant", [ToolUseBlock(f"c{n}", "t", {})]))
        messages.append(Message("user", [ToolResultBlock(f"c{n}", "x" * 300)]))
    return messages


class Recording(Watching):
    def __init__(self, *texts: str) -> None:
        super().__init__([make_text_response(text) for text in texts])


async def test_the_old_part_becomes_a_summary_and_the_store_is_not_changed() -> None:
    history = conversation(5)
    store = MemoryContextStore(history)
    transport = Recording("in short")
    compacted = await compact_context(store, transport, keep_recent=4, system_prompt="condense")
    assert compacted is not None
    assert compacted[0] == Message("user", [TextBlock("in short")])
    assert compacted[1].role == "assistant"
    assert isinstance(compacted[1].content[0], TextBlock)
    assert "Understood" in compacted[1].content[0].text
    assert compacted[2:] == history[-4:]
    assert await store.get_history() == history
    messages, tools, system = transport.requests[0]
    assert (messages[:-1], tools, system) == (history[:6], [], "condense")


@pytest.mark.parametrize("keep", range(1, 14))
async def test_every_cut_leaves_a_valid_history_that_begins_with_the_user(keep: int) -> None:
    for strategy in (Summarize(keep), SlidingWindow(keep), ClearToolResults(keep)):
        assert isinstance(strategy, CompactionStrategy)
        talks = [conversation(5, calls) for calls in ((), (0,), (2,), (1, 3), range(5))]
        for history in (*talks, one_prompt(1), one_prompt(7)):
            compacted = await strategy.compact(history, StubTransport([make_text_response("s")]))
            if compacted is None:
                continue
            assert check(compacted) == []
            assert compacted[-keep:] == history[-keep:]
            assert compacted[0].role == "user"


def with_reasoning(history: list[Message]) -> list[Message]:
    """The same conversation with a model that thinks before all that it says and does."""
    return [
        Message(m.role, [ReasoningBlock("hm", "p", {"signature": f"s{at}"}), *m.content])
        if m.role == "assistant"
        else m
        for at, m in enumerate(history)
    ]


@pytest.mark.parametrize("keep", range(1, 14))
async def test_reasoning_stays_with_what_it_led_to(keep: int) -> None:
    for strategy in (Summarize(keep), SlidingWindow(keep), ClearToolResults(keep)):
        for talk in (conversation(5, (1, 3)), conversation(5, range(5)), one_prompt(7)):
            history = with_reasoning(talk)
            said = [b for m in history if m.role == "assistant" for b in m.content]
            transport = Recording(*["in short"] * 9)
            transport.model = ModelSpec("small", context_window=100)  # type: ignore[attr-defined]
            compacted = await strategy.compact(history, transport) or []
            for messages in (compacted, *(request[0] for request in transport.requests)):
                new = [m for m in messages if m not in history]
                assert [b for m in new for b in m.content if b in said] == []


async def test_a_run_of_one_prompt_is_cut_between_two_of_its_calls() -> None:
    history, transport = one_prompt(20), Recording("in short")
    compacted = await compact_context(MemoryContextStore(history), transport)
    assert compacted is not None
    assert compacted[0] == Message("user", [TextBlock("in short")])
    assert compacted[2:] == history[35:]
    assert transport.requests[0][0][:-1] == history[:35]


async def test_a_window_on_a_run_of_one_prompt_keeps_the_prompt() -> None:
    history = one_prompt(20)
    assert await SlidingWindow(6).compact(history, StubTransport()) == [history[0], *history[35:]]
    assert await SlidingWindow(40).compact(history, StubTransport()) is None


async def test_a_history_that_begins_with_a_call_is_not_cut_behind_it() -> None:
    history = one_prompt(1)[1:]
    assert await SlidingWindow(1).compact(history, StubTransport()) is None


async def test_the_results_of_a_run_of_one_prompt_are_cleared() -> None:
    history = one_prompt(20)
    cleared = await ClearToolResults(6).compact(history, StubTransport())
    assert cleared is not None
    assert [a == b for a, b in zip(cleared[2::2], history[2::2], strict=True)].count(True) == 3


@pytest.mark.parametrize(("length", "split"), [(5, 3), (3, 1)])
async def test_the_recent_part_is_no_longer_than_asked_for(length: int, split: int) -> None:
    history = conversation(3)[:length]
    compacted = await compact_context(
        MemoryContextStore(history), Recording("in short"), keep_recent=2
    )
    assert compacted is not None
    assert compacted[2:] == history[split:]


async def test_a_turn_whose_tools_are_running_stays_at_the_end() -> None:
    running = Message("assistant", [ToolUseBlock("now", "t", {})])
    history = [*conversation(4), Message("user", [TextBlock("go")]), running]
    compacted = await Summarize(2).compact(history, StubTransport([make_text_response("s")]))
    assert compacted is not None
    assert compacted[-1] is running


async def test_a_short_history_is_left_alone() -> None:
    store = MemoryContextStore(conversation(3))
    assert await compact_context(store, StubTransport(), keep_recent=6) is None
    assert await compact_context(MemoryContextStore(), StubTransport()) is None


@pytest.mark.parametrize("keep", [0, -1])
@pytest.mark.parametrize("strategy", [Summarize, SlidingWindow, ClearToolResults])
async def test_keeping_nothing_is_refused(strategy: Callable[[int], object], keep: int) -> None:
    with pytest.raises(ValueError, match="keep_recent must be at least 1"):
        strategy(keep)
    with pytest.raises(ValueError, match="keep_recent must be at least 1"):
        await compact_context(MemoryContextStore(), StubTransport(), keep_recent=keep)


@pytest.mark.parametrize(
    "response",
    [
        [],
        make_text_response(""),
        make_text_response("  \n"),
        make_tool_use_response(),
        [TextDelta(0, "I shall look."), *make_tool_use_response()],
        [TextDelta(0, "I shall look."), *make_tool_use_response()[:-1], *make_text_response("x")],
        [TextDelta(0, "x"), IterationEnd(1, StopReason.max_tokens, Usage(1, 1))],
    ],
)
async def test_a_summary_that_fails_or_is_empty_changes_nothing(
    response: list[StreamEvent], caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryContextStore(conversation(9))
    with caplog.at_level(logging.WARNING, "axio.compaction"):
        assert await compact_context(store, StubTransport([response])) is None
    assert "could not be summarised" in caplog.text


async def test_a_model_that_calls_tools_instead_of_summing_up_is_stopped_at_once() -> None:
    class Calling(StubTransport):
        open = 0

        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            self.open += 1
            try:
                for event in make_tool_use_response():
                    yield event
            finally:
                self.open -= 1

    transport = Calling()
    with pytest.raises(CompactionError, match="tool call"):
        await Summarize(2).compact(conversation(9), transport)
    assert transport.open == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_summary_whose_model_fails_tells_the_model_s_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryContextStore(conversation(9))
    lost = ProviderError("out of money", status=402)
    transport = FaultTransport(StubTransport([make_text_response("half")]), Raises(1, lost))
    assert await compact_context(store, transport) is None
    assert "could not be summarised" in caplog.text
    assert "out of money" in caplog.text
    assert await store.get_history() == conversation(9)


async def test_an_old_part_larger_than_the_window_is_summarised_in_pieces() -> None:
    transport = Recording("first", "second", "third", "fourth", "fifth", "sixth")
    transport.model = ModelSpec("small", context_window=200)  # type: ignore[attr-defined]
    history = conversation(8, (1, 2, 3, 4))
    compacted = await Summarize(2).compact(history, transport)
    assert compacted is not None
    assert len(transport.requests) == 3, "each reads about 60 % of the window"
    seen = [m for messages, _, _ in transport.requests for m in messages if m in history]
    assert seen == history[:-2], "every message is read once"
    assert transport.requests[1][0][0].content == [TextBlock("first")]


async def test_no_piece_of_an_old_part_is_lost_to_an_empty_summary() -> None:
    transport = Recording("first", "", "third", "fourth", "fifth", "sixth")
    transport.model = ModelSpec("small", context_window=200)  # type: ignore[attr-defined]
    with pytest.raises(CompactionError, match="empty"):
        await Summarize(2).compact(conversation(8, (1, 2, 3, 4)), transport)
    assert len(transport.requests) == 2


@pytest.mark.parametrize(("length", "stays"), [(200, True), (201, False)])
async def test_a_result_is_cleared_if_it_is_longer_than_the_limit(length: int, stays: bool) -> None:
    history = [
        Message("user", [TextBlock("go")]),
        Message("assistant", [ToolUseBlock("a", "t", {})]),
        Message("user", [ToolResultBlock("a", "x" * length)]),
        *conversation(2),
    ]
    compacted = await ClearToolResults(4).compact(history, StubTransport())
    assert (compacted is None) == stays


async def test_pictures_in_old_results_are_cleared() -> None:
    picture = ToolResultBlock("a", [ImageBlock("image/png", b"...")])
    history = [
        *(Message("user", [TextBlock("go")]), Message("assistant", [ToolUseBlock("a", "t", {})])),
        *(Message("user", [picture]), *conversation(2)),
    ]
    compacted = await ClearToolResults(4).compact(history, StubTransport())
    assert compacted is not None
    [cleared] = compacted[2].content
    assert isinstance(cleared, ToolResultBlock)
    assert isinstance(cleared.content, str)


async def test_clearing_old_results_keeps_the_calls() -> None:
    history = conversation(5, range(5))
    compacted = await ClearToolResults(4).compact(history, StubTransport())
    assert compacted is not None
    results = [b for m in compacted for b in m.content if isinstance(b, ToolResultBlock)]
    assert [len(str(r.content)) > 200 for r in results] == [False, False, False, False, True]
    assert await ClearToolResults(4).compact(compacted, StubTransport()) is None


def note(text: str) -> Message:
    return Message("system", [TextBlock(text)])


@pytest.mark.parametrize("places", [(0,), (3,), (9,), (0, 1, 5), (2, 8, 12), range(12)], ids=str)
@pytest.mark.parametrize("strategy", [Summarize(4), SlidingWindow(4), ClearToolResults(4)])
async def test_system_messages_stay_word_for_word_and_in_order(
    strategy: CompactionStrategy, places: Iterable[int]
) -> None:
    history = conversation(6, (2, 4))
    for number, place in enumerate(places):
        history.insert(place, note(f"rule {number}"))
        if check(history):  # never between a call and its result
            history.remove(note(f"rule {number}"))
    rules = [m for m in history if m.role == "system"]
    transport = Recording("in short")
    compacted = await strategy.compact(history, transport)
    for _ in range(2):
        assert compacted is not None
        assert [m for m in compacted if m.role == "system"] == rules
        assert compacted[-4:] == history[-4:]
        assert check(compacted) == []
        compacted = await strategy.compact(compacted, transport) or compacted
    assert compacted is not None
    if isinstance(strategy, Summarize):
        old = [m for m in history[:-4] if m.role == "system"]
        assert compacted[: len(old) + 1] == [*old, Message("user", [TextBlock("in short")])]
        asked = transport.requests[0][0]
        assert [m for m in asked if m.role == "system"] == [], "they are not to be put otherwise"


async def test_nothing_is_asked_for_where_only_system_messages_are_old() -> None:
    history = [note("be kind"), note("be brief"), *conversation(3)]
    transport = Recording()
    assert await Summarize(6).compact(history, transport) is None
    assert await SlidingWindow(6).compact(history, transport) is None
    assert transport.requests == []


@pytest.mark.parametrize(
    "strategy", [Summarize(3), SlidingWindow(3), ClearToolResults(3, longer_than=1)]
)
async def test_a_call_at_the_very_beginning_keeps_its_result(strategy: CompactionStrategy) -> None:
    transport = Recording("in short")
    history = [
        Message("assistant", [ToolUseBlock("a", "look", {})]),
        Message("user", [ToolResultBlock("a", "what was found")]),
        *conversation(1),
    ]
    assert await strategy.compact(history, transport) is None
    assert transport.requests == []


def waiting_after(messages: list[Message]) -> list[Message]:
    """These messages, and a call that waits for a person."""
    waits = ToolResultBlock("w", waiting_note("w", "pay", {}, "a lot of money"), True)
    return [
        *messages,
        Message("assistant", [ToolUseBlock("w", "pay", {})]),
        Message("user", [waits]),
    ]


async def test_nothing_is_paid_for_what_a_call_that_waits_keeps_from_getting_shorter() -> None:
    transport = Recording("in short")
    inner = MemoryContextStore(waiting_after([Message("user", [TextBlock("pay the bill")])]))
    store = AutoCompactStore(inner, transport, max_tokens=10, keep_recent=2)
    for turn in conversation(8):
        await store.append(turn)
        await store.add_context_tokens(100, 1)
    assert transport.requests == []
    assert len(await store.get_history()) == 3 + 16


async def test_what_stands_before_a_call_that_waits_is_summarised_once() -> None:
    transport = Recording("in short")
    inner = MemoryContextStore(waiting_after(conversation(5)))
    store = AutoCompactStore(inner, transport, max_tokens=10, keep_recent=2)
    for turn in conversation(8):
        await store.append(turn)
        await store.add_context_tokens(100, 1)
    assert len(transport.requests) == 1
    history = await store.get_history()
    assert len(history) == 2 + 2 + 16
    assert [call.tool_use_id for call in pending(history)] == ["w"]


@pytest.mark.parametrize(("before", "summaries"), [(2, 0), (3, 1)])
async def test_a_summary_before_a_call_that_waits_must_be_shorter_than_what_it_replaces(
    before: int, summaries: int
) -> None:
    transport = Recording("in short")
    history = [*waiting_after(conversation(2)[:before]), *conversation(3)]
    shorter = await Summarize(2).compact(history, transport)
    assert len(transport.requests) == summaries
    assert shorter is None or len(shorter) == len(history) - before + 2


class Rambling(StubTransport):
    """Answers once, and then writes for ever, a word every `pause` seconds."""

    def __init__(self, pause: float, answers: int = 0) -> None:
        super().__init__()
        self.pause, self.answers, self.asked = pause, answers, 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        self.asked += 1
        if self.asked <= self.answers:
            for event in make_text_response("the answer"):
                yield event
            return
        while True:
            await asyncio.sleep(self.pause)
            yield TextDelta(0, "word and ")


async def test_a_model_whose_summary_is_too_long_is_not_listened_to_any_more() -> None:
    listening = 0

    class Counted(Rambling):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            nonlocal listening
            listening += 1
            try:
                async for event in super().stream(messages, tools, system):
                    yield event
            finally:
                listening -= 1

    try:
        await Summarize(2, max_tokens=10).compact(conversation(9), Counted(0))
    except CompactionError as error:
        failure = error  # and with it the frames that could hold the stream
    assert (listening, "longer than 10 tokens" in str(failure)) == (0, True)


@in_no_time
async def test_a_summary_has_a_limit_of_time() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(CompactionError, match=r"not finished .*too long"):
        await Summarize(2, seconds=30).compact(conversation(9), Rambling(1))
    assert loop.time() - start == pytest.approx(30, abs=1)


async def test_the_pieces_of_a_summary_share_its_time() -> None:
    class Slow(Recording):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            await asyncio.sleep(0.06)
            async for event in super().stream(messages, tools, system):
                yield event

    transport = Slow("first", "second", "third", "fourth", "fifth", "sixth")
    transport.model = ModelSpec("small", context_window=200)  # type: ignore[attr-defined]
    with pytest.raises(CompactionError, match=r"not finished .*too long"):
        await Summarize(2, seconds=0.1).compact(conversation(8, (1, 2, 3, 4)), transport)
    assert len(transport.requests) < 3


@pytest.mark.parametrize(
    ("window", "limit"), [(None, 4000), (0, 4000), (128_000, 4000), (5_000, 1000), (200, 40)]
)
async def test_a_summary_has_a_limit_of_length(window: int | None, limit: int) -> None:
    for length, fits in ((4 * limit, True), (4 * limit + 1, False)):
        transport = Recording("s" * length)
        if window is not None:
            transport.model = ModelSpec("m", context_window=window)  # type: ignore[attr-defined]
        summary = Summarize(2).compact(conversation(3), transport)
        if fits:
            assert await summary is not None
        else:
            with pytest.raises(CompactionError, match=f"longer than {limit} tokens"):
                await summary
        request = transport.requests[0][0][-1].content[0]
        assert isinstance(request, TextBlock)
        assert f"at most {int(limit * 0.7)} words" in request.text


@pytest.mark.parametrize("limits", [{"seconds": 15}, {"silence": 2}, {"requests": 1}])
@in_no_time
async def test_a_summary_that_fails_costs_no_answer(limits: dict[str, Any]) -> None:
    transport = Rambling(pause=3, answers=1)
    store = AutoCompactStore(MemoryContextStore(conversation(9)), transport, max_tokens=1)
    stream = Agent("", transport).run_stream("next", store, budget=Budget(**limits))
    *_, end = [event async for event in stream]
    assert end == SessionEndEvent(StopReason.end_turn, Usage(10, 5))
    history = await store.get_history()
    assert (len(history), history[-1].content) == (20, [TextBlock("the answer")])


# ── AutoCompactStore ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "options", "limit"),
    [
        (None, {"max_tokens": 10}, 10),
        (ModelSpec("m", context_window=1000), {}, 750),
        (ModelSpec("m", context_window=1000), {"threshold": 0.5}, 500),
        (ModelSpec("m"), {}, 96_000),
        (ModelSpec("m", context_window=0), {}, 96_000),
        (None, {}, 96_000),
    ],
)
async def test_the_limit_comes_from_the_caller_or_the_model(
    model: ModelSpec | None, options: dict[str, Any], limit: int
) -> None:
    transport = Recording("s")
    if model is not None:
        transport.model = model  # type: ignore[attr-defined]
    store = AutoCompactStore(MemoryContextStore(conversation(9)), transport, **options)
    await store.add_context_tokens(limit, 1)
    assert transport.requests == []
    await store.add_context_tokens(limit + 1, 1)
    assert len(transport.requests) == 1
    assert len(await store.get_history()) == 8
    assert await store.get_context_tokens() == (2 * limit + 1, 2), "totals survive"


async def test_all_input_counts_cached_or_not() -> None:
    usage = Usage(1000, 1, cache_read_tokens=950)
    transport = StubTransport([make_text_response("a", usage=usage), make_text_response("sum")])
    store = AutoCompactStore(MemoryContextStore(conversation(9)), transport, max_tokens=900)
    await Agent("", transport).run("next", store)
    assert (await store.get_history())[0].content == [TextBlock("sum")]


async def test_every_excess_compacts_what_was_added_since() -> None:
    transport = Recording("one", "two", "three")
    store = AutoCompactStore(MemoryContextStore(conversation(9)), transport, max_tokens=1)
    for summary in ("one", "two", "three"):
        await store.add_context_tokens(100, 1)
        await store.add_context_tokens(100, 1)  # with nothing added, nothing is done
        history = await store.get_history()
        assert (history[0].content, len(history)) == ([TextBlock(summary)], 8)
        await store.append(Message("user", [TextBlock("and now?")]))
    assert len(transport.requests) == 3


async def test_a_history_that_was_too_short_is_compacted_once_it_is_long_enough() -> None:
    store = AutoCompactStore(MemoryContextStore(conversation(3)), Recording("s"), max_tokens=1)
    await store.add_context_tokens(100, 1)
    assert await store.get_history() == conversation(3)
    await store.append(Message("user", [TextBlock("and now?")]))
    await store.add_context_tokens(100, 1)
    assert (await store.get_history())[0].content == [TextBlock("s")]


async def test_a_failing_summary_is_asked_for_again_after_some_more_messages() -> None:
    transport = Recording("", "s")
    store = AutoCompactStore(
        MemoryContextStore(conversation(9)), transport, max_tokens=1, keep_recent=4
    )
    lengths = []
    for _ in range(6):
        await store.add_context_tokens(100, 1)
        lengths.append(len(await store.get_history()))
        await store.append(Message("user", [TextBlock("and now?")]))
    assert lengths == [18, 19, 20, 21, 6, 6]
    assert len(transport.requests) == 3


@pytest.mark.parametrize("cleared", [True, False])
async def test_a_session_that_was_cleared_or_replaced_is_not_held_to_an_old_failure(
    cleared: bool,
) -> None:
    store = AutoCompactStore(MemoryContextStore(conversation(9)), Recording("", "s"), max_tokens=1)
    await store.add_context_tokens(100, 1)
    if cleared:
        await store.clear()
        assert await store.get_history() == []
        await store.extend(conversation(5))
    else:
        await store.replace(conversation(5))
    await store.add_context_tokens(100, 1)
    assert (await store.get_history())[0].content == [TextBlock("s")]


async def test_a_strategy_that_fails_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def compact(
            self, history: Sequence[Message], transport: CompletionTransport
        ) -> list[Message] | None:
            raise KeyError("a mistake")

    inner = MemoryContextStore(conversation(9))
    transport = StubTransport([make_text_response("fine")])
    store = AutoCompactStore(inner, transport, max_tokens=1, strategy=Broken())
    with caplog.at_level(logging.WARNING, "axio.compaction"):
        assert await Agent("", transport).run("next", store) == "fine"
    assert (await inner.get_history())[:18] == conversation(9)
    assert "a mistake" in caplog.text


@pytest.mark.parametrize("cut", [1, 2])
async def test_an_invalid_history_is_not_stored(cut: int, caplog: pytest.LogCaptureFixture) -> None:
    class Parting:
        async def compact(
            self, history: Sequence[Message], transport: CompletionTransport
        ) -> list[Message] | None:
            return [*history[:2], Message("user")] if cut == 1 else list(history[2:])

    inner = MemoryContextStore(one_prompt(20))
    store = AutoCompactStore(inner, StubTransport(), max_tokens=1, strategy=Parting())
    with caplog.at_level(logging.WARNING, "axio.compaction"):
        await store.add_context_tokens(100, 1)
    assert await inner.get_history() == one_prompt(20)
    assert "would break it" in caplog.text


async def test_no_strategy_sees_a_turn_whose_tools_are_running() -> None:
    running = Message("assistant", [ToolUseBlock("now", "t", {})])
    inner = MemoryContextStore([*conversation(9), Message("user", [TextBlock("go")]), running])
    store = AutoCompactStore(inner, StubTransport(), max_tokens=1, strategy=SlidingWindow(1))
    await store.add_context_tokens(100, 1)
    assert await inner.get_history() == [Message("user", [TextBlock("go")]), running]


async def test_what_is_stored_while_the_summary_is_written_is_kept() -> None:
    inner = MemoryContextStore(conversation(9))
    late = Message("user", [TextBlock("one more thing")])

    class Slow(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            await inner.append(late)
            for event in make_text_response("s"):
                yield event

    store = AutoCompactStore(inner, Slow(), max_tokens=1)
    await store.add_context_tokens(100, 1)
    history = await store.get_history()
    assert history[0].content == [TextBlock("s")]
    assert history[-1] is late


async def test_two_at_once_compact_once() -> None:
    transport = Recording("s")
    store = AutoCompactStore(MemoryContextStore(conversation(9)), transport, max_tokens=1)
    await asyncio.gather(*(store.add_context_tokens(100, 1) for _ in range(4)))
    assert len(transport.requests) == 1


async def test_a_store_that_cannot_replace_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Minimal(ContextStore):
        def __init__(self) -> None:
            self.messages = conversation(9)

        async def append(self, message: Message) -> None:
            self.messages.append(message)

        async def get_history(self) -> list[Message]:
            return list(self.messages)

    store = AutoCompactStore(Minimal(), Recording("s"), max_tokens=1)
    await store.add_context_tokens(100, 1)
    assert await store.get_history() == conversation(9)
    assert "cannot replace" in caplog.text


async def test_a_fork_compacts_on_its_own_and_is_another_session() -> None:
    store = AutoCompactStore(MemoryContextStore(conversation(9)), Recording("s"), max_tokens=1)
    fork = await store.fork()
    assert isinstance(fork, AutoCompactStore)
    assert fork.session_id != store.session_id
    await fork.add_context_tokens(100, 1)
    assert len(await fork.get_history()) < len(await store.get_history())


async def test_a_fork_does_not_wait_for_the_summary_of_the_original() -> None:
    blocked, go = asyncio.Event(), asyncio.Event()

    class Blocked(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            if not blocked.is_set():
                blocked.set()
                await go.wait()
            for event in make_text_response("s"):
                yield event

    store = AutoCompactStore(MemoryContextStore(conversation(9)), Blocked(), max_tokens=1)
    fork = await store.fork()
    waiting = asyncio.create_task(store.add_context_tokens(100, 1))
    await blocked.wait()
    async with asyncio.timeout(60):
        await fork.add_context_tokens(100, 1)
    assert len(await fork.get_history()) < 18
    go.set()
    await waiting


async def test_a_run_that_is_compacted_in_the_middle_goes_on() -> None:
    big = Usage(5000, 10)
    transport = StubTransport(
        [
            make_tool_use_response(tool_id="one", usage=big),
            make_text_response("summary"),
            make_text_response("finished"),
        ]
    )
    store = AutoCompactStore(
        MemoryContextStore(conversation(9)), transport, keep_recent=2, max_tokens=1000
    )
    assert await Agent("", transport, [make_echo_tool()]).run("go", store) == "finished"
    history = await store.get_history()
    assert check(history) == []
    assert history[0].content == [TextBlock("summary")]


async def test_the_summary_is_paid_from_the_run_it_is_made_in() -> None:
    budget = Budget()
    transport = StubTransport([make_text_response("a"), make_text_response("sum")])
    store = AutoCompactStore(MemoryContextStore(conversation(9)), transport, max_tokens=1)
    await Agent("", transport).run("next", store, budget=budget)
    assert budget.used_requests == 2
    assert budget.used == Usage(20, 10)


async def test_a_cancelled_summary_leaves_the_history_whole() -> None:
    class Silent(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            await asyncio.sleep(3600)
            yield TextDelta(0, "")

    store = AutoCompactStore(MemoryContextStore(conversation(9)), Silent(), max_tokens=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.add_context_tokens(100, 1), 0.01)
    assert await store.get_history() == conversation(9)


async def test_a_run_inside_a_run_is_refused_the_store_below_the_wrapper_too() -> None:
    inner = MemoryContextStore()

    async def nested() -> str:
        return await Agent("", StubTransport([make_text_response()])).run("in", inner)

    transport = StubTransport([make_tool_use_response("nested"), make_text_response("outer")])
    agent = Agent("", transport, [Tool(name="nested", handler=nested)])
    async with asyncio.timeout(60):
        assert await agent.run("go", AutoCompactStore(inner, transport)) == "outer"
    result = (await inner.get_history())[2].content[0]
    assert isinstance(result, ToolResultBlock)
    assert result.is_error
