"""A conversation without a terminal: runs, what waits for them, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from axio import Agent
from axio.approval import decide, pending
from axio.blocks import TextBlock
from axio.compaction import SlidingWindow
from axio.context import ContextStore, MemoryContextStore
from axio.events import IterationEnd, SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import ModelStopped, SessionBusy
from axio.messages import Message
from axio.testing import StubTransport, make_text_response
from axio.types import StopReason, Usage
from axio_context_sqlite import SQLiteContextStore, connect
from axio_tui.chat.entries import Failure, Note, Text, ToolCall, User
from axio_tui.chat.session import ChatSession
from support.made_up_chats import RUNS, Model, Run, Turn, delegating, tools


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ContextStore]:
    if request.param == "memory":
        yield MemoryContextStore()
        return
    conn = await connect(tmp_path / "axio.db")
    yield SQLiteContextStore(conn, "s", "p")
    await conn.close()


async def test_the_end_of_a_long_conversation_is_seen_before_the_rest_is_read(
    tmp_path: Path,
) -> None:
    conn = await connect(tmp_path / "axio.db")
    try:
        store = SQLiteContextStore(conn, "s", "p")
        await store.extend(
            Message(role, [TextBlock(f"{role} {n}")])
            for n in range(300)
            for role in ("user", "assistant")
        )
        session = ChatSession(answering("new"), store)
        await session.open()
        await ended(session.send("one more"))
        await session.note(Note("shell", "a note"))
        await session.close()
        whole = list(session.conversation.entries)
        seen: list[Any] = []

        async def look() -> None:
            seen.extend(again.conversation.entries)

        again = ChatSession(answering(), SQLiteContextStore(conn, "s", "p"))
        await again.open(seen=look)
        await again.close()
        assert again.conversation.entries == whole
        assert 100 < len(seen) < 200 and seen == whole[-len(seen) :]
        seen.clear()
        short = ChatSession(answering(), SQLiteContextStore(conn, "t", "p"))
        await short.open(seen=look)
        await short.close()
        assert seen == []
    finally:
        await conn.close()


async def test_a_conversation_that_cannot_be_shown_is_closed_again(tmp_path: Path) -> None:
    conn = await connect(tmp_path / "axio.db")
    try:
        store = SQLiteContextStore(conn, "s", "p")
        await store.extend(Message("user", [TextBlock(str(n))]) for n in range(300))

        async def fail() -> None:
            raise ValueError("no screen")

        session = ChatSession(answering(), store)
        with pytest.raises(ValueError, match="no screen"):
            await session.open(seen=fail)
        other = ChatSession(answering(), SQLiteContextStore(conn, "s", "p"))
        await other.open()
        await other.close()
    finally:
        await conn.close()


class Gated:
    """A model that answers with the last prompt once `gate` is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        yield TextDelta(0, f"to {messages[-1].text}: ")
        self.begun.set()
        await self.gate.wait()
        yield TextDelta(0, "done")
        yield IterationEnd(0, StopReason.end_turn, Usage(1, 1))


def answering(*texts: str) -> Agent:
    return Agent("", StubTransport([make_text_response(text) for text in texts]))


def full_disk() -> None:
    raise OSError("no room")


async def ended(stream: Any) -> SessionEndEvent:
    events = [event async for event in stream]
    assert isinstance(events[-1], SessionEndEvent)
    return events[-1]


async def reopened(session: ChatSession) -> ChatSession:
    """The same session as a later program finds it."""
    store = session.store
    if isinstance(store, SQLiteContextStore):
        store = store.beside(store.session_id)
    again = ChatSession(session.agent, store)
    await again.load()
    return again


def texts(session: ChatSession) -> list[str]:
    return [getattr(entry, "text", "") for entry in session.conversation.entries]


async def test_what_is_queued_is_sent_when_the_run_has_ended(store: ContextStore) -> None:
    model = Gated()
    session = ChatSession(Agent("", model), store)
    task = asyncio.create_task(ended(session.send("one")))
    await model.begun.wait()
    for prompt in ("two", "three"):
        await session.queue(prompt)
    assert session.next() is None, "a run goes on"
    model.gate.set()
    await task
    while stream := session.next():
        await ended(stream)
    assert texts(session)[0::2] == ["one", "two", "three"]
    assert session.inbox.waiting == []
    assert (await reopened(session)).inbox.waiting == []


async def test_a_prompt_that_a_run_has_waits_no_more(store: ContextStore) -> None:
    model = Gated()
    session = ChatSession(Agent("", model), store)
    for prompt in ("one", "two"):
        await session.queue(prompt)
    stream = session.next()
    assert stream is not None
    task = asyncio.create_task(ended(stream))
    await model.begun.wait()
    assert [waiting.message.text for waiting in session.inbox.waiting] == ["two"]
    taken = await session.inbox.take_back()
    assert taken is not None and taken.text == "two"
    assert await session.inbox.take_back() is None, "the run has it"
    model.gate.set()
    await task
    assert texts(session) == ["one", "to one: done"]
    assert session.inbox.waiting == [] == (await reopened(session)).inbox.waiting


