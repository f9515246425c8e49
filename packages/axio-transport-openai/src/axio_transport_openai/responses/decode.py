"""From the bytes of a streamed response to events. Pure: feed it, close it.

The protocol: https://platform.openai.com/docs/api-reference/responses-streaming

What servers do differently, and what is made of it:

* Items are known by their `output_index`; some servers leave it out and name the item, some give
  an item another id with every event.
* Deltas may be missing; then text and arguments are taken from the event that ends the item, and
  items that had no events at all from the last event.
* An error is an event `error` in one of two shapes, an object with `error` alone, or a response
  that failed.
* The end is `response.completed`, `.incomplete` or `.failed`; `[DONE]` alone ends an answer too.
  A body that stops before that was cut.
"""

from __future__ import annotations

import json
from binascii import hexlify
from collections.abc import Mapping
from os import urandom
from types import MappingProxyType
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
from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, TruncatedStream
from axio.types import StopReason
from axio.wire.errors import error_from_stream
from axio.wire.sse import ServerSentEvent, SSEDecoder
from axio_transport_openai.responses.items import (
    call_arguments,
    frame_of,
    generated_image,
    reasoning_text,
    runs_here,
)
from axio_transport_openai.responses.payloads import Event, Response, parse_event
from axio_transport_openai.responses.usage import usage_of

__all__ = ("DESCRIBE", "ResponsesDecoder")

DESCRIBE = "Provider error during streaming"

STATUSES = {
    "max_output_tokens": StopReason.max_tokens,
    "max_tokens": StopReason.max_tokens,
    "length": StopReason.max_tokens,
}
"""Why an answer stopped, as its status or as the reason of an incomplete one. Every other status
of a completed answer is an ordinary end."""


class _Call:
    """A call whose arguments are still coming. Arguments of a custom tool are any text; to axio
    that is the argument `input`."""

    __slots__ = ("custom", "id", "index", "streamed")

    def __init__(self, index: int, id: str, custom: bool) -> None:
        self.index = index
        self.id = id
        self.custom = custom
        self.streamed = False

    def piece(self, text: str) -> StreamEvent:
        if self.custom:
            text = ("" if self.streamed else '{"input": "') + json.dumps(text)[1:-1]
        self.streamed = True
        return ToolInputDelta(self.index, self.id, text)


