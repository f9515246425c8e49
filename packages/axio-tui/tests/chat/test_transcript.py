"""From events to a transcript, and from a stored history to the same one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from axio import Agent
from axio.approval import decide, pending
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import MemoryContextStore
from axio.events import (
    Error,
    IterationEnd,
    NestedEvent,
    ReasoningDelta,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.history import UNKNOWN_OUTCOME
from axio.messages import Message
from axio.types import StopReason, Usage
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.entries import (
    DECISION,
    Entry,
    Failure,
    Note,
    Reasoning,
    SubAgent,
    Text,
    ToolCall,
    User,
)
from axio_tui.chat.remarks import Mark, Remark, Said, remark_from_dict, to_dict
from support.made_up_chats import RUNS, Model, Run, delegating, tools


class Live:
    """A session whose transcript is kept as its runs go on."""

    def __init__(self, nudges: bool) -> None:
        self.store = MemoryContextStore()
        self.conversation = Conversation(session_id="s", nudges=nudges)
        self.remarks: list[Remark] = []
        self.children: dict[str, MemoryContextStore] = {}
        self.seen: list[Entry] = []
        self.model = Model(nudge_on_media_tool_result=nudges)
        self.nested: Any = []
        delegate = delegating(self.store_of, self.nested)
        self.agent = Agent("", self.model, tools(delegate))

    def store_of(self, call_id: str) -> MemoryContextStore:
        session = self.conversation.agent_session(call_id)
        return self.children.setdefault(session, MemoryContextStore())

    def look(self) -> None:
        """Take over what has changed, as a front end does."""
        entries = self.conversation.entries
        for index in sorted(self.conversation.changed()):
            self.seen[index : index + 1] = entries[index : index + 1]
            del self.seen[len(entries) :]
        assert self.seen == entries

    async def play(self, run: Run) -> None:
        self.model.turns[:] = run.turns
        self.nested[:] = run.nested
        history = await self.store.get_history()
        if waiting := pending(history):
            for call in waiting:
                await decide(self.store, call, approve=run.approve)
            self.conversation.reload(await self.store.get_history(), self.remarks)
            self.conversation.begin()
            stream = self.agent.resume(self.store)
        else:
            self.conversation.say("go on")
            stream = self.agent.run_stream("go on", self.store)
        number = 0
        async for event in stream:
            self.conversation.feed(event)
            if number % 3 == 0:
                self.look()
            if number == run.steer_at and all(turn.end != "nothing" for turn in run.turns):
                with suppress(RuntimeError):  # the run has ended
                    stream.steer("steered")
                    self.conversation.steer("steered")
            # In the moment in which a turn ends no event tells if it was stored.
            if run.cancel_at is not None and number >= run.cancel_at and not _ends_turn(event):
                stream.cancel()
            if run.leave_at is not None and number >= run.leave_at and not _ends_turn(event):
                break
            number += 1
        else:
            run = replace(run, leave_at=None)
        await stream.aclose()
        self.conversation.close()
        self.remarks += [
            remark_from_dict(json.loads(json.dumps(to_dict(remark))))
            for remark in self.conversation.take_remarks()
        ]
        if run.leave_at is not None:  # its last events were not told
            self.conversation.reload(await self.store.get_history(), self.remarks)
            self.conversation.agents.clear()

    async def check(self) -> None:
        self.look()
        history = await self.store.get_history()
        resumed = Conversation(history, self.remarks, session_id="s")
        assert self.conversation.entries == resumed.entries
        assert not any(
            isinstance(entry, ToolCall) and entry.status in ("writing", "running")
            for entry in resumed.entries
        )
        for child in self.conversation.agents.values():
            stored = await self.children[child.session_id].get_history()
            assert child.entries == Conversation(stored, child.take_remarks()).entries


def _ends_turn(event: StreamEvent) -> bool:
    nested = event.event if isinstance(event, NestedEvent) else event
    return isinstance(nested, IterationEnd)


@pytest.mark.timeout(300)
@settings(max_examples=150, deadline=None, report_multiple_bugs=False, derandomize=True)
@given(RUNS, st.booleans())
async def test_a_resumed_transcript_is_the_live_one(runs: Sequence[Run], nudges: bool) -> None:
    live = Live(nudges)
    for run in runs:
        await live.play(run)
        await live.check()


# ── one behaviour each ────────────────────────────────────────────────────────────────────────


def fed(*events: StreamEvent, prompt: str = "hi") -> Conversation:
    conversation = Conversation(session_id="s")
    conversation.say(prompt)
    for event in events:
        conversation.feed(event)
    return conversation


START: list[StreamEvent] = [ToolUseStart(0, "a", "look"), ToolInputDelta(0, "a", '{"text": "x"}')]
CALLS = IterationEnd(1, StopReason.tool_use, Usage(1, 1))


def test_a_call_is_written_then_runs_then_has_a_result() -> None:
    conversation = fed(*START)
    [_, call] = conversation.entries
    assert call == ToolCall("a", "look", {}, "writing")
    assert getattr(call, "draft", None) == '{"text": "x"}'
    conversation.feed(CALLS)
    assert conversation.entries[1] == ToolCall("a", "look", {"text": "x"}, "running")
    conversation.feed(ToolOutputDelta("a", "look", "stdout", "half of it"))
    assert getattr(conversation.entries[1], "output", None) == "half of it"
    conversation.feed(ToolResult("a", "look", False, "all of it", {"text": "x"}))
    assert conversation.entries[1] == ToolCall("a", "look", {"text": "x"}, "done", "all of it")
    assert getattr(conversation.entries[1], "output", None) == ""


def test_of_much_output_the_end_is_kept() -> None:
    conversation = fed(*START, CALLS)
    for number in range(30):
        conversation.feed(ToolOutputDelta("a", "look", "stdout", f"{number}" + "x" * 999))
    output = getattr(conversation.entries[1], "output", "")
    assert len(output) == 20_000 and "29x" in output and "0x" not in output[:1000]


def test_text_behind_a_call_stands_before_it_as_in_the_history() -> None:
    conversation = fed(TextDelta(0, "one "), *START, TextDelta(0, "two"))
    assert conversation.entries[1] == Text("one two")
    conversation.feed(CALLS)
    assert [type(entry) for entry in conversation.entries] == [User, Text, ToolCall]


def test_a_failure_keeps_the_words_that_are_lost() -> None:
    failed = Error(ValueError("the line broke"))
    end = SessionEndEvent(StopReason.error, Usage(0, 0), "error")
    conversation = fed(TextDelta(0, "half an ans"), failed, end)
    assert conversation.entries == [User("hi"), Failure("the line broke", "half an ans")]
    [remark] = conversation.take_remarks()
    resumed = Conversation([Message("user", [TextBlock("hi")])], [remark])
    assert resumed.entries == conversation.entries
    assert conversation.take_remarks() == []


def test_the_words_of_a_failure_are_the_front_ends() -> None:
    conversation = Conversation(explain=lambda error: type(error).__name__)
    conversation.feed(Error(ValueError("sk-secret")))
    assert conversation.entries == [Failure("ValueError")]


def test_reasoning_tells_how_long_it_took_and_comes_back() -> None:
    ticks = iter(range(5, 15))
    conversation = Conversation(clock=lambda: float(next(ticks)))
    conversation.say("hi")
    for piece in ("hm", "m", "m"):
        conversation.feed(ReasoningDelta(0, piece))
    assert conversation.entries[1] == Reasoning("hmmm")
    assert getattr(conversation.entries[1], "seconds", None) == 2.0
    conversation.feed(IterationEnd(1, StopReason.end_turn, Usage(1, 1)))
    [remark] = conversation.take_remarks()
    assert remark_from_dict(to_dict(remark)) == Said(1, Reasoning("hmmm", 2.0))


def test_an_answer_to_a_question_stays_with_its_call() -> None:
    conversation = fed(*START, CALLS)
    conversation.feed(ToolOutputDelta("a", "look", DECISION, "allowed once"))
    conversation.feed(ToolOutputDelta("nobody's", "look", DECISION, "allowed once"))
    assert getattr(conversation.entries[1], "decision", None) == "allowed once"
    assert conversation.take_remarks() == [Mark(1, "a", "allowed once")]


def test_sub_agents_of_equal_calls_have_sessions_of_their_own() -> None:
    conversation = fed()
    for id in ("a", "a_2"):  # the ids that the session gives to two calls of the id "a"
        conversation.say("go on")
        nested = NestedEvent(id, "helper", TextDelta(0, "I look."))
        for event in (*START, CALLS, nested, ToolResult(id, "look", False, "done", {"text": "x"})):
            conversation.feed(event)
    agents = [entry.agents for entry in conversation.entries if isinstance(entry, ToolCall)]
    assert agents == [(SubAgent("helper", "s/a"),), (SubAgent("helper", "s/a_2"),)]


def test_a_history_that_a_crash_left_open_shows_calls_whose_outcome_is_unknown() -> None:
    history = [
        Message("user", [TextBlock("hi")]),
        Message("assistant", [ToolUseBlock("a", "look", {})]),
    ]
    conversation = Conversation(history)
    [_, call] = conversation.entries
    assert isinstance(call, ToolCall) and call.status == "failed"
    assert call.result == UNKNOWN_OUTCOME
    conversation.feed(ToolResult("a", "look", False, "there it is", {}))
    [_, call] = conversation.entries
    assert isinstance(call, ToolCall) and (call.status, call.result) == ("done", "there it is")


def test_words_of_the_system_in_a_history_are_a_note() -> None:
    history = [Message("system", [TextBlock("Be brief.")])]
    assert Conversation(history).entries == [Note("system", "Be brief.")]


def test_a_reload_keeps_what_is_the_same_with_its_times() -> None:
    conversation = fed(*START, CALLS, ToolResult("a", "look", False, "x", {"text": "x"}))
    conversation.changed()
    before = list(conversation.entries)
    history = [
        Message("user", [TextBlock("hi")]),
        Message("assistant", [ToolUseBlock("a", "look", {"text": "x"})]),
        Message("user", [ToolResultBlock("a", "x")]),
    ]
    conversation.reload(history, [])
    assert all(a is b for a, b in zip(conversation.entries, before, strict=True))
    assert conversation.changed() == set()
    conversation.reload(history[:1], [])
    assert conversation.entries == before[:1] and conversation.changed() == {1}


@pytest.mark.parametrize(
    "data",
    [{}, {"type": "note"}, {"type": "odd", "at": 0}, {"type": "note", "at": "x", "kind": "k"}],
)
def test_what_is_no_remark_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        remark_from_dict(data)


@given(st.lists(st.sampled_from(["x", "stopped"]), max_size=3), st.integers(0, 9))
def test_remarks_behind_the_end_come_last(texts: list[str], at: int) -> None:
    remarks = [Said(at, Note(text)) for text in texts]
    entries = Conversation([Message("user", [TextBlock("hi")])], remarks).entries
    notes = [Note(text) for text in texts]
    assert entries == ([User("hi"), *notes] if at else [*notes, User("hi")])
