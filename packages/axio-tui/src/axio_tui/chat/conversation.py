"""`Conversation`: the transcript of a session while its runs go on. No I/O, no `await`.

    conversation = Conversation(await store.get_history(), remarks)
    conversation.say(prompt)
    async for event in agent.run_stream(prompt, store):
        conversation.feed(event)
        paint(conversation.entries, conversation.changed())
    conversation.close()

Whenever no run goes on, `entries` are the same as those of a conversation that is made anew of the
history and all remarks. Two things no event tells: the words in which the results of background
tasks come, and whether a turn was stored that was stopped in the moment in which it ended. `reload`
puts both right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

from axio.approval import digest
from axio.blocks import AudioBlock, ImageBlock, ToolUseBlock, VideoBlock
from axio.events import (
    AudioOutput,
    Error,
    ImageOutput,
    IterationEnd,
    NestedEvent,
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
from axio.exceptions import LimitReached, message_of
from axio.history import INTERRUPTED, repair, unique_id
from axio.messages import Message, Prompt, as_message
from axio.types import StopReason
from axio_tui.chat.entries import (
    Entry,
    Failure,
    MediaBlock,
    Note,
    Reasoning,
    SubAgent,
    Text,
    ToolCall,
)
from axio_tui.chat.open_turn import OpenTurn
from axio_tui.chat.remarks import Mark, Remark, Said, marked
from axio_tui.chat.stored import answered, entries_in, entries_of_turn, user_entry

__all__ = ("Conversation",)

KEPT_OUTPUT = 20_000
"""Characters of a running tool's output that are kept, from its end."""

_ENDED_BY_CLOCK = ("time", "silence")
"""Limits that stop a run like a person does: what the model has said by then is kept."""


