"""`Conversation`: the transcript of a session while its runs go on. No I/O, no `await`.

    conversation = Conversation(await store.get_history(), remarks)
    conversation.say(prompt)
    async for event in agent.run_stream(prompt, store):
        conversation.feed(event)
        paint(conversation.entries, conversation.changed())
    conversation.close()

Whenever no run goes on, `entries` are the same as those of a conversation that is made anew of the
history and all remarks. Three things no event tells: the words in which the results of background
tasks come, the end of a turn whose transport does not say so, and whether a turn was stored that
was stopped in the moment in which it ended. `settle` puts them right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, cast

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
from axio.history import INTERRUPTED, calls_of, repair, unique_id
from axio.messages import Message, Prompt, as_message
from axio.types import StopReason, Usage
from axio_tui.chat.entries import (
    DECISION,
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
from axio_tui.chat.places import Place, Places
from axio_tui.chat.remarks import Mark, Remark, Said, marked
from axio_tui.chat.stored import answered, entries_in, entries_of_turn, user_entry
from axio_tui.chat.transcript import Transcript

__all__ = ("Conversation",)

KEPT_OUTPUT = 20_000  # characters of a running tool's output, from its end
_BLOCKS: dict[type, Any]
_BLOCKS = {ImageOutput: ImageBlock, AudioOutput: AudioBlock, VideoOutput: VideoBlock}

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
        self.nudges = nudges
        self._explain = explain
        self._clock = clock
        self._clear(session_id)
        self.reload(messages, remarks)

    def _clear(self, session_id: str) -> None:
        """Nothing has been said yet."""
        self.session_id = session_id
        self._transcript = Transcript()
        self._entries = self._transcript.entries
        self.remarks: list[Remark] = []
        """Those of this run; `take_remarks` gives each once."""
        self._taken_remarks = 0
        self._length = 0
        self._call_ids: set[str] = set()
        self._last: Message | None = None
        self.begin()

    def begin(self) -> None:
        """A run begins, so far without a prompt."""
        self.agents: dict[str, Conversation] = {}
        """Of the sub-agents of the last run, by the call that they work for."""
        self.usages: list[Usage] = []
        """Of the model calls of the last run, without those of its sub-agents."""
        self._start_entries, self._start_length = len(self._entries), self._length
        self.remarks, self._taken_remarks = [], 0
        self._turn: OpenTurn | None = None
        self._places = Places()
        self._running: set[str] = set()
        self._media: list[MediaBlock] = []
        self._has_media = False
        self._waiting: list[Message] = []

    # ── what there is to be seen ──────────────────────────────────────────────────────────────

    @property
    def entries(self) -> Sequence[Entry]:
        """The transcript, from top to bottom. Do not change it."""
        self._refresh()
        return self._entries

    def changed(self) -> set[int]:
        """The indexes of entries that have changed, come or gone since it was asked last."""
        self._refresh()
        return self._transcript.take_changed()

    def _refresh(self) -> None:
        """Show what has come of the turn since; done when it is asked for, not for every delta."""
        if self._turn is not None and self._turn.is_stale:
            self._transcript.put(self._turn.start, self._turn.entries())

    @property
    def has_remarks(self) -> bool:
        """True if `take_remarks` has something to give."""
        return len(self.remarks) > self._taken_remarks

    def take_remarks(self) -> list[Remark]:
        """The remarks that have been made since it was asked last, to be kept with the history."""
        remarks = self.remarks[self._taken_remarks :]
        self._taken_remarks += len(remarks)
        return remarks

    def _say(self, entry: Reasoning | Failure | Note) -> None:
        """Add an entry that is in no message."""
        self.remarks.append(Said(self._length, entry))
        self._transcript.add(entry)

    def note(self, note: Note) -> None:
        """Something has happened between two runs."""
        self.remarks, self._taken_remarks = [], 0
        self._say(note)

    # ── beginning and end ─────────────────────────────────────────────────────────────────────

    def reload(self, messages: Sequence[Message], remarks: Iterable[Remark]) -> None:
        """Show what is stored. No run may be under way."""
        history, self._length = repair(messages), 0
        self._transcript.settle(0, entries_in(history, remarks))
        self._seen(history)
        if history != messages:  # another one in the store, until the next run mends it
            self._last = None

    def settle(self, messages: Sequence[Message]) -> bool:
        """The run has ended, and this is the history now: show what of it the run has stored.

        False, and nothing has changed, if what was there before is not the same any more.
        """
        start = self._start_length
        if len(messages) < start or (start and messages[start - 1] is not self._last):
            return False
        remarks = [replace(remark, at=remark.at - start) for remark in self.remarks]
        self._transcript.settle(self._start_entries, entries_in(repair(messages[start:]), remarks))
        self._seen(messages)
        return True

    def _seen(self, history: Sequence[Message]) -> None:
        for message in history[self._length :]:
            self._call_ids.update(call.id for call in calls_of(message))
        self._length = len(history)
        self._last = history[-1] if history else None

    def say(self, prompt: Prompt) -> None:
        """A run begins with the prompt, which goes to the end of the history."""
        self.begin()
        self._waiting.append(as_message(prompt))
        self._store_waiting()

    def steer(self, prompt: Prompt) -> None:
        """The prompt was given to the run that goes on, and is stored before its next turn."""
        self._waiting.append(as_message(prompt))

    @property
    def is_steered(self) -> bool:
        """True while a prompt that steers is not before the model yet."""
        return bool(self._waiting)

    def _store_waiting(self) -> None:
        for message in self._waiting:
            self._length += 1
            self._transcript.add(user_entry(message))
        self._waiting = []

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
        self._store_waiting()
        for agent in self.agents.values():
            agent.close()

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: StreamEvent) -> bool:
        """Take one event of the run. True if it left remarks to take; a text never says so."""
        if type(event) is TextDelta:
            (self._turn or self._open()).texts.append(event.delta)
            return False
        if type(event) is not ToolUseStart and type(event) is not ToolInputDelta:
            self._feed(event)
        elif not self._running:  # else it is a call from inside of one
            (self._turn or self._open()).feed(event)
        return self.has_remarks

    def _feed(self, event: StreamEvent) -> None:
        match event:
            case (
                ReasoningDelta() | ReasoningEnd() | TextDelta() | ToolUseStart() | ToolInputDelta()
            ):
                (self._turn or self._open()).feed(event)
            case IterationEnd():
                self._end_turn(event)
            case ImageOutput() | AudioOutput() | VideoOutput():
                self._show(event)
            case ToolOutputDelta(tool_use_id=id, key=key, delta=delta):
                if key == DECISION:
                    self._mark(id, decision=delta)
                else:
                    self._output(id, delta)
            case ToolResult():
                self._result(event)
            case NestedEvent():
                self._nested(event)
            case Error(exception=exception):
                self._fail(exception)
            case SessionEndEvent(stop_reason=stop, reason=reason):
                self._stop(partial=stop is StopReason.error)
                if reason in ("cancelled", "max_iterations", "approval", "crash"):
                    self._say(Note(reason))

    def _open(self) -> OpenTurn:
        """The turn that begins now."""
        self._store_waiting()
        self._turn = OpenTurn(self._call_ids, len(self._entries), self._clock)
        return self._turn

    def _end_turn(self, event: IterationEnd) -> None:
        self.usages.append(event.usage)
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.feed(event)
            self._settle(turn)

    def _settle(self, turn: OpenTurn, partial: bool = False) -> None:
        """Nothing more comes of the turn; the words that are kept of it are in the history now."""
        whole = turn.flush()
        if not partial:
            whole.close()
        content = whole.partial() if partial else whole.content
        self._transcript.put(turn.start, ())
        for thought in turn.thoughts():
            self._say(thought)
        at = self._length
        self._length += bool(content)

        def call_of(block: ToolUseBlock) -> ToolCall:
            # Found again by its id, the same for the tool and the history.
            self._places[block.id] = Place(len(self._entries), at, self._clock())
            self._running.add(block.id)
            return ToolCall(block.id, block.name, block.input, "running")

        for entry in entries_of_turn(content, call_of):
            self._transcript.add(entry)

    def _fail(self, exception: BaseException) -> None:
        """The run ends with an error. Of a turn that it breaks off nothing is kept."""
        turn, self._turn = self._turn, None
        lost = ""
        by_clock = isinstance(exception, LimitReached) and exception.reason in _ENDED_BY_CLOCK
        if turn is not None and by_clock:
            self._settle(turn, partial=True)
        elif turn is not None:
            lost = "".join(e.text for e in turn.entries() if isinstance(e, Text))
            self._transcript.put(turn.start, ())
            for thought in turn.thoughts():
                self._say(thought)
        self._say(Failure(self._explain(exception), lost))

    # ── calls ─────────────────────────────────────────────────────────────────────────────────

    def _show(self, event: ImageOutput | AudioOutput | VideoOutput) -> None:
        """A picture or the like: of the model or, while tools work, of the next result."""
        if not self._running:
            (self._turn or self._open()).feed(event)
        else:
            self._media.append(_BLOCKS[type(event)](event.media_type, event.data))

    def _output(self, id: str, text: str) -> None:
        place = self._places.get(id)
        if place is not None and id in self._running:
            call = cast(ToolCall, self._entries[place.entry])
            output = f"{call.output}{text}"[-KEPT_OUTPUT:]
            self._transcript.change(place.entry, replace(call, output=output))

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
        self._transcript.change(
            place.entry, answered(call, text, self._media, is_error, seconds=seconds)
        )
        self._has_media = self._has_media or bool(self._media)
        self._running.discard(id)
        if not self._running:
            self._length += 1 + (self.nudges and self._has_media)
            self._has_media = False

    def _answer_earlier(self, event: ToolResult) -> None:
        """The result of a call of an earlier run: approved meanwhile, or cut off by a crash."""
        for index in range(len(self._entries) - 1, -1, -1):
            call = self._entries[index]
            if isinstance(call, ToolCall) and call.call_id == event.tool_use_id:
                ended = answered(call, event.content, self._media, event.is_error)
                self._transcript.change(index, ended)
                return

    def _mark(self, call_id: str, decision: str = "", agent: SubAgent | None = None) -> None:
        place = self._places.around(call_id)
        if place is not None:
            call = cast(ToolCall, self._entries[place.entry])
            mark = Mark(place.message, call.call_id, decision, agent)
            self.remarks.append(mark)
            self._transcript.change(place.entry, marked(call, mark))

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
            known = copy(self)
            known._clear(session)
            self.agents[id] = known
            self._mark(id, agent=SubAgent(nested.name, session))
            place = self._places.around(id)
            call = None if place is None else self._entries[place.entry]
            task = call.input.get("task") if isinstance(call, ToolCall) else None
            if isinstance(task, str) and task:
                known.say(task)
        known.feed(nested.event)
        if (place := self._places.around(id)) is not None:
            self._transcript.changed.add(place.entry)
