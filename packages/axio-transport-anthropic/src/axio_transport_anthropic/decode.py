"""A streamed answer of the Messages API, event by event: pure, no I/O.

The protocol: https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from axio.blocks import ReasoningBlock
from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import ProtocolError, StreamError, TruncatedStream
from axio.types import StopReason, Usage
from axio.wire.sse import ServerSentEvent, SSEDecoder
from axio_transport_anthropic.errors import provider_error, refused
from axio_transport_anthropic.payloads import (
    FIELDS,
    BlockDelta,
    InputJSON,
    Text,
    Thinking,
    parse_delta,
    parse_object,
    text_in,
)

__all__ = ("PROVIDER", "MessagesDecoder")

PROVIDER = "anthropic"
"""The name under which reasoning is stored that only this API can read."""

# A stop reason that is not listed becomes `StopReason.error`; "refusal" raises.
STOP_REASONS = {
    "end_turn": StopReason.end_turn,
    "stop_sequence": StopReason.end_turn,
    "pause_turn": StopReason.end_turn,
    "compaction": StopReason.end_turn,
    "tool_use": StopReason.tool_use,
    "max_tokens": StopReason.max_tokens,
    "model_context_window_exceeded": StopReason.max_tokens,
}


class _ThinkingBlock:
    """A thinking block being received: its object as it began, and the pieces to put into it."""

    __slots__ = ("signature", "start", "text")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.text = [text_in(start, "thinking")]
        self.signature = [text_in(start, "signature")]

    def finished(self) -> ReasoningBlock | None:
        """The block to send back; without a signature the API would refuse it, so then nothing."""
        text, signature = "".join(self.text), "".join(self.signature)
        if not signature:
            return None
        return ReasoningBlock(
            text, PROVIDER, {**self.start, "thinking": text, "signature": signature}
        )


class _ToolBlock:
    """A call being received.

    `input` is what came with its start, until a piece of it comes: nothing for a call without
    arguments, everything from servers that do not cut it into pieces.
    """

    __slots__ = ("id", "input")

    def __init__(self, id: str, input: Any) -> None:
        self.id = id
        self.input: dict[str, Any] | None = input if isinstance(input, dict) else {}


class MessagesDecoder:
    """The bytes of one answer in, its events out; ends with one `IterationEnd` or one `Error`.

    `feed` takes bytes however they are chopped, `close` the end of them; `done` says that nothing
    more will come. Neither raises. What an `Error` holds is a `StreamError`: `ProviderError` for an
    error inside the stream, `ContentFiltered` for a refusal, `ProtocolError` for what is not the
    protocol and `TruncatedStream` for an end in the middle. Unknown events, blocks and fields are
    ignored; so are tools that run on Anthropic's side, whose results the model has already read.

    `names` leads from tool names as they were sent to the names the caller knows them by.
    """

    __slots__ = (
        "_blocks",
        "_content",
        "_names",
        "_sse",
        "_stop",
        "_stop_details",
        "_usage",
        "_void",
        "done",
    )

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self.done = False
        self._sse = SSEDecoder()
        self._names = names or {}
        self._blocks: dict[int, _ThinkingBlock | _ToolBlock | ReasoningBlock] = {}
        self._void: dict[int, str] = {}  # calls of a message that was begun anew, by index
        self._usage: dict[str, int] = {}
        self._stop = ""
        self._stop_details: Any = None
        self._content = False  # a content block was begun

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """What these bytes tell."""
        return self._read(self._sse.feed(chunk))

    def close(self) -> list[StreamEvent]:
        """What the end of the bytes tells. After a stop reason there is nothing left to miss."""
        events = self._read(self._sse.close())
        if events and isinstance(last := events[-1], Error):
            if not isinstance(last.exception, ProtocolError):
                return events
            events.pop()  # an event cut in two is no fault of the protocol
        elif self.done:
            return events
        if self._stop:
            return events + self._finish()
        self.done = True
        text = "Anthropic's response stopped before it was complete"
        return [*events, Error(TruncatedStream(text, retryable=True))]

    def _read(self, raw: list[ServerSentEvent]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in raw:
            if self.done:
                break
            try:
                if event.event == "content_block_delta":
                    try:
                        piece = parse_delta(event.data)
                    except (msgspec.DecodeError, RecursionError):  # not one of the four kinds
                        events += self._other_delta(parse_object(event.data))
                    else:
                        events += self._delta(piece)
                else:
                    events += self._other_event(event.event, event.data)
            except StreamError as error:
                self.done = True
                events.append(Error(error))
        return events

    def _other_event(self, name: str, data: str) -> list[StreamEvent]:
        if name == "message":  # the stream does not name its events; their data does
            if data == "[DONE]":
                return self._finish()
            unnamed = parse_object(data)
            name = "error" if "error" in unnamed else text_in(unnamed, "type")
        match name:
            case "message_start":
                self._message_start(parse_object(data).get("message"))
            case "content_block_start":
                return self._block_start(parse_object(data))
            case "content_block_delta":
                return self._other_delta(parse_object(data))
            case "content_block_stop":
                return self._block_stop(_index(parse_object(data)))
            case "message_delta":
                return self._message_delta(parse_object(data))
            case "message_stop":
                return self._finish()
            case "error":
                raise provider_error(parse_object(data))
        return []

    def _message_start(self, message: Any) -> None:
        # A second start means that something in between began the answer anew. The calls of the
        # void one cannot be taken back, but a call that starts again under the same id replaces
        # the first, so the new one at the same place gets the old one's id.
        self._void |= {i: b.id for i, b in self._blocks.items() if isinstance(b, _ToolBlock)}
        self._blocks.clear()
        self._usage.clear()
        if isinstance(message, dict):
            self._count(message.get("usage"))

    def _block_start(self, data: dict[str, Any]) -> list[StreamEvent]:
        index, block = _index(data), data.get("content_block")
        if not isinstance(block, dict):
            raise ProtocolError("Anthropic began a content block without saying what it is")
        self._content = True
        match block.get("type"):
            case "text":
                if text := text_in(block, "text"):
                    return [TextDelta(index, text)]
            case "thinking":
                self._blocks[index] = _ThinkingBlock(block)
                if text := text_in(block, "thinking"):
                    return [ReasoningDelta(index, text)]
            case "redacted_thinking":
                self._blocks[index] = ReasoningBlock("", PROVIDER, block)
            case "tool_use":
                name = text_in(block, "name")
                id = self._void.pop(index, None) or text_in(block, "id")
                if not name or not id:
                    raise ProtocolError("Anthropic began a tool call without a name or an id")
                self._blocks[index] = _ToolBlock(id, block.get("input"))
                return [ToolUseStart(index, id, self._names.get(name, name))]
        return []

    def _delta(self, piece: BlockDelta) -> list[StreamEvent]:
        index, delta = piece.index, piece.delta
        if isinstance(delta, Text):
            return [TextDelta(index, delta.text)] if delta.text else []
        block = self._blocks.get(index)
        if isinstance(delta, InputJSON):
            if not delta.partial_json or not isinstance(block, _ToolBlock):
                return []  # the second: input of a tool that runs on Anthropic's side
            block.input = None
            return [ToolInputDelta(index, block.id, delta.partial_json)]
        if isinstance(delta, Thinking):
            if isinstance(block, _ThinkingBlock):
                block.text.append(delta.thinking)
            return [ReasoningDelta(index, delta.thinking)] if delta.thinking else []
        if isinstance(block, _ThinkingBlock):
            block.signature.append(delta.signature)
        return []

    def _other_delta(self, data: dict[str, Any]) -> list[StreamEvent]:
        """A delta that is none of the four kinds, or is one but with odd fields."""
        delta = data.get("delta")
        if not isinstance(delta, dict):
            raise ProtocolError("Anthropic sent a content block delta without a delta")
        field = FIELDS.get(text_in(delta, "type"))
        if field is None or delta.get(field) is None:
            return []
        try:
            return self._delta(msgspec.convert({"index": 0, **data}, BlockDelta))
        except msgspec.ValidationError as error:
            raise ProtocolError(f"Anthropic sent a delta with a wrong type: {error}") from error

    def _block_stop(self, index: int) -> list[StreamEvent]:
        block = self._blocks.get(index)
        if isinstance(block, _ToolBlock):
            # Without any input it may also have been cut by the output limit: see _message_delta.
            return self._given_input(index, block) if block.input else []
        if isinstance(block, _ThinkingBlock):
            block = block.finished()
        self._blocks.pop(index, None)
        return [ReasoningEnd(index, block)] if block is not None else []

    def _given_input(self, index: int, block: _ToolBlock) -> list[StreamEvent]:
        arguments = json.dumps(block.input)
        block.input = None
        return [ToolInputDelta(index, block.id, arguments)]

    def _message_delta(self, data: dict[str, Any]) -> list[StreamEvent]:
        self._count(data.get("usage"))
        delta = data.get("delta")
        if isinstance(delta, dict):
            self._stop = text_in(delta, "stop_reason") or self._stop
            self._stop_details = delta.get("stop_details") or self._stop_details
        events: list[StreamEvent] = []
        if self._stop == "tool_use":  # so a call for which nothing came has no arguments
            for index, block in self._blocks.items():
                if isinstance(block, _ToolBlock) and block.input is not None:
                    events += self._given_input(index, block)
        return events

    def _count(self, usage: Any) -> None:
        """Take over what is reported: the numbers are cumulative, the last of each is the sum."""
        if not isinstance(usage, dict):
            return
        details = usage.get("output_tokens_details")
        if isinstance(details, dict):
            usage = {**usage, "thinking_tokens": details.get("thinking_tokens")}
        for name in _COUNTERS:
            value = usage.get(name)
            if isinstance(value, int) and value >= 0:
                self._usage[name] = value

    def _finish(self) -> list[StreamEvent]:
        self.done = True
        if self._stop == "refusal":
            return [Error(refused(self._stop_details))]
        if self._stop:
            reason = STOP_REASONS.get(self._stop, StopReason.error)
        else:
            reason = StopReason.end_turn if self._content else StopReason.error
        return [IterationEnd(0, reason, self._total())]

    def _total(self) -> Usage:
        fresh, output, read, written, thinking = (self._usage.get(name, 0) for name in _COUNTERS)
        return Usage(fresh + read + written, output, read, written, thinking)


# `input_tokens` counts only what was neither read from the cache nor written to it.
_COUNTERS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "thinking_tokens",
)


def _index(data: Mapping[str, Any]) -> int:
    index = data.get("index", 0)
    if not isinstance(index, int):
        raise ProtocolError(f"Anthropic sent a content block with a bad index: {index!r}")
    return index
