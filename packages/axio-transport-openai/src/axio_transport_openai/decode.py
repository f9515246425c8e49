"""From the bytes of a streamed chat completion to events. Pure: feed it, close it.

What servers do differently, and what is made of it:

* Text may come with its reasoning in `<think>` tags, reasoning in one of three fields.
* A call may lack its index or its id, repeat its id in every chunk, share index 0 with the other
  calls of the turn, or bring its arguments as an object instead of text.
* Token counts may come with a finish reason, in a chunk of their own after it, in every chunk, in
  the choice, or under `x_groq`; the last count of each kind is the one that counts.
* The end may be `[DONE]`, or the end of the body after a finish reason; `[DONE]` without any
  reason ends the turn as well. A body that stops before that was cut.
* An error may be the value of `error`, an object that calls itself one, an event named so, or a
  line `error: …` outside of any event.
"""

from __future__ import annotations

import json
from binascii import Error as Base64Error, a2b_base64, hexlify
from collections.abc import Mapping
from os import urandom
from types import MappingProxyType
from typing import Any

import msgspec

from axio.blocks import ReasoningBlock
from axio.events import (
    Error,
    ImageOutput,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, TruncatedStream
from axio.types import StopReason
from axio.wire.errors import error_from_stream
from axio.wire.sse import ServerSentEvent, SSEDecoder
from axio_transport_openai.chunks import Choice, Chunk, Delta, Function, ToolCall, parse_chunk
from axio_transport_openai.reasoning import detail_text, joined, merged
from axio_transport_openai.thinking import Piece, ThinkTagParser
from axio_transport_openai.usage import Counts

__all__ = ("DESCRIBE", "ChatDecoder")

DESCRIBE = "Provider error during streaming"

FINISH_REASONS = {
    "stop": StopReason.end_turn,
    "stop_sequence": StopReason.end_turn,
    "end_turn": StopReason.end_turn,
    "eos": StopReason.end_turn,  # Together
    "eos_token": StopReason.end_turn,  # text-generation-inference
    "tool_calls": StopReason.tool_use,
    "function_call": StopReason.tool_use,
    "tool_use": StopReason.tool_use,
    "length": StopReason.max_tokens,
    "max_tokens": StopReason.max_tokens,
    "model_length": StopReason.max_tokens,  # Mistral: the context is full
}
"""Everything else is an error, "error" itself included."""

FILTERED = frozenset({"content_filter", "safety", "sensitive", "recitation"})


class _Call:
    """A tool call whose arguments are still coming."""

    __slots__ = ("early", "extra", "id", "index", "name")

    def __init__(self, index: int, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.name = ""
        self.early: list[str] = []  # arguments that came before the name
        self.extra: Any = None


class ChatDecoder:
    """Events of one answer. A failure is an `Error`, and then the last event; never raises.

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
        self.done = False
        """The answer is over: whatever follows is not read."""
        self._own_names = own_names
        self._provider = provider
        self._replays = replays
        self._sse = SSEDecoder(error_field=True)
        self._think = ThinkTagParser()
        self._plain = True  # text without a tag in it is what it seems
        self._finish: str | None = None
        self._counts = Counts()
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}  # by the provider's index: the call it means now
        self._answered = False
        self._called = False
        self._reasoned = False
        self._reasoning: list[str] = []  # only what goes back
        self._details: list[Any] = []

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for sent in self._sse.feed(chunk):
            if self.done:
                break
            self._read(sent, events)
        return events

    def close(self) -> list[StreamEvent]:
        """The end of the body. Only now is it known whether something is missing."""
        events: list[StreamEvent] = []
        for sent in self._sse.close():
            if not self.done:  # an event that the end cut off counts if it is whole
                self._read(sent, events, cut=True)
        if self._finish is not None and not self.done:
            self._end(events)
        elif not self.done:
            self._flush(events)
            self._fail(events, TruncatedStream(f"{DESCRIBE}: {_CUT}", retryable=True))
        return events

    def _read(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool = False) -> None:
        # Nearly every event of nearly every stream is one choice with a little text, so this
        # method looks at little else before it has dealt with that.
        try:
            chunk = parse_chunk(sent.data)
        except (msgspec.DecodeError, RecursionError):
            self._read_odd(sent, events, cut)
            return
        choices = chunk.choices
        if (not choices and (chunk.object == "error" or sent.event == "error")) or chunk.error:
            self._read_odd(sent, events, cut)
            return
        for choice in choices or ():
            if choice is None or choice.index:  # further choices are other answers
                continue
            delta = choice.delta
            if delta is not None:
                if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
                    self._read_reasoning(delta, events)
                content = delta.content
                if not content:
                    self._read_rest(delta, events)
                elif self._plain and content.__class__ is str and "<" not in content:
                    events.append(TextDelta(0, content))
                    self._answered = True
                else:
                    self._read_content(content, events)
                if delta.tool_calls:
                    self._read_calls(delta.tool_calls, events)
            if choice.finish_reason:
                self._read_finish(chunk, choice, events)
        if chunk.usage is not None:
            self._counts.update(chunk.usage)

    def _read_finish(self, chunk: Chunk, choice: Choice, events: list[StreamEvent]) -> None:
        """The choice that ends the answer, and what only comes together with that."""
        self._finish = str(choice.finish_reason)
        if choice.usage is not None:
            self._counts.update(choice.usage)
        if chunk.x_groq is not None:
            self._counts.update(chunk.x_groq.usage)
        if choice.error:
            self._fail(events, error_from_stream(DESCRIBE, choice.error))

    def _read_reasoning(self, delta: Delta, events: list[StreamEvent]) -> None:
        details = delta.reasoning_details
        details = details if isinstance(details, list) else []
        # The same text comes in several fields at once where a server pleases several clients.
        text = delta.reasoning_content or delta.reasoning or "".join(map(detail_text, details))
        if isinstance(text, str) and text:
            self._reason(text, events)
            if self._replays and self._replays != "reasoning_details":
                self._reasoning.append(text)
        if self._replays == "reasoning_details":
            self._details.extend(detail for detail in details if isinstance(detail, dict))

    def _read_content(self, content: Any, events: list[StreamEvent]) -> None:
        """Text that may hold tags, or a list of parts."""
        if isinstance(content, str):
            self._say(self._think.feed(content), events)
            self._plain = self._think.idle
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, str):
                    self._read_content(part, events)
                elif isinstance(part, dict):
                    thought = part.get("thinking") or part.get("summary")
                    if thought:
                        self._reason(joined(thought), events)
                    elif part.get("type") == "reasoning":
                        self._reason(joined(part.get("text")), events)
                    else:
                        self._read_content(joined(part.get("text")), events)

    def _read_rest(self, delta: Delta, events: list[StreamEvent]) -> None:
        """What few answers hold: a refusal, a call in the old form, generated images."""
        if isinstance(delta.refusal, str) and delta.refusal:
            self._say([("text", delta.refusal)], events)
        if delta.function_call is not None:
            self._read_calls([ToolCall(index=0, function=delta.function_call)], events)
        for image in delta.images if isinstance(delta.images, list) else ():
            output = _image(image)
            if output is not None:
                events.append(output)
                self._answered = True

    def _read_calls(self, pieces: list[ToolCall | None], events: list[StreamEvent]) -> None:
        for piece in pieces:
            function = (piece and piece.function) or Function()
            name = function.name if isinstance(function.name, str) else ""
            call = self._call(piece, bool(name)) if piece is not None else None
            if call is None:
                continue
            if piece is not None and piece.extra_content is not None:
                call.extra = piece.extra_content
            if name and not call.name:
                call.name = self._own_names.get(name, name)
                self._start(call, events)
            arguments = function.arguments
            if arguments is None or arguments == "":
                continue
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments, ensure_ascii=False)
            if call.name:
                events.append(ToolInputDelta(call.index, call.id, arguments))
            else:
                call.early.append(arguments)

    def _call(self, sent: ToolCall, named: bool) -> _Call | None:
        """The call that a piece belongs to: one that is open, or a new one."""
        call_id = str(sent.id) if sent.id else ""
        at = sent.index if isinstance(sent.index, int) else None
        if at is not None:
            known = self._at.get(at)
            if known is not None and call_id in ("", known.id):
                return known
        elif call_id:
            for call in self._calls:
                if call.id == call_id:
                    return call
        elif not named:
            return self._calls[-1] if self._calls else None
        taken = {call.index for call in self._calls}
        index = at if at is not None and at not in taken else max(taken, default=-1) + 1
        call = _Call(index, call_id or "call_" + hexlify(urandom(12)).decode())
        self._calls.append(call)
        self._at[index if at is None else at] = call
        return call

    def _start(self, call: _Call, events: list[StreamEvent]) -> None:
        events.append(ToolUseStart(call.index, call.id, call.name))
        events.extend(ToolInputDelta(call.index, call.id, piece) for piece in call.early)
        call.early.clear()
        self._answered = self._called = True

    def _say(self, pieces: list[Piece], events: list[StreamEvent]) -> None:
        for kind, text in pieces:
            if kind == "text":
                events.append(TextDelta(0, text))
                self._answered = True
            else:
                self._reason(text, events)

    def _reason(self, text: str, events: list[StreamEvent]) -> None:
        if text:
            events.append(ReasoningDelta(0, text))
            self._reasoned = True

    def _read_odd(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool) -> None:
        """Everything but a chunk: the end mark, an error, or what should not be there."""
        data = sent.data.strip()
        if "\n" in data:  # several events without the blank lines between them
            for line in data.split("\n"):
                if not self.done:
                    self._read(ServerSentEvent(sent.event, line), events, cut)
            return
        if data == "[DONE]":
            self._end(events)
            return
        try:
            parsed = json.loads(data)
        except (ValueError, RecursionError):
            if sent.event == "error":
                self._fail(events, error_from_stream(DESCRIBE, data))
            elif data and not cut:
                self._fail(events, _protocol_error("what came is not JSON", data))
            return
        if isinstance(parsed, dict):
            error = parsed.get("error")
            groq = parsed.get("x_groq")
            if not error and isinstance(groq, dict):
                error = groq.get("error")
            if not error and (parsed.get("object") == "error" or sent.event == "error"):
                error = parsed
            if error:
                self._fail(events, error_from_stream(DESCRIBE, error))
                return
        self._fail(events, _protocol_error("what came is no chat completion chunk", data))

    def _end(self, events: list[StreamEvent]) -> None:
        self._flush(events)
        if self._finish is None:
            if not (self._answered or self._reasoned):
                self._fail(events, TruncatedStream(f"{DESCRIBE}: {_EMPTY}", retryable=True))
                return
            stop = StopReason.tool_use if self._called else StopReason.end_turn
        elif self._finish in FINISH_REASONS:
            stop = FINISH_REASONS[self._finish]
        else:
            self._fail(events, _stopped(self._finish))
            return
        if self._answered or stop is not StopReason.max_tokens:  # else it was cut while reasoning
            block = self._reasoning_block()
            if block is not None:
                events.append(ReasoningEnd(0, block))
        events.append(IterationEnd(0, stop, self._counts.usage()))
        self.done = True

    def _flush(self, events: list[StreamEvent]) -> None:
        self._say(self._think.flush(), events)
        for call in self._calls:
            if not call.name and call.early:  # no such tool, which the model is to hear
                self._start(call, events)

    def _fail(self, events: list[StreamEvent], error: Exception) -> None:
        if not self.done:
            self._say(self._think.flush(), events)
            events.append(Error(error))
            self.done = True

    def _reasoning_block(self) -> ReasoningBlock | None:
        text = ""
        data: dict[str, Any] = {}
        if self._details:
            text = "".join(map(detail_text, self._details))
            data["reasoning_details"] = merged(self._details)
        elif self._reasoning:
            text = data[self._replays] = "".join(self._reasoning)
        if any(call.extra is not None for call in self._calls):
            # By their order: an id may be another one in the history.
            data["extra_content"] = [call.extra for call in self._calls]
        return ReasoningBlock(text, self._provider, data) if data else None


_CUT = "the connection ended before the answer was complete"
_EMPTY = "the answer is empty"


def _protocol_error(what: str, data: str) -> ProtocolError:
    shown = data if len(data) <= 200 else data[:200] + " …"
    return ProtocolError(f"{DESCRIBE}: {what}: {shown}")


def _stopped(reason: str) -> ContentFiltered | ProviderError:
    if reason.lower() in FILTERED:
        message = f"{DESCRIBE}: the provider's content filter stopped the answer ({reason})"
        return ContentFiltered(message, code=reason)
    return ProviderError(f"{DESCRIBE}: the answer ended with {reason!r}", code=reason)


def _image(image: Any) -> ImageOutput | None:
    """`{"image_url": {"url": "data:image/png;base64,…"}}`; nothing for what cannot be read."""
    source = image.get("image_url") if isinstance(image, dict) else None
    url = source.get("url") if isinstance(source, dict) else source
    if not isinstance(url, str) or not url.startswith("data:image/"):
        return None
    head, _, data = url.partition(",")
    try:
        content = a2b_base64(data)
    except (Base64Error, ValueError):
        return None
    media_type: Any = head[len("data:") :].partition(";")[0]
    return ImageOutput(0, content, media_type)