class Conversation:
    """`feed` it the events of one run after the other; `entries` is what there is to be seen.

    `explain` makes the words of a failure. `session_id` is the session's own, under which its
    sub-agents have theirs; `nudges` as the transport has it.
    """

    def __init__(
        self,
        messages: Sequence[Message] = (),
        remarks: Iterable[Remark] = (),
        *,
        session_id: str = "",
        nudges: bool = False,
        explain: Callable[[BaseException], str] = message_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session_id = session_id
        self.nudges = nudges
        self._explain = explain
        self._clock = clock
        self._entries: list[Entry] = []
        self._changed: set[int] = set()
        self._remarks: list[Remark] = []
        self.begin()
        self.reload(messages, remarks)

    def begin(self) -> None:
        """A run begins, so far without a prompt."""
        self.agents: dict[str, Conversation] = {}
        """The conversations of the sub-agents of the last run, by the call that they work for."""
        self._taken: set[str] = set()
        self._turn: OpenTurn | None = None
        self._places: dict[str, _Place] = {}
        self._running: set[str] = set()
        self._media: list[MediaBlock] = []
        self._has_media = False
        self._steering: list[Message] = []

    # ── what there is to be seen ──────────────────────────────────────────────────────────────

    @property
    def entries(self) -> Sequence[Entry]:
        """The transcript, from top to bottom. Do not change it."""
        self._refresh()
        return self._entries

    def changed(self) -> set[int]:
        """The indexes of entries that have changed, come or gone since it was asked last."""
        self._refresh()
        changed, self._changed = self._changed, set()
        return changed

    def _refresh(self) -> None:
        """Show what has come of the turn since; done when it is asked for, not for every delta."""
        if self._turn is not None and self._turn.is_stale:
            self._put(self._turn.start, self._turn.entries())

    def take_remarks(self) -> list[Remark]:
        """The remarks that have been made since it was asked last, to be kept with the history."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def _put(self, start: int, entries: Sequence[Entry]) -> None:
        """Make `entries` all that there is from `start` on."""
        old = self._entries[start:]
        self._entries[start:] = entries
        for index in range(max(len(old), len(entries))):
            known = old[index] if index < len(old) else None
            if index >= len(entries) or known is not entries[index]:
                self._changed.add(start + index)

    def _change(self, index: int, entry: Entry) -> None:
        self._entries[index] = entry
        self._changed.add(index)

    def _add(self, *entries: Entry) -> None:
        self._put(len(self._entries), entries)

    def _say(self, entry: Reasoning | Failure | Note) -> None:
        """Add an entry that is in no message."""
        self._remarks.append(Said(self._length, entry))
        self._add(entry)

    # ── beginning and end ─────────────────────────────────────────────────────────────────────

    def reload(self, messages: Sequence[Message], remarks: Iterable[Remark]) -> None:
        """Show what is stored. No run may be under way."""
        history = repair(messages)
        self._length = len(history)
        new = entries_in(history, remarks)
        same = min(len(new), len(self._entries))
        for index in range(same):
            if new[index] == self._entries[index]:  # which knows its time as well
                new[index] = self._entries[index]
        self._put(0, new)

    def say(self, prompt: Prompt) -> None:
        """A run begins with the prompt, which goes to the end of the history."""
        self.begin()
        self._store(as_message(prompt))

    def steer(self, prompt: Prompt) -> None:
        """The prompt was given to the run that goes on, and is stored before its next turn."""
        self._steering.append(as_message(prompt))

    def _store(self, message: Message) -> None:
        self._length += 1
        self._add(user_entry(message))

    def _store_steering(self) -> None:
        steering, self._steering = self._steering, []
        for message in steering:
            self._store(message)

    def close(self) -> None:
        """The run has ended, also when it could not say so: left in the middle, it was stopped."""
        if self._turn is not None or self._running:
            self._stop(partial=True)
            self._say(Note("cancelled"))

    def _stop(self, partial: bool) -> None:
        """The run is over: the text so far is kept, and no call has a result any more."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self._settle(turn, partial)
        for id in sorted(self._running, key=lambda id: self._places[id].entry):
            self._answer(id, INTERRUPTED, True)
        self._store_steering()
        for agent in self.agents.values():
            agent.close()

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: StreamEvent) -> None:
        """Take one event of the run."""
        kind = type(event)
        if kind is TextDelta:
            (self._turn or self._open()).feed(event)
        elif kind is ToolUseStart or kind is ToolInputDelta:
            if not self._running:  # else it is a call from inside of one
                (self._turn or self._open()).feed(event)
        else:
            self._feed(event)

    def _feed(self, event: StreamEvent) -> None:
        match event:
            case TextDelta() | ToolUseStart() | ToolInputDelta():  # of a class derived from ours
                (self._turn or self._open()).feed(event)
            case ReasoningDelta() | ReasoningEnd():
                (self._turn or self._open()).feed(event)
            case IterationEnd():
                self._end_turn(event)
            case ImageOutput() | AudioOutput() | VideoOutput():
                self._show(event)
            case ToolOutputDelta(tool_use_id=id, delta=delta):
                self._output(id, delta)
            case ToolResult():
                self._result(event)
            case NestedEvent():
                self._nested(event)
            case Error(exception=exception):
                self._fail(exception)
            case SessionEndEvent(stop_reason=stop, reason=reason):
                self._stop(partial=stop is StopReason.error)
                if reason in ("cancelled", "max_iterations", "approval"):
                    self._say(Note(reason))
                elif stop is StopReason.error and not self._has_failed():
                    self._say(Note(reason or "error"))

    def _has_failed(self) -> bool:
        return bool(self._entries) and isinstance(self._entries[-1], Failure)

    def _open(self) -> OpenTurn:
        """The turn that begins now."""
        self._store_steering()
        self._turn = OpenTurn(self._taken, len(self._entries), self._clock)
        return self._turn

    def _end_turn(self, event: IterationEnd) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.feed(event)
            self._settle(turn)

    def _settle(self, turn: OpenTurn, partial: bool = False) -> None:
        """Nothing more comes of the turn; the words that are kept of it are in the history now."""
        whole = turn.whole
        if not partial:
            whole.close()
        content = whole.partial() if partial else whole.content
        self._put(turn.start, ())
        for thought in turn.thoughts():
            self._say(thought)
        at = self._length
        self._length += bool(content)

        def call_of(block: ToolUseBlock) -> ToolCall:
            # Found again by its id, the same for the tool and the history.
            self._places[block.id] = _Place(len(self._entries), at, self._clock())
            self._running.add(block.id)
            return ToolCall(block.id, block.name, block.input, "running")

        for entry in entries_of_turn(content, call_of):
            self._add(entry)

    def _fail(self, exception: BaseException) -> None:
        """The run ends with an error. Of a turn that it breaks off nothing is kept."""
        turn, self._turn = self._turn, None
        lost = ""
        by_clock = isinstance(exception, LimitReached) and exception.reason in _ENDED_BY_CLOCK
        if turn is not None and by_clock:
            self._settle(turn, partial=True)
        elif turn is not None:
            lost = "".join(e.text for e in turn.entries() if isinstance(e, Text))
            self._put(turn.start, ())
            for thought in turn.thoughts():
                self._say(thought)
        self._say(Failure(self._explain(exception), lost))

    # ── calls ─────────────────────────────────────────────────────────────────────────────────

    def _show(self, event: ImageOutput | AudioOutput | VideoOutput) -> None:
        """A picture or the like: of the model or, while tools work, of the next result."""
        if not self._running:
            (self._turn or self._open()).feed(event)
        elif isinstance(event, ImageOutput):
            self._media.append(ImageBlock(event.media_type, event.data))
        elif isinstance(event, AudioOutput):
            self._media.append(AudioBlock(event.media_type, event.data))
        else:
            self._media.append(VideoBlock(event.media_type, event.data))

    def _output(self, id: str, text: str) -> None:
        place = self._places.get(id)
        if place is not None and id in self._running:
            call = cast(ToolCall, self._entries[place.entry])
            output = f"{call.output}{text}"[-KEPT_OUTPUT:]
            self._change(place.entry, replace(call, output=output))

    def _result(self, event: ToolResult) -> None:
        if event.tool_use_id in self._running:
            self._answer(event.tool_use_id, event.content, event.is_error)
        elif self._turn is None and event.tool_use_id not in self._places:
            self._answer_earlier(event)
        self._media.clear()

    def _answer(self, id: str, text: str, is_error: bool) -> None:
        place = self._places[id]
        call = cast(ToolCall, self._entries[place.entry])
        seconds = self._clock() - place.began
        self._change(place.entry, answered(call, text, self._media, is_error, seconds=seconds))
        self._has_media = self._has_media or bool(self._media)
        self._running.discard(id)
        if not self._running:
            self._length += 1 + (self.nudges and self._has_media)
            self._has_media = False

    def _answer_earlier(self, event: ToolResult) -> None:
        """The result of a call of an earlier run, which was approved meanwhile."""
        id, name, input = event.tool_use_id, event.name, event.input
        beginning = f"[approved {digest(id, name, input)}]"
        for index, call in enumerate(self._entries):
            if isinstance(call, ToolCall) and call.result.startswith(beginning):
                self._change(index, answered(call, event.content, self._media, event.is_error))
                return

    def decide(self, call_id: str, decision: str) -> None:
        """A person has answered the question about a call."""
        self._mark(call_id, decision=decision)

    def _mark(self, call_id: str, decision: str = "", agent: SubAgent | None = None) -> None:
        place = self._places.get(_outermost(call_id, self._places))
        if place is not None:
            call = cast(ToolCall, self._entries[place.entry])
            mark = Mark(place.message, call.call_id, decision, agent)
            self._remarks.append(mark)
            self._change(place.entry, marked(call, mark))

    # ── sub-agents ────────────────────────────────────────────────────────────────────────────

    def agent_session(self, call_id: str) -> str:
        """The session of a sub-agent that works for the call: as its id says, and of its own."""
        taken = {
            agent.session_id
            for entry in self._entries
            if isinstance(entry, ToolCall)
            for agent in entry.agents
        }
        return unique_id(f"{self.session_id}/{call_id}", taken)

    def _nested(self, nested: NestedEvent) -> None:
        id = nested.tool_use_id
        known = self.agents.get(id)
        if known is None:
            session = self.agent_session(id)
            known = Conversation(
                session_id=session,
                nudges=self.nudges,
                explain=self._explain,
                clock=self._clock,
            )
            self.agents[id] = known
            self._mark(id, agent=SubAgent(nested.name, session))
            place = self._places.get(_outermost(id, self._places))
            call = None if place is None else self._entries[place.entry]
            task = call.input.get("task") if isinstance(call, ToolCall) else None
            if isinstance(task, str) and task:
                known.say(task)
        known.feed(nested.event)
        if (place := self._places.get(_outermost(id, self._places))) is not None:
            self._changed.add(place.entry)


class _Place:
    """Where a call of this run is: its entry, its message, and since when."""

    __slots__ = ("began", "entry", "message")

    def __init__(self, entry: int, message: int, began: float) -> None:
        self.entry = entry
        self.message = message
        self.began = began


def _outermost(id: str, places: dict[str, _Place]) -> str:
    """The call of the model that a call from inside of it, such as "a/1/2", belongs to."""
    while id not in places and "/" in id:
        id = id.rpartition("/")[0]
    return id
