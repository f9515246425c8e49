"""Each wrapper adds its one thing, alone and around or inside the others."""

from __future__ import annotations

import asyncio
import copy
import json
import random
import re
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ReasoningBlock, TextBlock, ToolResultBlock
from axio.budget import Budget
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
from axio.exceptions import (
    ConnectionFailed,
    ProviderError,
    StreamError,
    StreamTimeout,
    UnsupportedContent,
)
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.resilience import Fallback, RateLimit, Retry, StopRepetition, Watchdog
from axio.resilience.repetition import NOTE, Repetition
from axio.testing import (
    FaultTransport,
    Raises,
    RecordTransport,
    ReplayTransport,
    StubTransport,
    check_transport,
    make_stub_transport,
    make_text_response,
)
from axio.tool import Tool
from axio.transport import CompletionTransport, admission
from axio.types import StopReason, Usage
from support.clock import in_no_time
from support.plain import PlainIterator

LOST = ConnectionFailed("lost", retryable=True)


class Flaky:
    """Fails `failures` times after `events` events, then answers."""

    def __init__(
        self, failures: int, error: Exception = LOST, events: int = 0, text: str = "ok"
    ) -> None:
        self.failures, self.error, self.events = failures, error, events
        self.text = text
        self.asked = self.open = 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self.asked += 1
        self.open += 1
        try:
            for number, event in enumerate(make_text_response(self.text)):
                if self.asked <= self.failures and number == self.events:
                    raise self.error
                yield event
        finally:
            self.open -= 1


class Silent:
    """Answers nothing, or goes silent after the first event; the `answers`-th request works."""

    def __init__(self, events: int = 0, answers: int = 0) -> None:
        self.events, self.answers, self.asked, self.open = events, answers, 0, 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self.asked += 1
        self.open += 1
        try:
            for number, event in enumerate(make_text_response("ok")):
                if number == self.events and self.asked != self.answers:
                    await asyncio.Event().wait()
                yield event
        finally:
            self.open -= 1


async def answer(transport: CompletionTransport) -> str:
    return await Agent("", transport).run("go", MemoryContextStore())


