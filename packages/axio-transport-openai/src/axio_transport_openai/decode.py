"""From the bytes of a streamed chat completion to events. Pure: feed it, close it.

What servers do differently, and what is made of it:

* Text may begin with its reasoning in `<think>` tags; reasoning may come in one of four fields.
* Which call a piece of arguments belongs to is told by `axio.wire.calls`. Arguments may come as an
  object instead of text.
* The whole message, or its text, may stand where a delta belongs. What was told is not repeated.
* Token counts may come with a finish reason, in a chunk of their own after it, in every chunk, in
  the choice, or under `x_groq`; the last count of each kind is the one that counts.
* The end may be `[DONE]`, or the end of the body after a finish reason or after the counts;
  `[DONE]` without any reason ends the turn as well. A body that stops before that was cut.
* An error may be the value of `error`, an object that calls itself one, an event named so, or a
  line `error: …` outside of any event.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from axio.blocks import ReasoningBlock
from axio.events import IterationEnd, ReasoningEnd, StreamEvent, TextDelta
from axio.exceptions import ProtocolError, TruncatedStream
from axio.types import JSONObject, StopReason
from axio.wire.calls import Calls
from axio.wire.decoding import EventDecoder
from axio.wire.endings import reason_of, stop_for
from axio.wire.errors import error_from_stream
from axio.wire.lenient import load, load_object, place_of
from axio.wire.sse import ServerSentEvent
from axio_transport_openai.chunks import (
    Choice,
    Chunk,
    Delta,
    ToolCall,
    call_parts,
    image_of,
    odd_chunk,
    odd_delta,
    parse_chunk,
)
from axio_transport_openai.endings import DESCRIBE, error_in
from axio_transport_openai.reasoning import Untold, detail_text, joined, merged, reasoning_in
from axio_transport_openai.usage import Counts
from axio_transport_openai.words import Words

__all__ = ("DESCRIBE", "ChatDecoder")

logger = logging.getLogger("axio_transport_openai")

_CUT = "the connection ended before the answer was complete"
_EMPTY = "the answer is empty"


class ChatDecoder(EventDecoder):
    """Events of one answer.

    `replays` names the field in which the provider wants its reasoning back with the next request
    (`reasoning_details`, `reasoning_content`; empty for none), `provider` whose reasoning it is.
    What comes along with a call as `extra_content` goes back in any case.
    `own_names` leads from names of tools that had to be changed for the wire to their own.
    """

    def __init__(
        self,
        provider: str = "openai",
        replays: str = "",
        own_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(DESCRIBE, error_field=True)
        self._provider = provider
        self._replays = replays
        self._calls = Calls(own_names)
        self._counts = Counts()
        self._finish: str | None = None
        self._counted: tuple[int, int] | None = None  # how much had come before the counts
        self._words = Words()
        self._whole = False  # words came in messages and not in deltas
        self._shown = False  # an image came
        self._untold = Untold()
        self._reasoning: list[str] = []  # only what goes back
        self._details: list[Any] = []

    def end_of_body(self, events: list[StreamEvent]) -> None:
        if self._finish is None and self._counted == self._progress():
            whole = any(call.complete for call in self._calls.all)
            self._finish = "tool_calls" if whole else "stop"
        if self._finish is not None:
            self._end(events)
        else:
            self._calls.close(events)
            self.fail(events, TruncatedStream(f"{DESCRIBE}: {_CUT}", retryable=True))

    def flush(self, events: list[StreamEvent]) -> None:
        self._words.flush(events)

    def read(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool = False) -> None:
        # Nearly every event of nearly every stream is one choice with a little text, so this
        # method looks at little else before it has dealt with that.
        chunk: Chunk | None
        try:
            chunk = parse_chunk(sent.data)
        except (msgspec.DecodeError, RecursionError):
            chunk = self._parse_odd(sent, events, cut)
            if chunk is None:
                return
        choices = chunk.choices
        may_fail = chunk.error or not (choices or chunk.usage)
        if may_fail and self._is_error(load_object(sent.data) or {}, sent, events):
            return
        words = self._words
        for choice in choices or ():
            if choice is None or (choice.index and place_of(choice.index)):
                continue  # further choices are other answers
            delta = choice.delta
            if delta is not None:
                if (
                    delta.reasoning_content
                    or delta.reasoning
                    or delta.reasoning_details
                    or delta.reasoning_text
                ):
                    self._read_reasoning(delta, events)
                content = delta.content
                if not content:
                    self._read_rest(delta, events)
                elif words.plain and content.__class__ is str:
                    events.append(TextDelta(0, content))
                    words.said.append(content)
                else:
                    self._read_content(content, events)
                if delta.tool_calls:
                    self._read_calls(delta.tool_calls, events)
            else:
                self._read_whole(choice, events)
            if choice.finish_reason:
                self._read_finish(chunk, choice, events)
        if chunk.usage is not None:
            self._counts.update(chunk.usage)
            if not choices and self._counts.output and self._progress() != (0, 0):
                self._counted = self._progress()

    def _read_finish(self, chunk: Chunk, choice: Choice, events: list[StreamEvent]) -> None:
        """The choice that ends the answer, and what only comes together with that."""
        if choice.delta is not None:
            self._read_whole(choice, events)
        self._finish = reason_of(choice.finish_reason) or self._finish
        if choice.usage is not None:
            self._counts.update(choice.usage)
        if chunk.x_groq is not None:
            self._counts.update(chunk.x_groq.usage)
        if choice.error:
            self.fail(events, error_from_stream(DESCRIBE, choice.error))

    def _read_reasoning(self, delta: Delta, events: list[StreamEvent]) -> None:
        details = delta.reasoning_details
        details = details if isinstance(details, list) else []
        if text := reasoning_in(delta):
            text = self._untold.feed(text)
            self._words.reason(text, events)
            self._keep_reasoning(text)
        if self._replays == "reasoning_details":
            self._details.extend(detail for detail in details if isinstance(detail, dict))

    def _keep_reasoning(self, text: str) -> None:
        if text and self._replays and self._replays != "reasoning_details":
            self._reasoning.append(text)

    def _read_content(self, content: Any, events: list[StreamEvent]) -> None:
        """Text that may hold tags or half a character, or a list of parts."""
        words = self._words
        if isinstance(content, str):
            words.text(content, events)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, str):
                    words.text(part, events)
                elif isinstance(part, dict):
                    thought = part.get("thinking") or part.get("summary")
                    if thought:
                        words.reason(joined(thought), events)
                    elif part.get("type") == "reasoning":
                        words.reason(joined(part.get("text")), events)
                    else:
                        words.text(joined(part.get("text")), events)

    def _read_rest(self, delta: Delta, events: list[StreamEvent]) -> None:
        """The rarer parts of an answer: a refusal, a call in the old form, generated images."""
        if isinstance(delta.refusal, str) and delta.refusal:
            self._words.say(delta.refusal, events)
        if delta.function_call is not None:
            self._read_calls([ToolCall(index=0, function=delta.function_call)], events)
        for image in delta.images if isinstance(delta.images, list) else ():
            output = image_of(image)
            if output is not None:
                events.append(output)
                self._shown = True

    def _read_calls(self, pieces: list[ToolCall | None], events: list[StreamEvent]) -> None:
        for piece in pieces:
            if piece is not None:
                call = self._calls.piece(events, place_of(piece.index), *call_parts(piece))
                if call is not None and piece.extra_content is not None:
                    call.extra = piece.extra_content

    def _read_whole(self, choice: Choice, events: list[StreamEvent]) -> None:
        """The parts of a choice beside its delta, or in its place: text as completions have it,
        or a message. A message is the whole answer, or a piece of it where no deltas come."""
        if isinstance(choice.text, str) and choice.text:
            self._read_content(choice.text, events)
        message = odd_delta(choice.message) if choice.message is not None else None
        if message is None:
            return
        words = self._words
        self._whole = self._whole or not words.begun
        if self._whole or not words.thought:
            self._read_reasoning(message, events)
        else:
            self._keep_reasoning(words.complete_reasoning(reasoning_in(message), events))
        content = joined(message.content)
        if not content:
            if not words.said:
                self._read_rest(message, events)
        else:
            grows = bool(words.said) or not self._whole
            told = grows and words.complete(content, events)
            if self._whole and not told:
                self._read_content(message.content, events)
        for number, piece in enumerate(message.tool_calls or ()):
            if piece is not None:
                self._read_whole_call(number, piece, events)

    def _read_whole_call(self, number: int, piece: ToolCall, events: list[StreamEvent]) -> None:
        id, name, arguments = call_parts(piece)
        begun = self._calls.all
        call = self._calls.known(None, id)
        if call is None and number < len(begun) and not (id and begun[number].wire_id):
            call = begun[number] if begun[number].name == name else None
        if call is None:
            call = self._calls.begin(events, None, id, name)
        self._calls.finish(call, arguments, events)

    def _is_error(
        self, payload: JSONObject, sent: ServerSentEvent, events: list[StreamEvent]
    ) -> bool:
        """Fail if a payload without an answer is an error."""
        error = error_in(payload, sent.event)
        if error is not None:
            self.fail(events, error_from_stream(DESCRIBE, error))
        return error is not None

    def _parse_odd(
        self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool
    ) -> Chunk | None:
        """A chunk that the parser does not take. None where it is something else, which is then
        dealt with: the end mark, an error, or what should not be there."""
        data = sent.data.strip()
        if data == "[DONE]":
            self._end(events)
            return None
        try:
            payload = load(data)
        except ValueError:
            self.read_damaged(sent, data, events, cut)
            return None
        chunk = None
        if isinstance(payload, dict):
            chunk = odd_chunk(payload)
            self._words.plain = False  # there may be halves of characters in it
            if chunk is None and self._is_error(payload, sent, events):
                return None
        if chunk is None:
            self.fail(events, self.misread("is no chat completion chunk", data))
        return chunk

    def _progress(self) -> tuple[int, int]:
        """How much of an answer has come."""
        calls = self._calls.all
        return len(self._words.said), len(calls) + sum(call.pieces for call in calls)

    def _end(self, events: list[StreamEvent]) -> None:
        self._words.flush(events)
        problem = self._calls.close(events)
        if problem is not None:
            self.fail(events, ProtocolError(f"{DESCRIBE}: {problem}"))
            return
        called = self._calls.begun
        words = self._words
        answered = bool(words.said or called or self._shown)
        if self._finish is not None:
            came = answered or bool(words.thought)
            stop = stop_for(self._finish, DESCRIBE, answered=came, called=called)
        elif answered or words.thought:
            stop = StopReason.tool_use if called else StopReason.end_turn
        else:
            stop = TruncatedStream(f"{DESCRIBE}: {_EMPTY}", retryable=True)
        if not isinstance(stop, StopReason):
            self.fail(events, stop)
            return
        if answered or stop is not StopReason.max_tokens:  # else it was cut while reasoning
            block = self._reasoning_block()
            if block is not None:
                events.append(ReasoningEnd(0, block))
            if not answered:
                logger.warning("%s: %s", self._provider, _EMPTY)
        events.append(IterationEnd(0, stop, self._counts.usage()))
        self.done = True

    def _reasoning_block(self) -> ReasoningBlock | None:
        text = ""
        data: JSONObject = {}
        if self._details:
            data["reasoning_details"] = merged(self._details, bool(self._untold.repeats))
            text = "".join(map(detail_text, data["reasoning_details"]))
        elif self._reasoning:
            text = data[self._replays] = "".join(self._reasoning)
        extras = [call.extra for call in self._calls.all if call.name]
        if any(extra is not None for extra in extras):
            # By their order: an id may be another one in the history.
            data["extra_content"] = extras
        return ReasoningBlock(text, self._provider, data) if data else None