class ResponsesDecoder:
    """Events of one answer. A failure is an `Error`, and then the last event; never raises.

    `provider` is whose reasoning it is; with `keeps_raw` it wants back reasoning that it did not
    encrypt, too. `own_names` leads from names of tools that had to be changed for the wire to
    their own. `describe` is how messages of errors begin. With `skips_garbage` events that are no
    JSON are passed over; without, they are errors.
    """

    def __init__(
        self,
        provider: str = "openai-responses",
        own_names: Mapping[str, str] = MappingProxyType({}),
        *,
        keeps_raw: bool = False,
        describe: str = DESCRIBE,
        skips_garbage: bool = False,
    ) -> None:
        self.done = False
        """The answer is over: whatever follows is not read."""
        self._provider = provider
        self._own_names = own_names
        self._keeps_raw = keeps_raw
        self._describe = describe
        self._skips_garbage = skips_garbage
        self._sse = SSEDecoder(error_field=True)
        self._calls: dict[int | str, _Call] = {}  # by output index, else by the id of the item
        self._last: _Call | None = None
        self._items = 0
        self._called = False
        self._told: set[object] = set()  # items of which text or reasoning was streamed
        self._telling: object = None
        self._part: object = None  # of the summary that was streamed last

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
        if not self.done:
            text = f"{self._describe}: the connection ended before the answer was complete"
            self._fail(events, TruncatedStream(text, retryable=True))
        return events

    def _read(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool = False) -> None:
        try:
            event = parse_event(sent.data)
        except (ValueError, msgspec.ValidationError) as error:
            self._read_odd(sent, error, events, cut)
            return
        kind = event.type
        if kind == "response.output_text.delta" or kind == "response.refusal.delta":
            delta = event.delta
            if delta and delta.__class__ is str:
                self._tell(event)
                events.append(TextDelta(0, delta))
        elif kind == "response.function_call_arguments.delta":
            self._arguments(event, event.delta, events)
        elif (
            kind == "response.reasoning_summary_text.delta"
            or kind == "response.reasoning_text.delta"
        ):
            self._reason(event, events)
        else:
            self._read_rest(kind or sent.event, event, sent, events)

    def _read_rest(
        self, kind: str, event: Event, sent: ServerSentEvent, events: list[StreamEvent]
    ) -> None:
        """What few events are: beginnings and ends."""
        match kind:
            case "response.output_item.added":
                self._items += 1
                if _is_item(event.item):
                    self._start_call(event.item, self._key(event, event.item), events)
            case "response.output_item.done":
                if _is_item(event.item):
                    self._end_item(event.item, self._key(event, event.item), events)
            case "response.custom_tool_call_input.delta":
                self._arguments(event, event.delta, events)
            case "response.function_call_arguments.done":
                call = self._call(event)
                if call is not None and not call.streamed:
                    self._arguments(event, event.arguments, events)
            case "response.completed" | "response.incomplete" | "response.done":
                self._end(event.response or Response(), kind, events)
            case "response.failed":
                error = event.response.error if event.response is not None else event.error
                self._fail(events, self._failure(error or "the response failed"))
            case "error":
                if event.type is None and event.error is None:
                    self._fail(events, self._failure(sent.data))
                    return
                told = {"code": event.code, "message": event.message}
                self._fail(events, self._failure(event.error or told))
            case _:
                if event.error and event.type is None:
                    self._fail(events, self._failure(event.error))
                elif event.type is None and kind == "message":
                    self._fail(events, self._misread("an event without a type", sent.data))

    def _read_odd(
        self, sent: ServerSentEvent, error: Exception, events: list[StreamEvent], cut: bool
    ) -> None:
        """What is no event of the protocol: the end mark, an error in words, or a fault."""
        data = sent.data.strip()
        if "\n" in data:  # several events without the blank lines between them
            for line in data.split("\n"):
                if not self.done:
                    self._read(ServerSentEvent(sent.event, line), events, cut)
        elif data == "[DONE]":
            if self._told or self._called or self._items:
                self._end(Response(), "", events)
            else:
                text = f"{self._describe}: the answer is empty"
                self._fail(events, TruncatedStream(text, retryable=True))
        elif sent.event == "error":
            self._fail(events, self._failure(data))
        elif isinstance(error, msgspec.ValidationError):
            self._fail(events, self._misread(f"an event of an odd shape ({error})", data))
        elif data and not cut and not self._skips_garbage:
            self._fail(events, self._misread("what is not JSON", data))

    def _tell(self, event: Event) -> None:
        """Remember that this item comes in pieces. Looked at with every delta: cheap if the same
        item goes on."""
        key = event.item_id if event.output_index is None else event.output_index
        if key != self._telling and isinstance(key, int | str):
            self._telling = key
            self._told.add(key)

    def _reason(self, event: Event, events: list[StreamEvent]) -> None:
        delta = event.delta
        if delta and isinstance(delta, str):
            before = self._telling
            self._tell(event)
            # The parts of one summary are paragraphs with titles.
            if (
                event.summary_index != self._part
                and before == self._telling
                and self._part is not None
            ):
                delta = "\n\n" + delta
            self._part = event.summary_index
            events.append(ReasoningDelta(0, delta))

    def _key(self, event: Event, item: Mapping[str, Any]) -> int | str:
        if event.output_index is not None:
            return event.output_index
        id = item.get("id")
        return id if isinstance(id, str) and id else self._items

    def _call(self, event: Event) -> _Call | None:
        """The call that a piece of arguments belongs to."""
        if event.output_index is not None:
            return self._calls.get(event.output_index)
        if isinstance(event.item_id, str) and event.item_id in self._calls:
            return self._calls[event.item_id]
        return self._last

    def _start_call(
        self, item: Mapping[str, Any], key: int | str, events: list[StreamEvent]
    ) -> _Call | None:
        """The call that this item is; it begins unless it has. `None` for another item, and for
        one whose name is still to come."""
        kind = item.get("type")
        if kind not in ("function_call", "custom_tool_call") and not runs_here(item):
            return None
        id, name = item.get("call_id") or item.get("id"), item.get("name")
        if kind not in ("function_call", "custom_tool_call"):
            name = kind
        id = id if isinstance(id, str) else ""
        call = self._calls.get(key)
        if call is not None and id in ("", call.id):
            return call
        if not isinstance(name, str) or not name:
            return None
        index = key if isinstance(key, int) else max(self._items - 1, 0)
        id = id or "call_" + hexlify(urandom(12)).decode()
        call = self._calls[key] = self._last = _Call(index, id, kind == "custom_tool_call")
        self._called = True
        events.append(ToolUseStart(index, id, self._own_names.get(name, name)))
        return call

    def _arguments(self, event: Event, text: Any, events: list[StreamEvent]) -> None:
        if text and isinstance(text, str):
            call = self._call(event)
            if call is not None:
                events.append(call.piece(text))

    def _end_item(self, item: dict[str, Any], key: int | str, events: list[StreamEvent]) -> None:
        """What an item holds that no delta brought, and what of it has to be kept."""
        kind = item["type"]
        told = key in self._told
        call = self._start_call(item, key, events)
        if kind == "message":
            if not told:
                self._tell_parts(item, key, events)
        elif kind == "reasoning":
            text = reasoning_text(item)
            if text and not told:
                self._told.add(key)
                events.append(ReasoningDelta(0, text))
            if item.get("encrypted_content") or (text and self._keeps_raw):
                self._keep(item, events, text)
            return
        elif kind == "image_generation_call":
            if (image := generated_image(item)) is None:
                return
            self._told.add(key)
            events.append(image)
        elif call is not None:
            self._end_call(call, item, events)
        else:
            if kind != "function_call":
                self._told.add(key)
                self._keep(item, events)
            return
        if (frame := frame_of(item)) is not None:
            self._keep(frame, events)

    def _tell_parts(
        self, item: Mapping[str, Any], key: int | str, events: list[StreamEvent]
    ) -> None:
        content = item.get("content")
        for part in content if isinstance(content, list) else ():
            text = (part.get("text") or part.get("refusal")) if isinstance(part, dict) else None
            if text and isinstance(text, str):
                self._told.add(key)
                events.append(TextDelta(0, text))

    def _end_call(self, call: _Call, item: Mapping[str, Any], events: list[StreamEvent]) -> None:
        kind = item["type"]
        if kind == "function_call":
            arguments = item.get("arguments")
            if not call.streamed and arguments:
                if not isinstance(arguments, str):
                    arguments = json.dumps(arguments, ensure_ascii=False)
                events.append(call.piece(arguments))
        elif kind == "custom_tool_call":
            if not call.streamed:
                text = item.get("input")
                events.append(call.piece(text if isinstance(text, str) else ""))
            events.append(ToolInputDelta(call.index, call.id, '"}'))
        elif not call.streamed:
            call.streamed = True
            arguments = json.dumps(call_arguments(item), ensure_ascii=False)
            events.append(ToolInputDelta(call.index, call.id, arguments))

    def _keep(self, data: dict[str, Any], events: list[StreamEvent], text: str = "") -> None:
        events.append(ReasoningEnd(0, ReasoningBlock(text, self._provider, data)))

    def _end(self, response: Response, kind: str, events: list[StreamEvent]) -> None:
        if not (self._told or self._called or self._items) and isinstance(response.output, list):
            for item in response.output:
                self._items += 1
                if _is_item(item):
                    self._end_item(item, self._items - 1, events)
        status = response.status
        if status == "failed" or status == "cancelled":
            self._fail(events, self._failure(response.error or f"the answer was {status}"))
            return
        if kind == "response.incomplete" or status == "incomplete":
            details = response.incomplete_details
            status = details.get("reason") if isinstance(details, dict) else None
            if not isinstance(status, str) or status not in STATUSES:
                self._fail(events, self._stopped(status))
                return
        stop = STATUSES.get(status) if isinstance(status, str) else None
        if stop is None:
            stop = StopReason.tool_use if self._called else StopReason.end_turn
        events.append(IterationEnd(0, stop, usage_of(response.usage)))
        self.done = True

    def _fail(self, events: list[StreamEvent], error: Exception) -> None:
        events.append(Error(error))
        self.done = True

    def _failure(self, error: Any) -> Exception:
        return error_from_stream(self._describe, error)

    def _misread(self, what: str, data: str) -> ProtocolError:
        shown = data if len(data) <= 200 else data[:200] + " …"
        return ProtocolError(f"{self._describe}: {what} came: {shown}")

    def _stopped(self, reason: Any) -> ContentFiltered | ProviderError:
        if reason == "content_filter":
            message = f"{self._describe}: the provider's content filter stopped the answer"
            return ContentFiltered(message, code=reason)
        code = reason if isinstance(reason, str) else None
        return ProviderError(
            f"{self._describe}: the answer is incomplete ({code or 'no reason given'})", code=code
        )


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("type"), str)