async def seconds_for(transport: CompletionTransport, requests: int) -> float:
    """How long so many requests take that are made at once."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    await asyncio.gather(*(answer(transport) for _ in range(requests)))
    return loop.time() - start


def quick(inner: CompletionTransport, attempts: int = 3) -> Retry:
    return Retry(inner, attempts, base_delay=0.001)


WRAPPERS: list[Callable[[CompletionTransport], CompletionTransport]] = [
    quick,
    Fallback,
    Watchdog,
    StopRepetition,
    lambda inner: RateLimit(inner, requests_per_minute=6000, concurrency=4),
]


@pytest.mark.parametrize("wrap", WRAPPERS)
async def test_every_wrapper_is_a_transport(
    wrap: Callable[[CompletionTransport], CompletionTransport],
) -> None:
    await check_transport(lambda: wrap(make_stub_transport()))


def plain() -> PlainIterator:
    return PlainIterator(make_text_response("ok"))


@pytest.mark.parametrize("wrap", WRAPPERS)
async def test_a_stream_that_cannot_be_closed_is_left_as_it_is(
    wrap: Callable[[CompletionTransport], CompletionTransport],
) -> None:
    assert await answer(wrap(plain())) == "ok"


@pytest.mark.parametrize("limits", [{"seconds": 5}, {"silence": 5}, {"tokens": 999}])
async def test_limits_do_not_need_to_close_a_stream(limits: dict[str, float]) -> None:
    budget = Budget(**limits)  # type: ignore[arg-type]
    assert await Agent("", plain()).run("go", MemoryContextStore(), budget=budget) == "ok"


@pytest.mark.parametrize("wrap", WRAPPERS)
async def test_a_wrapper_shows_and_sets_the_model_of_the_inner_one(
    wrap: Callable[[CompletionTransport], Any],
) -> None:
    inner = make_stub_transport()
    wrapper = wrap(inner)
    assert not hasattr(wrapper, "model")
    inner.model = "one"  # type: ignore[attr-defined]
    inner.api_key = "k"  # type: ignore[attr-defined]
    assert (wrapper.model, wrapper.api_key) == ("one", "k")
    wrapper.model = "two"
    assert inner.model == "two"  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrap", WRAPPERS)
async def test_leaving_early_closes_the_innermost_stream(
    wrap: Callable[[CompletionTransport], CompletionTransport],
) -> None:
    inner = Flaky(0)
    stream: Any = wrap(inner).stream([], [], "")
    async for _ in stream:
        break
    await stream.aclose()
    assert inner.open == 0


# ── retry ─────────────────────────────────────────────────────────────────────────────────────


async def test_retry_asks_again_until_it_works() -> None:
    inner = Flaky(2)
    assert await answer(quick(inner)) == "ok"
    assert inner.asked == 3


@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [
        ({}, 1.5, 3),
        ({"jitter": 0}, 3, 3),
        ({"jitter": 1}, 0, 3),
        ({"base_delay": 2, "jitter": 0}, 6, 6),
        ({"base_delay": 50, "jitter": 0}, 110, 110),
    ],
)
@in_no_time
async def test_retry_waits_longer_each_time_and_a_minute_at_most(
    settings: dict[str, Any], least: float, most: float
) -> None:
    flaky = Flaky(2)
    transport = Retry(flaky, **settings)
    for _ in range(5):
        flaky.asked = 0
        assert least <= await seconds_for(transport, 1) < most + 0.5


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (LOST, 3),
        (ConnectionFailed("no route"), 3),
        (StreamTimeout("silent"), 3),
        (ProviderError("not now", status=503), 3),
        (ProviderError("too many", status=429), 3),
        (OSError("broken pipe"), 3),
        (TimeoutError(), 3),
        (ProviderError("overloaded", status=529, retryable=True), 3),
        (ProviderError("no such model", status=404), 1),
        (ProviderError("no credit", status=429, retryable=False), 1),
        (ConnectionFailed("not an address", retryable=False), 1),
        (ValueError("a bug"), 1),
    ],
)
async def test_retry_gives_up_with_the_last_error(error: Exception, asked: int) -> None:
    inner = Flaky(9, error)
    stream = Agent("", quick(inner)).run_stream("go", MemoryContextStore())
    failed = [event.exception async for event in stream if isinstance(event, Error)]
    assert failed == [error]
    assert inner.asked == asked


@pytest.mark.parametrize("events", [1])
async def test_retry_never_repeats_what_was_delivered(events: int) -> None:
    inner = Flaky(1, events=events)
    store = MemoryContextStore()
    out = [event async for event in Agent("", quick(inner)).run_stream("go", store)]
    assert inner.asked == 1
    assert [type(e) for e in out] == [TextDelta, Error, SessionEndEvent]


async def test_retry_switches_off_the_policy_of_the_inner_transport() -> None:
    inner = make_stub_transport()
    inner.max_retries = 10  # type: ignore[attr-defined]
    assert Retry(inner).max_retries == 1
    assert inner.max_retries == 10  # type: ignore[attr-defined]


@in_no_time
@pytest.mark.parametrize(("asked", "waited"), [(20.0, 20), (0.0, 0), (999.0, 60), (None, 1)])
async def test_a_provider_says_how_long_to_wait(asked: float | None, waited: int) -> None:
    inner = Flaky(1, ProviderError("slow down", status=429, retry_after=asked))
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert await answer(Retry(inner, jitter=0)) == "ok"
    assert loop.time() - start == pytest.approx(waited, abs=0.5)


async def test_by_default_three_attempts_are_made_and_one_is_enough_to_ask_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for attempts, asked in (({}, 3), ({"attempts": 1}, 1)):
        caplog.clear()
        inner = Flaky(9)
        with pytest.raises(StreamError, match="lost"):
            await answer(Retry(inner, base_delay=0, **attempts))
        assert inner.asked == asked
        warnings = [record.getMessage() for record in caplog.records]
        assert len(warnings) == asked - 1
        assert all("(lost), again in" in warning for warning in warnings)


class Persistent:
    """A transport that has its number of attempts in a slot."""

    __slots__ = ("max_retries",)

    def __init__(self, attempts: int) -> None:
        self.max_retries = attempts

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        for event in make_text_response(str(self.max_retries)):
            yield event


class Veil:
    """A wrapper that is not one of ours: it has all attributes of the inner transport."""

    def __init__(self, inner: CompletionTransport) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_inner"], name)

    def stream(self, *asked: Any) -> Any:
        return self._inner.stream(*asked)


async def test_what_makes_more_attempts_is_copied_and_all_else_left_as_it_is() -> None:
    persistent = Persistent(5)
    assert await answer(Retry(persistent)) == "1"
    assert persistent.max_retries == 5
    for left in (Persistent(1), Veil(persistent), Flaky(0)):
        assert Retry(left).inner is left


# ── fallback ──────────────────────────────────────────────────────────────────────────────────


async def test_fallback_asks_the_next_model_when_one_fails() -> None:
    first, second, third = Flaky(9), Flaky(9), Flaky(0, text="third")
    assert await answer(Fallback(first, second, third)) == "third"
    assert (first.asked, second.asked, third.asked) == (1, 1, 1)


def test_a_wrapper_shows_what_is_in_it() -> None:
    inner = Retry(Fallback(Watchdog(make_stub_transport()), make_stub_transport()))
    assert re.sub(r"<[^>]*>", "stub", repr(inner)) == "Retry(Fallback(Watchdog(stub), stub))"


async def test_fallback_says_why_the_next_model_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    for error, words in (
        (UnsupportedContent("no pictures"), "a model cannot take this (no pictures), the next"),
        (ConnectionFailed("no route"), "a model failed (no route), the next"),
    ):
        caplog.clear()
        assert await answer(Fallback(Flaky(9, error), Flaky(0))) == "ok"
        assert words in caplog.text


async def test_a_fallback_whose_retries_are_switched_off_keeps_the_order() -> None:
    class Named(Persistent):
        __slots__ = ("name",)
        name: str

    first, second = Named(3), Named(3)
    first.name, second.name = "first", "second"
    fallback = Retry(Fallback(first, second)).inner
    assert isinstance(fallback, Fallback)
    assert fallback.name == "first"
    assert await answer(fallback) == "1"


async def test_fallback_raises_the_last_error_and_not_after_the_first_event() -> None:
    with pytest.raises(StreamError, match="last"):
        await answer(Fallback(Flaky(9), Flaky(9, ConnectionFailed("last"))))
    second = Flaky(0)
    with pytest.raises(StreamError, match="lost"):
        await answer(Fallback(Flaky(9, events=1), second))
    assert second.asked == 0


async def test_fallback_offers_no_tools_to_a_model_that_has_no_use_for_them() -> None:
    offered: list[int] = []

    class Plain(StubTransport):
        model = ModelSpec("plain", frozenset({Capability.text}))

        def stream(self, messages: Any, tools: list[Tool[Any]], system: str) -> Any:
            offered.append(len(tools))
            return super().stream(messages, tools, system)

    async def nothing() -> str:
        return ""

    fallback = Fallback(Flaky(9), Plain([make_text_response()]))
    await Agent("", fallback, [Tool("nothing", nothing)]).run("go", MemoryContextStore())
    assert offered == [0]


async def test_after_an_answer_no_other_model_is_asked() -> None:
    first, second = Flaky(0, text="first"), Flaky(0, text="second")
    said = [event async for event in Fallback(first, second).stream([], [], "")]
    assert said == make_text_response("first")
    assert (first.asked, second.asked) == (1, 0)


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
async def test_a_wrapper_can_be_copied(
    copied: Callable[[Any], Any], wrap: Callable[[CompletionTransport], CompletionTransport]
) -> None:
    inner = make_stub_transport()
    wrapper = copied(wrap(inner))
    assert (wrapper.inner is inner) is (copied is copy.copy)
    assert await answer(wrapper) == "Hello world"


def test_wrappers_refuse_settings_that_cannot_work() -> None:
    inner = make_stub_transport()
    for make in (
        lambda: Retry(inner, 0),
        lambda: Fallback(),
        lambda: Watchdog(inner, 0),
        lambda: RateLimit(inner, requests_per_minute=0),
        lambda: RateLimit(inner, concurrency=0),
    ):
        with pytest.raises(ValueError, match=r"at least|above 0"):
            make()


# ── watchdog ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("events", [0, 1])
async def test_the_watchdog_ends_a_silence(events: int) -> None:
    inner = Silent(events)
    stream = Agent("", Watchdog(inner, 0.02)).run_stream("go", MemoryContextStore())
    out = [event async for event in stream]
    error = out[-2]
    assert isinstance(error, Error)
    assert isinstance(error.exception, StreamTimeout)
    assert inner.open == 0


@in_no_time
async def test_the_watchdog_does_not_count_the_time_of_a_slow_consumer() -> None:
    count = 0
    async for _ in Watchdog(make_stub_transport(), 30).stream([], [], ""):
        await asyncio.sleep(100)
        count += 1
    assert count == 3


async def test_a_timeout_of_another_is_not_taken_for_silence() -> None:
    error = TimeoutError("the database is slow")
    inner = FaultTransport(make_stub_transport(), Raises(1, error))
    with pytest.raises(TimeoutError, match="the database is slow") as caught:
        _ = [event async for event in Watchdog(inner, 30).stream([], [], "")]
    assert caught.value is error
    assert not isinstance(error, StreamTimeout)


# ── rate limit ────────────────────────────────────────────────────────────────────────────────


@in_no_time
async def test_requests_beyond_the_limit_wait() -> None:
    """Requests that were not used yet may be made at once; then one comes after the other."""
    transport = RateLimit(make_stub_transport(), requests_per_minute=6)
    assert await seconds_for(transport, 6) < 1
    assert await seconds_for(transport, 3) == pytest.approx(30, abs=1)
    await asyncio.sleep(3600)
    assert await seconds_for(transport, 6) < 1, "no more is saved up than for a minute"
    assert await seconds_for(transport, 1) == pytest.approx(10, abs=1)


@in_no_time
async def test_tokens_beyond_the_limit_make_the_next_request_wait() -> None:
    response = make_text_response(usage=Usage(50, 70))
    transport = RateLimit(StubTransport([response]), tokens_per_minute=60)
    assert await seconds_for(transport, 1) < 1, "what it takes is known when it has ended"
    assert await seconds_for(transport, 1) == pytest.approx(61, abs=1)


@in_no_time
async def test_the_scarcer_of_requests_and_tokens_counts() -> None:
    response = make_text_response(usage=Usage(0, 1))
    for limits in ((60, 6), (6, 60)):
        transport = RateLimit(
            StubTransport([response]), requests_per_minute=limits[0], tokens_per_minute=limits[1]
        )
        for _ in range(6):
            assert await seconds_for(transport, 1) < 1
        assert await seconds_for(transport, 1) == pytest.approx(10, abs=1)


def test_a_limit_holds_over_event_loops_one_after_the_other() -> None:
    """Also where the clock of the second is behind that of the first."""
    transport = RateLimit(make_stub_transport(), requests_per_minute=2)

    @in_no_time
    async def use(after: float) -> None:
        await asyncio.sleep(after)
        took.append(await seconds_for(transport, 2))

    took: list[float] = []
    use(after=50)
    use(after=0)
    assert took == [pytest.approx(0, abs=1), pytest.approx(60, abs=5)]


async def test_only_so_many_responses_at_a_time() -> None:
    most = now = 0

    class Counting(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            for event in make_text_response():
                yield event

    transport = RateLimit(Counting(), concurrency=2)
    await asyncio.gather(*(answer(transport) for _ in range(6)))
    assert most == 2


@in_no_time
async def test_a_cancelled_request_does_not_hold_up_the_others() -> None:
    transport = RateLimit(make_stub_transport(), requests_per_minute=1)
    await answer(transport)
    first = asyncio.ensure_future(answer(transport))
    second = asyncio.ensure_future(answer(transport))
    await asyncio.sleep(1)
    first.cancel()
    assert await asyncio.wait_for(second, 60) == "Hello world"


# ── repetition ────────────────────────────────────────────────────────────────────────────────


def words(count: int, seed: int = 1) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("abcdefgh", k=5)) for _ in range(count))


@pytest.mark.parametrize("size", [1, 3, 7, 40, 150])
def test_a_short_pattern_that_goes_on_is_found(size: int) -> None:
    seen = Repetition()
    assert not any(seen.feed(word + " ") for word in words(200).split())
    pattern = words(40, seed=2)[:size]
    assert any(seen.feed(pattern) for _ in range(2000 // size + 5))


@pytest.mark.parametrize("short", [".", "-", "ha ", "a, b, "])
def test_something_short_must_go_on_for_a_while(short: str) -> None:
    assert not Repetition().feed(words(200) + short * 5)
    assert Repetition().feed(words(200) + short * 200)


@pytest.mark.parametrize("size", [70, 100, 140, 150])
def test_something_long_must_come_three_times(size: int) -> None:
    before, pattern = words(200), words(40, seed=2)[:size]
    assert not Repetition().feed(before + pattern * 2)
    assert Repetition().feed(before + pattern * 3)


@pytest.mark.parametrize("size", [151, 160])
def test_something_longer_than_a_pattern_is_none(size: int) -> None:
    assert not Repetition().feed(words(200) + words(40, seed=2)[:size] * 3)


def test_a_passage_that_stood_before_is_found() -> None:
    seen = Repetition()
    passage = words(150, seed=3)
    assert not seen.feed(words(300) + passage + words(300, seed=4))
    found = [seen.feed(passage[n : n + 10]) for n in range(0, len(passage), 10)]
    assert any(found)


def test_ordinary_text_is_never_taken_for_repetition() -> None:
    for seed in range(20):
        seen = Repetition()
        assert not any(seen.feed(word + " ") for word in words(3000, seed).split())


def test_text_is_judged_from_800_characters_on_and_after_each_200_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    fed = 0
    monkeypatch.setattr("axio.resilience.repetition._has_pattern", lambda _: looks.append(fed))
    seen = Repetition()
    for letter in words(400)[:2000]:
        fed += 1
        assert seen.feed(letter) is False
    assert looks == [800, 1000, 1200, 1400, 1600, 1800, 2000]


def test_looking_for_repetition_is_linear() -> None:
    def work(count: int) -> float:
        text, seen = words(count).split(), Repetition()
        start = time.process_time()
        for word in text:
            seen.feed(word + " ")
        return time.process_time() - start

    work(1000)
    small = min(work(5_000) for _ in range(3))
    assert min(work(50_000) for _ in range(2)) < 30 * small


class Babbling:
    model = ModelSpec("m", frozenset({Capability.tool_use}))

    def __init__(self, *before: StreamEvent) -> None:
        self.before, self.said, self.open = before, 0, 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self.open += 1
        try:
            if len(messages) > 1:
                for event in make_text_response("enough"):
                    yield event
                return
            for event in self.before:
                yield event
            for _ in range(100_000):
                self.said += 1
                yield TextDelta(0, "and so on ")
        finally:
            self.open -= 1


@pytest.mark.parametrize("before", [0, 1, 49, 50, 333])
def test_words_that_stood_at_the_beginning_are_found_again(before: int) -> None:
    words = random.Random(before)
    text, between = ("".join(words.choices("abcdefgh", k=count)) for count in (500, 300))
    assert Repetition().feed("x" * before + text + between + text)
    assert not Repetition().feed("x" * before + text + between + text[1:] + "x")


async def test_a_babbling_model_is_stopped_with_a_note() -> None:
    inner = Babbling()
    store = MemoryContextStore()
    *_, end = [e async for e in StopRepetition(Babbling()).stream([], [], "")]
    assert isinstance(end, IterationEnd) and end.iteration == 0, "the run counts"
    out = [e async for e in Agent("", StopRepetition(inner)).run_stream("go", store)]
    assert out[-3] == TextDelta(0, NOTE)
    assert isinstance(out[-2], IterationEnd) and isinstance(out[-1], SessionEndEvent)
    assert out[-2].stop_reason == out[-1].stop_reason == StopReason.end_turn
    assert NOTE.startswith("\n\n")
    assert "[Output truncated: repetitive content detected]" in NOTE
    assert inner.said < 200
    assert inner.open == 0
    text = (await store.get_history())[1].content[0]
    assert isinstance(text, TextBlock)
    assert text.text.endswith(NOTE)


async def test_a_call_that_was_complete_before_the_babbling_runs() -> None:
    ran: list[str] = []

    async def note(text: str) -> str:
        ran.append(text)
        return "noted"

    inner = Babbling(ToolUseStart(1, "a", "note"), ToolInputDelta(1, "a", '{"text": "x"}'))
    agent = Agent("", StopRepetition(inner), [Tool("note", note)])
    assert (await agent.run("go", MemoryContextStore())).endswith("enough")
    assert ran == ["x"]


@pytest.mark.parametrize("arguments", ["", '{"text": "un'])
async def test_a_call_that_was_not_complete_before_the_babbling_is_answered_and_not_run(
    arguments: str,
) -> None:
    ran: list[str] = []

    async def note(text: str = "nothing") -> str:
        ran.append(text)
        return "noted"

    inner = Babbling(
        ToolUseStart(1, "a", "note"),
        ToolInputDelta(1, "a", '{"text": "whole"}'),
        ToolUseStart(2, "a", "note"),
        ToolInputDelta(2, "a", arguments),
    )
    store = MemoryContextStore()
    await Agent("", StopRepetition(inner), [Tool("note", note)]).run("go", store)
    assert ran == ["whole"]
    results = [b for b in (await store.get_history())[2].content if isinstance(b, ToolResultBlock)]
    assert [result.is_error for result in results] == [False, True]
    assert "cut off" in str(results[1].content)


async def usage_of(transport: CompletionTransport) -> Usage:
    stream = Agent("s" * 360, StopRepetition(transport)).run_stream(
        "go on" * 8, MemoryContextStore()
    )
    return (await stream.get_session_end()).total_usage


async def test_the_tokens_of_a_response_that_was_stopped_are_estimated() -> None:
    inner = Babbling()
    assert await usage_of(inner) == Usage((360 + 40) // 4, inner.said * len("and so on ") // 4)


async def test_thoughts_before_it_are_estimated_too() -> None:
    inner = Babbling(ReasoningDelta(0, "hm " * 100))
    usage = await usage_of(inner)
    written = 300 + inner.said * len("and so on ")
    assert usage.output_tokens == written // 4


async def test_usage_that_is_no_usage_is_not_taken_for_one() -> None:
    class Odd(Babbling):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            self.last_usage = {"input_tokens": 3}
            async for event in super().stream(messages, tools, system):
                yield event

    assert await usage_of(Odd()) == await usage_of(Babbling())


async def test_events_of_other_kinds_pass_and_end_nothing() -> None:
    block = ReasoningBlock("hm", "p", {})
    events = [ReasoningEnd(0, block), TextDelta(1, "a"), *make_text_response("b")]
    transport = StopRepetition(StubTransport([events]))
    assert [event async for event in transport.stream([], [], "")] == events


async def test_a_response_without_an_end_passes_as_it_is() -> None:
    transport = StopRepetition(StubTransport([[TextDelta(0, "a")]]))
    assert [event async for event in transport.stream([], [], "")] == [TextDelta(0, "a")]


async def test_the_arguments_of_calls_before_it_are_estimated_too() -> None:
    async def note(text: str) -> str:
        return "noted"

    arguments = json.dumps({"text": "x" * 400})
    inner = Babbling(ToolUseStart(1, "a", "note"), ToolInputDelta(1, "a", arguments))
    agent = Agent("", StopRepetition(inner), [Tool("note", note)])
    stream = agent.run_stream("go", MemoryContextStore())
    usages = [event.usage async for event in stream if isinstance(event, IterationEnd)]
    written = len(arguments) + inner.said * len("and so on ")
    assert usages[0].output_tokens == written // 4


@pytest.mark.parametrize("early", [False, True])
async def test_tokens_that_the_transport_tells_are_counted_once(early: bool) -> None:
    class Telling(Babbling):
        last_usage = Usage(7, 7)  # of the response before

        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            if early:
                self.last_usage = Usage(3, 4)
            async for event in super().stream(messages, tools, system):
                yield event

    assert await usage_of(Telling()) == (Usage(3, 4) if early else await usage_of(Babbling()))


# ── in several orders ─────────────────────────────────────────────────────────────────────────


async def test_fallback_over_two_retries() -> None:
    first, second = Flaky(9), Flaky(1, text="second")
    assert await answer(Fallback(quick(first), quick(second))) == "second"
    assert (first.asked, second.asked) == (3, 2)


@in_no_time
async def test_a_rate_limit_counts_what_a_fallback_asks_again() -> None:
    limited = RateLimit(Fallback(Flaky(9), Flaky(0)), requests_per_minute=4)
    assert await seconds_for(limited, 2) < 1
    assert await seconds_for(limited, 1) == pytest.approx(30, abs=1)


@in_no_time
async def test_a_rate_limit_holds_back_what_a_transport_asks_again_on_its_own() -> None:
    class Persistent(Flaky):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncGenerator[StreamEvent, None]:
            for _ in range(3):
                await admission()
            async for event in super().stream(messages, tools, system):
                yield event

    limited = RateLimit(Persistent(0), requests_per_minute=2)
    outer = RateLimit(limited, requests_per_minute=2)
    assert await seconds_for(limited, 1) == pytest.approx(60, abs=1)
    assert await seconds_for(outer, 1) == pytest.approx(120, abs=1)  # the inner one is empty


async def test_a_silence_inside_retry_is_asked_again() -> None:
    inner = Silent(answers=2)
    assert await answer(quick(Watchdog(inner, 0.02))) == "ok"
    assert (inner.asked, inner.open) == (2, 0)


async def test_stop_repetition_outermost() -> None:
    inner = Babbling()
    transport = StopRepetition(RateLimit(quick(Watchdog(inner, 5)), concurrency=1))
    for _ in range(2):
        assert NOTE in await answer(transport)
    assert inner.open == 0


async def test_recording_around_all_and_inside_all(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    flaky = Flaky(1)
    transport = RecordTransport(quick(RecordTransport(flaky, inside)), outside)
    assert await answer(transport) == "ok"
    assert await answer(ReplayTransport(outside)) == "ok"
    assert await answer(quick(ReplayTransport(inside))) == "ok"


@pytest.mark.parametrize("at", range(3))
async def test_a_fault_deep_inside_comes_out_as_it_went_in(at: int) -> None:
    error = ProviderError("no", status=400)
    transport = StopRepetition(
        RateLimit(
            Fallback(quick(Watchdog(FaultTransport(make_stub_transport(), Raises(at, error)))))
        )
    )
    stream = Agent("", transport).run_stream("go", MemoryContextStore())
    assert [e.exception async for e in stream if isinstance(e, Error)] == [error]


async def test_a_watchdog_leaves_no_timer_behind() -> None:
    transport = Watchdog(StubTransport([make_text_response("ok")]), seconds=3600)
    assert await Agent("", transport).run("go", MemoryContextStore()) == "ok"
    loop: Any = asyncio.get_running_loop()
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == []
