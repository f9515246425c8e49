"""`RealtimeAgent` over a conversation in memory."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from axio import (
    RUN,
    RealtimeAgent,
    RealtimeSession,
    RealtimeTransport,
    StopReason,
    Tool,
    history,
)
from axio.blocks import TextBlock
from axio.events import (
    AudioOutputDelta,
    Error,
    StreamEvent,
    ToolInputDelta,
    ToolUseStart,
    TurnComplete,
)
from axio.exceptions import Deferred, GuardError, StreamError
from axio.permission import PermissionGuard
from support.clock import in_no_time

INTERRUPTED = f"error: {history.INTERRUPTED}"
CALLED = TurnComplete(StopReason.tool_use)
SPOKEN = TurnComplete(StopReason.end_turn)


class Conversation:
    """Plays `events`; then stays open until it is closed. Keeps what was done to it, in order."""

    def __init__(self, *events: StreamEvent) -> None:
        self.queue: asyncio.Queue[StreamEvent | None] = asyncio.Queue()
        for event in events:
            self.queue.put_nowait(event)
        self.done: list[tuple[Any, ...]] = []
        self.over = asyncio.Event()
        self.broken = False

    async def send(self, content: Any) -> None:
        self.done.append(("send", content))

    async def commit(self) -> None:
        self.done.append(("commit",))

    async def interrupt(self) -> None:
        self.done.append(("interrupt",))

    async def send_tool_result(self, tool_use_id: str, name: str, content: Any) -> None:
        if self.broken:
            raise ConnectionError("gone")
        self.done.append(("result", tool_use_id, name, content))

    async def close(self) -> None:
        self.done.append(("close",))

    def end(self) -> None:
        self.queue.put_nowait(None)

    async def events(self) -> AsyncIterator[StreamEvent]:
        while (event := await self.queue.get()) is not None:
            yield event
        self.over.set()

    @property
    def results(self) -> dict[str, Any]:
        return {step[1]: step[3] for step in self.done if step[0] == "result"}


class Line:
    """Connects to one conversation, and keeps with what it was asked to."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.asked: list[dict[str, Any]] = []

    async def connect(self, **options: Any) -> Any:
        self.asked.append(options)
        return self.conversation


def call(id: str = "c1", name: str = "echo", *pieces: str, index: int = 0) -> list[StreamEvent]:
    return [
        ToolUseStart(index, id, name),
        *(ToolInputDelta(index, id, piece) for piece in pieces or ('{"text": ', '"hi"}')),
    ]


async def echo(text: str) -> str:
    return text


async def fail() -> str:
    raise ValueError("no luck")


started = asyncio.Event()


async def hang() -> str:
    started.set()
    await asyncio.Event().wait()
    return "never"


async def cancels_itself() -> str:
    raise asyncio.CancelledError


TOOLS: list[Tool[Any]] = [
    Tool(handler.__name__, handler=handler) for handler in (echo, fail, hang, cancels_itself)
]


def now() -> float:
    return asyncio.get_running_loop().time()


async def heard(conversation: Conversation, **options: Any) -> list[StreamEvent]:
    """All events of a conversation that ends by itself."""
    conversation.end()
    async with RealtimeAgent("", Line(conversation), TOOLS, **options) as agent:
        return [event async for event in agent.events()]


async def test_connecting_passes_the_five_options() -> None:
    line = Line(Conversation())
    agent = RealtimeAgent("be kind", line, TOOLS, "alloy", "audio/a", "audio/b")
    assert isinstance(line, RealtimeTransport) and isinstance(line.conversation, RealtimeSession)
    async with agent:
        assert agent.session is line.conversation
        with pytest.raises(RuntimeError, match="already connected"):
            await agent.connect()
    assert line.asked == [
        {
            "system": "be kind",
            "tools": TOOLS,
            "voice": "alloy",
            "input_audio_format": "audio/a",
            "output_audio_format": "audio/b",
        }
    ]
    default = RealtimeAgent("", line)
    assert (default.tools, default.voice, default.raise_on_error) == ([], None, True)
    assert default.input_audio_format == "audio/pcm;rate=16000"
    assert default.output_audio_format == "audio/pcm;rate=24000"