async def test_a_prompt_that_a_run_could_not_store_is_parked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as store:
        session = ChatSession(answering("ok", "ok"), store)
        await session.queue("one")
        with monkeypatch.context() as patch:
            patch.setattr(store, "own", full_disk)
            stream = session.next()
            assert stream is not None and session.inbox.waiting == []
            with pytest.raises(OSError, match="no room"):
                await ended(stream)
        assert [(w.message.text, w.state) for w in session.inbox.waiting] == [("one", "parked")]
        session.inbox.unpark()
        stream = session.next()
        assert stream is not None
        await ended(stream)
        assert texts(session) == ["one", "ok"] and session.inbox.waiting == []


async def test_a_steering_prompt_is_in_the_next_request_of_the_run(store: ContextStore) -> None:
    model = Gated()
    session = ChatSession(Agent("", model), store)
    task = asyncio.create_task(ended(session.send("one")))
    await model.begun.wait()
    assert (await session.steer("two")).state == "steering"
    model.gate.set()
    await task
    assert texts(session) == ["one", "to one: done", "two", "to two: done"]
    assert session.inbox.waiting == [] == (await reopened(session)).inbox.waiting


async def test_steering_without_a_run_queues(store: ContextStore) -> None:
    session = ChatSession(answering("ok"), store)
    await session.steer("one")
    assert [waiting.state for waiting in session.inbox.waiting] == ["queued"]


async def test_stopping_keeps_the_text_and_parks_what_waits(store: ContextStore) -> None:
    model = Gated()
    session = ChatSession(Agent("", model), store)
    task = asyncio.create_task(ended(session.send("one")))
    await model.begun.wait()
    for prompt in ("two", "three"):
        await session.queue(prompt)
    session.stop()
    assert (await task).reason == "cancelled"
    said = [User("one"), Text("to one: "), Note("cancelled")]
    assert session.conversation.entries == said
    assert session.next() is None
    assert [waiting.state for waiting in session.inbox.waiting] == ["parked"] * 2
    taken = await session.inbox.take_back()
    assert taken is not None and taken.text == "three"
    model.gate.set()
    session.inbox.unpark()
    stream = session.next()
    assert stream is not None
    await ended(stream)
    assert texts(session)[-2:] == ["two", "to two: done"]


async def test_a_run_that_fails_parks_what_waits(store: ContextStore) -> None:
    session = ChatSession(Agent("", Model([Turn([], "raise")])), store)
    await session.queue("two")
    await ended(session.send("one"))
    assert session.conversation.entries == [User("one"), Failure("the line broke")]
    assert session.next() is None and len(session.inbox.waiting) == 1


async def test_one_run_at_a_time(store: ContextStore) -> None:
    model = Gated()
    session = ChatSession(Agent("", model), store)
    task = asyncio.create_task(ended(session.send("one")))
    await model.begun.wait()
    with pytest.raises(RuntimeError, match="queue the prompt, or stop it first"):
        await ended(session.send("two"))
    for busy in (session.fork(), session.compact()):
        with pytest.raises(RuntimeError, match="while a run goes on"):
            await busy
    model.gate.set()
    await task
    assert texts(session) == ["one", "to one: done"] and not session.is_busy


async def test_a_run_that_is_left_in_the_middle_shows_what_is_stored(store: ContextStore) -> None:
    session = ChatSession(Agent("", Gated()), store)
    stream = session.send("one")
    await anext(stream)
    await stream.aclose()
    said = [User("one"), Text("to one: "), Note("cancelled")]
    assert session.conversation.entries == said
    assert not session.is_busy


async def test_a_prompt_that_cannot_be_stored_is_not_shown_as_said(tmp_path: Path) -> None:
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", wait=0) as store:
        session = ChatSession(answering("ok"), store)
        async with store.beside("s").own():
            with pytest.raises(SessionBusy):
                await ended(session.send("one"))
        assert session.conversation.entries == []
        await ended(session.send("one"))
        assert texts(session) == ["one", "ok"]


async def test_another_writer_is_seen_after_the_next_run(store: ContextStore) -> None:
    session = ChatSession(answering("ok"), store)
    await ended(session.send("one"))
    await store.extend([Message("user", [TextBlock("of another")])])
    await ended(session.send("two"))
    assert texts(session) == ["one", "ok", "of another", "two", "ok"]


async def test_a_fork_goes_on_by_itself_with_all_that_was_said(store: ContextStore) -> None:
    session = ChatSession(Agent("", Model([Turn([], "raise")])), store)
    await ended(session.send("one"))
    await session.queue("waits")
    fork = await session.fork()
    assert fork.conversation.entries == session.conversation.entries
    assert fork.inbox.waiting == []
    await ended(fork.send("two"))
    assert len(fork.conversation.entries) == len(session.conversation.entries) + 2


