"""A streamed answer of the Messages API, event by event: pure, no I/O.

The protocol: https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from axio.events import IterationEnd, StreamEvent
from axio.exceptions import ProtocolError, ProviderError, StreamError, TruncatedStream
from axio.types import JSONObject, StopReason, Usage
from axio.wire.decoding import EventDecoder
from axio.wire.endings import reason_of, stop_for
from axio.wire.lenient import count, place_of, text_in
from axio.wire.sse import ServerSentEvent
from axio_transport_anthropic.content import PROVIDER, Content
from axio_transport_anthropic.errors import provider_error, refused
from axio_transport_anthropic.payloads import (
    FIELDS,
    InputJSON,
    Text,
    Thinking,
    parse_delta,
    parse_object,
)

__all__ = ("PROVIDER", "MessagesDecoder")


class MessagesDecoder(EventDecoder):
    """The bytes of one answer in, its events out; ends with one `IterationEnd` or one `Error`.

    `feed` takes bytes however they are chopped, `close` the end of them; `done` says that nothing
    more will come. Neither raises. What an `Error` holds is a `StreamError`: `ProviderError` for an
    error inside the stream, `ContentFiltered` for a refusal, `ProtocolError` for what is not the
    protocol and `TruncatedStream` for an end in the middle. Unknown events, blocks and fields are
    ignored; so are tools that run on Anthropic's side, whose results the model has already read.

    `names` leads from tool names as they were sent to the names the caller knows them by.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        super().__init__("Anthropic error")
        self._content = Content(names or {})
        self._counts: dict[str, int] = {}
        self._given: Any = None  # content that came with the start of the message
        self._stop: str | None = None
        self._stop_details: Any = None

    def end_of_body(self, events: list[StreamEvent]) -> None:
        if self._stop is not None:
            self._finish(events)
        else:
            text = "Anthropic's response stopped before it was complete"
            self.fail(events, TruncatedStream(text, retryable=True))

    def flush(self, events: list[StreamEvent]) -> None:
        self._content.flush(0, events)

    def read(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool = False) -> None:
        try:
            if sent.event != "content_block_delta":
                self._read_rest(sent.event, sent.data, events)
                return
            try:
                piece = parse_delta(sent.data)
            except (msgspec.DecodeError, RecursionError):  # not one of the four kinds
                self._odd_delta(parse_object(sent.data), events)
                return
            index, delta = piece.index, piece.delta
            if isinstance(delta, Text):
                self._content.text(index, delta.text, events)
            elif isinstance(delta, InputJSON):
                self._content.input(index, delta.partial_json, events)
            elif isinstance(delta, Thinking):
                self._content.thinking(index, delta.thinking, events)
            else:
                self._content.signature(index, delta.signature)
        except ProtocolError as error:
            if not cut:
                self.fail(events, error)
        except StreamError as error:
            self.fail(events, error)

    def _read_rest(self, name: str, data: str, events: list[StreamEvent]) -> None:
        if name == "message":  # the stream does not name its events; their data does
            if data == "[DONE]":
                self._finish(events)
                return
            unnamed = parse_object(data)
            name = "error" if "error" in unnamed else text_in(unnamed, "type")
        match name:
            case "message_start":
                self._message_start(parse_object(data).get("message"))
            case "content_block_start":
                self._block_start(parse_object(data), events)
            case "content_block_delta":
                self._odd_delta(parse_object(data), events)
            case "content_block_stop":
                self._content.stop(_index(parse_object(data)), events)
            case "message_delta":
                self._message_delta(parse_object(data))
            case "message_stop":
                self._finish(events)
            case "error":
                raise provider_error(parse_object(data))

    def _message_start(self, message: Any) -> None:
        # A second start means that something in between began the answer anew.
        self._content.restart()
        self._counts.clear()
        if isinstance(message, dict):
            self._count(message.get("usage"))
            self._given = message.get("content")

    def _block_start(self, data: JSONObject, events: list[StreamEvent]) -> None:
        block = data.get("content_block")
        if not isinstance(block, dict):
            raise ProtocolError("Anthropic began a content block without saying what it is")
        self._content.start(_index(data), block, events)

    def _odd_delta(self, data: JSONObject, events: list[StreamEvent]) -> None:
        """A delta that is none of the four kinds, or is one but with odd fields."""
        delta = data.get("delta")
        if not isinstance(delta, dict):
            raise ProtocolError("Anthropic sent a content block delta without a delta")
        kind = text_in(delta, "type")
        value = delta.get(FIELDS.get(kind))
        if value is None:
            return
        index = _index(data)
        if kind == "input_json_delta":
            self._content.input(index, value if isinstance(value, str) else _json(value), events)
        elif not isinstance(value, str):
            raise ProtocolError(f"Anthropic sent a {kind} with {type(value).__name__} as its text")
        elif kind == "text_delta":
            self._content.text(index, value, events)
        elif kind == "thinking_delta":
            self._content.thinking(index, value, events)
        else:
            self._content.signature(index, value)

    def _message_delta(self, data: JSONObject) -> None:
        self._count(data.get("usage"))
        delta = data.get("delta")
        if isinstance(delta, dict):
            self._stop = reason_of(delta.get("stop_reason")) or self._stop
            self._stop_details = delta.get("stop_details") or self._stop_details

    def _count(self, usage: Any) -> None:
        """Take over what is reported: each number is a sum, so the last one counts. A request
        without any input is none, so a report that says so, or no output, says nothing."""
        if not isinstance(usage, dict):
            return
        details = usage.get("output_tokens_details")
        if isinstance(details, dict):
            usage = {**usage, "thinking_tokens": details.get("thinking_tokens")}
        for names in (_INPUT, *((name,) for name in _OUTPUT)):
            told = {name: n for name in names if (n := count(usage.get(name))) is not None}
            if any(told.values()):
                self._counts |= told

    def _finish(self, events: list[StreamEvent]) -> None:
        content = self._content
        if not content.begun and isinstance(self._given, list):
            for index, block in enumerate(self._given):
                if isinstance(block, dict):
                    content.start(index, block, events)
                    content.stop(index, events)
        reason = self._stop
        stop = self._meaning(reason)
        problem = content.close(events, whole=stop is StopReason.tool_use)
        if problem is not None and isinstance(stop, StopReason):
            stop = ProtocolError(f"{self.describe}: {problem}")
        if isinstance(stop, StopReason):
            events.append(IterationEnd(0, stop, self._usage()))
            self.done = True
        else:
            self.fail(events, stop)

    def _meaning(self, reason: str | None) -> StopReason | StreamError:
        """The stop reason in axio's terms; one that is unknown or missing, where nothing came,
        stands for a failure."""
        content = self._content
        if reason is None:
            return StopReason.end_turn if content.begun else StopReason.error
        if reason.lower() == "refusal":
            return refused(self._stop_details)
        stop = stop_for(reason, self.describe, answered=content.begun, called=content.called)
        if isinstance(stop, ProviderError) and not content.begun:
            return StopReason.error
        return stop

    def _usage(self) -> Usage:
        fresh, read, written = (self._counts.get(name, 0) for name in _INPUT)
        output, thinking = (self._counts.get(name, 0) for name in _OUTPUT)
        return Usage(fresh + read + written, output, read, written, thinking)


_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""The first counts only what was neither read from the cache nor written to it."""
_OUTPUT = ("output_tokens", "thinking_tokens")


def _index(data: Mapping[str, Any]) -> int:
    index = place_of(data.get("index", 0))
    if index is None:
        raise ProtocolError(f"Anthropic sent a content block with a bad index: {data['index']!r}")
    return index


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