async def test_nothing_works_before_connecting_and_closing_twice_is_no_error() -> None:
    conversation = Conversation()
    agent = RealtimeAgent("", Line(conversation))
    with pytest.raises(RuntimeError, match="not connected"):
        await agent.send(TextBlock("x"))
    with pytest.raises(RuntimeError, match="not connected"):
        await agent.commit()
    with pytest.raises(RuntimeError, match="not connected"):
        await agent.interrupt()
    with pytest.raises(RuntimeError, match="not connected"):
        _ = agent.session
    await agent.close()
    await agent.connect()
    await agent.send([TextBlock("x")])
    await agent.commit()
    await agent.close()
    await agent.close()
    assert conversation.done == [("send", [TextBlock("x")]), ("commit",), ("close",)]
    await agent.connect()  # a new conversation may follow
    await agent.close()


async def test_events_come_unchanged_and_calls_are_answered() -> None:
    events = [*call(), CALLED, AudioOutputDelta(b"x"), SPOKEN]
    conversation = Conversation(*events)
    assert await heard(conversation) == events
    assert conversation.done == [("result", "c1", "echo", "hi"), ("close",)]


async def test_audio_flows_while_a_tool_works() -> None:
    started.clear()
    conversation = Conversation(*call("c1", "hang", "{}"), CALLED, AudioOutputDelta(b"x"))
    async with RealtimeAgent("", Line(conversation), TOOLS) as agent:
        stream = agent.events()
        while not isinstance(await anext(stream), AudioOutputDelta):
            pass
        await asyncio.wait_for(started.wait(), 60)
        await agent.interrupt()
        conversation.end()
        assert [event async for event in stream] == []
    assert [step[0] for step in conversation.done] == ["result", "interrupt", "close"]
    assert "interrupted" in conversation.results["c1"]


async def test_a_call_that_is_interrupted_before_it_began_is_answered_too() -> None:
    conversation = Conversation(*call("c1", "hang", "{}"), CALLED)
    async with RealtimeAgent("", Line(conversation), TOOLS) as agent:
        stream = agent.events()
        while (await anext(stream)) is not CALLED:
            pass
        await agent.interrupt()  # without a moment in between
        conversation.end()
        assert [event async for event in stream] == []
    assert "interrupted" in conversation.results["c1"]


async def test_what_was_half_received_is_dropped_by_an_interruption() -> None:
    conversation = Conversation(*call("c1", "echo", '{"te'))
    async with RealtimeAgent("", Line(conversation), TOOLS) as agent:
        stream = agent.events()
        for _ in range(2):
            await anext(stream)
        await agent.interrupt()
        for event in (*call("c2"), CALLED):
            conversation.queue.put_nowait(event)
        conversation.end()
        _ = [event async for event in stream]
    assert conversation.results == {"c2": "hi"}


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("nothing", "{}", "Unknown tool"),
        ("fail", "{}", "error: ValueError: no luck"),
        ("cancels_itself", "{}", "error: the tool was cancelled from within"),
        ("echo", "{}", "error: "),
        ("echo", '{"text": ', "error: The arguments of this call are not valid JSON"),
        ("echo", "[1]", "error: The arguments of this call are not a JSON object"),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model(name: str, arguments: str, words: str) -> None:
    conversation = Conversation(*call("c1", name, arguments), CALLED)
    await heard(conversation)
    assert words in conversation.results["c1"]


async def test_several_calls_of_a_turn_run_and_a_turn_without_calls_runs_none() -> None:
    conversation = Conversation(
        *call("c1"), *call("c2", "echo", '{"text": "you"}', index=1), CALLED, *call("c3"), SPOKEN
    )
    await heard(conversation)
    assert conversation.results == {"c1": "hi", "c2": "you"}


async def test_an_error_is_raised_or_if_wanted_an_event() -> None:
    error = Error(StreamError("boom"))
    with pytest.raises(StreamError, match="boom"):
        await heard(Conversation(error))
    conversation = Conversation(error, SPOKEN)
    assert await heard(conversation, raise_on_error=False) == [error, SPOKEN]


async def test_an_answer_that_cannot_be_delivered_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    conversation = Conversation(*call(), CALLED)
    conversation.broken = True
    with caplog.at_level(logging.ERROR, "axio.realtime"):
        await heard(conversation)
    [record] = caplog.records
    assert record.name == "axio.realtime" and record.levelno == logging.ERROR
    assert "Failed to deliver tool result" in record.message and "c1" in record.message


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        ([TextBlock("a"), TextBlock("b")], [TextBlock("a"), TextBlock("b")]),
        ([], "[]"),
        ([1, 2], "[1, 2]"),
        ([TextBlock("a"), 2], '[{"text": "a"}, 2]'),
        ({"a": 1}, '{"a": 1}'),
        (None, ""),
    ],
)
async def test_only_content_blocks_are_sent_as_they_are(result: Any, sent: Any) -> None:
    async def give() -> Any:
        return result

    conversation = Conversation(*call("c1", "give", "{}"), CALLED)
    conversation.end()
    async with RealtimeAgent("", Line(conversation), [Tool("give", handler=give)]) as agent:
        _ = [event async for event in agent.events()]
    assert conversation.results == {"c1": sent}


@in_no_time
async def test_leaving_the_loop_waits_for_a_tool_as_long_as_it_takes() -> None:
    async def slow() -> str:
        await conversation.over.wait()
        await asyncio.sleep(3600)
        return "done"

    conversation = Conversation(*call("c1", "slow", "{}"), CALLED)
    conversation.end()
    async with RealtimeAgent("", Line(conversation), [Tool("slow", handler=slow)]) as agent:
        _ = [event async for event in agent.events()]
    assert conversation.results == {"c1": "done"}


@pytest.mark.parametrize("ended", [False, True])
async def test_a_cancellation_does_not_wait_for_tools(ended: bool) -> None:
    working = asyncio.Event()

    async def work() -> None:
        working.set()
        await asyncio.Event().wait()

    conversation = Conversation(*call("c1", "work", "{}"), CALLED)
    if ended:
        conversation.end()
    async with RealtimeAgent("", Line(conversation), [Tool("work", handler=work)]) as agent:

        async def listen() -> None:
            async for _ in agent.events():
                pass

        task = asyncio.ensure_future(listen())
        await working.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 60)
        assert "interrupted" in conversation.results["c1"]


@pytest.mark.parametrize("again", [False, True])
@in_no_time
async def test_only_a_cancellation_of_the_listening_ends_tools(again: bool) -> None:
    async def work() -> str:
        working.set()
        await conversation.over.wait()
        await asyncio.sleep(3600)
        return "done"

    async def say_last_words() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            async with RealtimeAgent("", Line(conversation), [Tool("work", handler=work)]) as agent:
                async for _ in agent.events():
                    pass

    working = asyncio.Event()
    conversation = Conversation(*call("c1", "work", "{}"), CALLED)
    task = asyncio.create_task(say_last_words())
    await asyncio.sleep(0)
    task.cancel()
    await working.wait()
    if again:
        task.cancel()
    else:
        conversation.end()
    await asyncio.wait([task])
    assert task.cancelled(), "its own cancellation goes on"
    assert conversation.results == {"c1": INTERRUPTED if again else "done"}


@in_no_time
async def test_closing_waits_for_a_tool_but_not_for_ever() -> None:
    conversation = Conversation(*call("c1", "hang", "{}"), CALLED)
    before = asyncio.all_tasks()
    async with RealtimeAgent("", Line(conversation), TOOLS) as agent:
        stream = agent.events()
        while (await anext(stream)) is not CALLED:
            pass
        begin = now()
        await agent.close()
        assert now() - begin == pytest.approx(10, abs=1)
    conversation.end()
    assert [event async for event in stream] == []
    assert "interrupted" in conversation.results["c1"]
    assert conversation.done[-1] == ("close",)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(("seconds", "answer"), [(9, "done"), (3600, INTERRUPTED)])