async def test_compacting_goes_on_in_a_new_session(store: ContextStore) -> None:
    agent = answering(*map(str, range(4)))
    session = ChatSession(agent, store)
    for prompt in "abcd":
        await ended(session.send(prompt))
    agent.transport = Model([Turn([], "raise")])
    await ended(session.send("e"))
    await session.queue("waits")
    before = list(session.conversation.entries)
    assert await session.compact(SlidingWindow(3))
    assert session.store.session_id != store.session_id
    assert session.conversation.entries[0] == Note("compacted", "about 2 tokens are 0 now")
    assert session.conversation.entries[1:] == before[-4:]
    assert [waiting.message.text for waiting in session.inbox.waiting] == ["waits"]
    old = ChatSession(agent, store)
    await old.load()
    assert len(await store.get_history()) == 9 and old.inbox.waiting == []


async def test_a_summary_that_fails_leaves_all_as_it_was(store: ContextStore) -> None:
    session = ChatSession(answering("ok"), store)
    for prompt in map(str, range(5)):
        await ended(session.send(prompt))
    session.agent.transport = Model([Turn([], "error")])
    before = (session.store, list(session.conversation.entries))
    with pytest.raises(ModelStopped):
        await session.compact()
    assert (session.store, session.conversation.entries) == before
    assert not await ChatSession(answering("ok")).compact()


async def test_rewinding_gives_the_prompt_back(store: ContextStore) -> None:
    session = ChatSession(answering("1", "2", "3"), store)
    for prompt in "abc":
        await ended(session.send(prompt))
    await session.queue("waits")
    points = await session.points()
    assert [point.message.text for point in points] == ["a", "b", "c"]
    assert (await session.rewind(points[1])).text == "b"
    assert texts(session) == ["a", "1"]
    assert [waiting.state for waiting in session.inbox.waiting] == ["queued"]
    assert texts(await reopened(session)) == ["a", "1"]
    with pytest.raises(ValueError, match="choose a prompt again"):
        await session.rewind(points[2])


async def test_a_failure_goes_when_the_session_is_rewound_to_before_it(
    store: ContextStore,
) -> None:
    session = ChatSession(
        Agent("", Model([Turn([TextDelta(0, "fine")]), Turn([], "raise")])), store
    )
    for prompt in "ab":
        await ended(session.send(prompt))
    assert isinstance(session.conversation.entries[-1], Failure)
    await session.rewind((await session.points())[1])
    assert session.conversation.entries == [User("a"), Text("fine")]


async def test_a_run_that_was_cut_off_is_unfinished(store: ContextStore) -> None:
    session = ChatSession(Agent("", Model([Turn([], "raise")])), store)
    assert not await session.is_unfinished()
    await ended(session.send("one"))
    assert await session.is_unfinished()
    await ended(session.resume())
    assert not await session.is_unfinished()
    assert texts(session) == ["one", "the line broke", "That is all."]


async def test_a_draft_is_kept(store: ContextStore) -> None:
    session = ChatSession(answering("ok"), store)
    for text in ("half", "half a prompt"):
        await session.keep_draft(text)
    assert await session.draft() == "half a prompt"
    await session.keep_draft("")
    assert await session.draft() == ""


@settings(max_examples=60, deadline=None, report_multiple_bugs=False, derandomize=True)
@given(RUNS)
async def test_a_kept_session_is_resumed_as_it_was_left(runs: Sequence[Run]) -> None:
    async with SQLiteContextStore.open(":memory:", "s", "p") as store:
        await play_all(store, runs)


async def play_all(store: SQLiteContextStore, runs: Sequence[Run]) -> None:
    model, nested = Model(), list[Turn]()

    def store_for(call_id: str) -> ContextStore:
        return session.beside(session.conversation.agent_session(call_id))

    session = ChatSession(Agent("", model, tools(delegating(store_for, nested))), store)
    await session.load()
    for run in runs:
        model.turns[:], nested[:] = run.turns, run.nested
        if waiting := pending(await store.get_history()):
            for call in waiting:
                await decide(store, call, approve=run.approve)
            await session.load()
        await play(session, session.resume() if waiting else session.send("go on"), run)
        again = await reopened(session)
        assert again.conversation.entries == session.conversation.entries
        await check_agents(session, again)


async def play(session: ChatSession, stream: Any, run: Run) -> None:
    number = 0
    async for _ in stream:
        if number == run.steer_at:
            await session.steer("steered")
        if run.cancel_at is not None and number >= run.cancel_at:
            session.stop()
        if run.leave_at is not None and number >= run.leave_at:
            break
        number += 1
    await stream.aclose()


async def check_agents(live: ChatSession, again: ChatSession) -> None:
    """The sub-agents of the last run are shown as they are kept, too."""
    kept = {
        agent.session_id
        for entry in again.conversation.entries
        if isinstance(entry, ToolCall)
        for agent in entry.agents
    }
    for agent in live.conversation.agents.values():
        assert agent.session_id in kept
        inner = ChatSession(again.agent, again.beside(agent.session_id))
        await inner.load()
        assert agent.entries == inner.conversation.entries