@in_no_time
async def test_closing_gives_a_tool_some_seconds_to_end(seconds: float, answer: str) -> None:
    async def work() -> str:
        await asyncio.sleep(seconds)
        return "done"

    conversation = Conversation(*call("c1", "work", "{}"), CALLED)
    async with RealtimeAgent("", Line(conversation), [Tool("work", handler=work)]) as agent:
        async for event in agent.events():
            if event is CALLED:
                await agent.close()
                break
    assert conversation.results == {"c1": answer}


@in_no_time
async def test_a_tool_that_does_not_let_itself_be_cancelled_holds_up_a_close_no_longer() -> None:
    async def deaf() -> str:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()
        return "late"

    over = asyncio.Event()
    conversation = Conversation(*call("c1", "deaf", "{}"), CALLED)
    async with RealtimeAgent("", Line(conversation), [Tool("deaf", handler=deaf)]) as agent:
        stream = agent.events()
        while (await anext(stream)) is not CALLED:
            pass
        begin = now()
        await agent.close()
        assert now() - begin == pytest.approx(15, abs=1)
    assert conversation.results == {"c1": INTERRUPTED}
    over.set()
    conversation.end()
    assert [event async for event in stream] == []


@in_no_time
async def test_a_conversation_that_failed_is_not_held_up_by_its_tools() -> None:
    gone = Error(StreamError("the provider went away"))
    conversation = Conversation(*call("c1", "hang", "{}"), CALLED, gone)
    async with RealtimeAgent("", Line(conversation), TOOLS) as agent:
        begin = now()
        with pytest.raises(StreamError, match="went away"):
            _ = [event async for event in agent.events()]
        assert now() - begin == pytest.approx(10, abs=1)
    assert conversation.results == {"c1": INTERRUPTED}


async def answers(*calls: StreamEvent, tools: list[Tool[Any]]) -> dict[str, Any]:
    """The results of one turn of calls."""
    conversation = Conversation(*calls, CALLED)
    conversation.end()
    async with RealtimeAgent("", Line(conversation), tools) as agent:
        _ = [event async for event in agent.events()]
    return conversation.results


async def test_a_tool_knows_its_call_and_calls_other_tools() -> None:
    async def look() -> str:
        run = RUN.get()
        run.progress("looking")
        inner = await run.call("echo", {"text": "you"})
        return f"{run.call_id} {run.tool_name}: {inner.content}"

    tools = [Tool("look", look), *TOOLS]
    assert await answers(*call("c1", "look", "{}"), tools=tools) == {"c1": "c1 look: you"}
    assert RUN.get(None) is None


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (GuardError("not today"), "error: GuardError: not today"),
        (Deferred("ask the boss"), "cannot wait. ask the boss"),
    ],
)
async def test_guards_are_asked_and_no_call_waits_for_a_person(
    verdict: GuardError, words: str
) -> None:
    class Strict(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise verdict

    tools = [Tool("echo", echo, guards=(Strict(),))]
    results = await answers(*call(), tools=tools)
    assert words in results["c1"] and results["c1"].startswith("error: ")


async def test_what_a_tool_had_said_when_it_was_interrupted_is_sent() -> None:
    async def count() -> AsyncIterator[str]:
        yield "one"
        reached.set()
        await asyncio.Event().wait()

    reached = asyncio.Event()
    conversation = Conversation(*call("c1", "count", "{}"), CALLED)
    async with RealtimeAgent("", Line(conversation), [Tool("count", count)]) as agent:
        stream = agent.events()
        while (await anext(stream)) is not CALLED:
            pass
        await reached.wait()
        await agent.interrupt()
    assert conversation.results == {"c1": f"error: one\n{history.INTERRUPTED}"}


async def test_an_id_may_come_again_in_another_turn() -> None:
    conversation = Conversation(*call(), CALLED, *call("c1", "echo", '{"text": "you"}'), CALLED)
    await heard(conversation)
    assert [step for step in conversation.done if step[0] == "result"] == [
        ("result", "c1", "echo", "hi"),
        ("result", "c1", "echo", "you"),
    ]


async def test_tools_that_are_changed_meanwhile_are_those_that_run() -> None:
    conversation = Conversation(*call(), CALLED)
    conversation.end()
    async with RealtimeAgent("", Line(conversation)) as agent:
        agent.tools = TOOLS
        _ = [event async for event in agent.events()]
    assert conversation.results == {"c1": "hi"}


async def test_an_error_that_is_not_for_the_model_reaches_the_program() -> None:
    class Abort(BaseException):
        """As those that test runners raise."""

    async def stop() -> str:
        raise Abort

    with pytest.raises(Abort):
        await answers(*call("c1", "stop", "{}"), tools=[Tool("stop", stop)])
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_no_time
async def test_a_session_that_takes_no_answers_does_not_hold_up_a_close(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stuck(Conversation):
        async def send_tool_result(self, tool_use_id: str, name: str, content: Any) -> None:
            await asyncio.Event().wait()

    conversation = Stuck(*call(), CALLED)
    before = asyncio.all_tasks()
    async with RealtimeAgent("", Line(conversation), TOOLS) as agent:
        stream = agent.events()
        while (await anext(stream)) is not CALLED:
            pass
        await agent.close()
        conversation.end()
        assert [event async for event in stream] == []
    assert "does not take the answers" in caplog.text
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_calls_of_a_second_turn_join_those_that_still_run() -> None:
    async def work(text: str) -> str:
        await going.wait()
        return text

    going = asyncio.Event()
    two = call("c2", "work", '{"text": "you"}')
    conversation = Conversation(*call("c1", "work"), CALLED, *two, CALLED)
    before = asyncio.all_tasks()
    async with RealtimeAgent("", Line(conversation), [Tool("work", work)]) as agent:
        stream = agent.events()
        turns = 0
        while turns < 2:
            turns += (await anext(stream)) is CALLED
        going.set()
        conversation.end()
        assert [event async for event in stream] == []
    assert conversation.results == {"c1": "hi", "c2": "you"}
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("slow", ["a tool that cleans up", "a session that is told"])
@in_no_time
async def test_a_cancel_of_an_interruption_waits_and_goes_on(slow: str) -> None:
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(2 if slow == "a tool that cleans up" else 0)
        return ""

    class Told(Conversation):
        async def send_tool_result(self, tool_use_id: str, name: str, content: Any) -> None:
            await asyncio.sleep(2 if slow == "a session that is told" else 0)
            await super().send_tool_result(tool_use_id, name, content)

    conversation = Told(*call("c1", "work", "{}"), CALLED)
    async with RealtimeAgent("", Line(conversation), [Tool("work", work)]) as agent:
        stream = agent.events()
        while (await anext(stream)) is not CALLED:
            pass
        task = asyncio.create_task(agent.interrupt())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert conversation.results == {"c1": INTERRUPTED}


@dataclass
class Named(RealtimeAgent):
    """Has no slots, as a subclass of a user may well not."""

    name: str = "anna"


async def test_a_subclass_with_fields_of_its_own_connects() -> None:
    conversation = Conversation()
    agent = Named("", Line(conversation), name="otto")
    async with agent:
        assert (agent.name, agent.session) == ("otto", conversation)
    assert conversation.done == [("close",)]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))]
)
async def test_a_copy_is_not_connected(copied: Any) -> None:
    conversation = Conversation()
    agent = Named("hi", Line(conversation), TOOLS[:1], name="otto")
    for _ in range(2):
        twin = copied(agent)
        assert (twin.system, twin.name, twin.tools) == ("hi", "otto", agent.tools)
        with pytest.raises(RuntimeError, match="not connected"):
            twin.session  # noqa: B018
        if agent._calls is None:
            await agent.connect()
    assert agent.session is conversation
    async with copied(agent) as twin:
        assert twin.session is not None
    assert agent.session is conversation
    await agent.close()
