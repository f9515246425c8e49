"""From the bytes of a streamed response to events. Pure: feed it, close it.

The protocol: https://platform.openai.com/docs/api-reference/responses-streaming

What servers do differently, and what is made of it:

* Which item a piece belongs to is told by `axio.wire.calls` for calls, by `told` for the rest.
* Deltas may be missing, of a whole item or of its end. What the event that ends an item holds, and
  the list in the last event, completes what was told; arguments that differ replace it.
* An error is an event `error` in one of two shapes, an object with `error` alone, or a response
  that failed.
* The end is `response.completed`, `.incomplete` or `.failed`; `[DONE]` alone ends an answer too.
  A body that stops before that was cut.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from axio.events import IterationEnd, StreamEvent, TextDelta
from axio.exceptions import ProtocolError, ProviderError, StreamError, TruncatedStream
from axio.types import StopReason
from axio.wire.decoding import EventDecoder
from axio.wire.endings import stop_for
from axio.wire.errors import error_from_stream
from axio.wire.lenient import load, load_object, text_in, text_of
from axio.wire.sse import ServerSentEvent
from axio_transport_openai.endings import DESCRIBE, error_in
from axio_transport_openai.responses.answer import Answer
from axio_transport_openai.responses.payloads import Event, Response, odd_event, parse_event
from axio_transport_openai.usage import Counts

__all__ = ("DESCRIBE", "ResponsesDecoder")

logger = logging.getLogger("axio_transport_openai")

STATUSES = {
    "max_output_tokens": StopReason.max_tokens,
    "max_tokens": StopReason.max_tokens,
    "length": StopReason.max_tokens,
}
"""Statuses of a completed answer that are no ordinary end."""


class ResponsesDecoder(EventDecoder):
    """Events of one answer.

    `provider` names the reasoning; with `keeps_raw` reasoning that is not encrypted is kept for it
    too. `own_names` gives a tool's own name for the one that the wire needed. `describe` begins
    the messages of errors. With `skips_garbage` events that are not JSON are passed over, else they
    are errors.
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
        super().__init__(describe, error_field=True)
        self._provider = provider
        self._skips_garbage = skips_garbage
        self._answer = Answer(provider, own_names, keeps_raw=keeps_raw)

    def end_of_body(self, events: list[StreamEvent]) -> None:
        text = f"{self.describe}: the connection ended before the answer was complete"
        self.fail(events, TruncatedStream(text, retryable=True))

    def flush(self, events: list[StreamEvent]) -> None:
        self._answer.flush(events)

    def read(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool = False) -> None:
        event: Event | None
        try:
            event = parse_event(sent.data)
        except (msgspec.DecodeError, RecursionError):
            event = self._parse_odd(sent, events, cut)
            if event is None:
                return
        kind = event.type
        if kind == "response.output_text.delta" or kind == "response.refusal.delta":
            answer = self._answer
            item = answer.telling
            delta = event.delta
            if (
                item is not None
                and delta.__class__ is str
                and event.item_id == answer.item_id
                and event.output_index == answer.place
            ):
                if delta:
                    item.told.append(delta)
                    events.append(TextDelta(0, delta))
            else:
                answer.text(event, delta, events)
        elif kind == "response.function_call_arguments.delta":
            self._answer.arguments(event, event.delta, events)
        elif (
            kind == "response.reasoning_summary_text.delta"
            or kind == "response.reasoning_text.delta"
        ):
            self._answer.reasoning(event, event.delta, events)
        else:
            self._read_rest(kind or sent.event, event, sent, events)

    def _read_rest(
        self, kind: str, event: Event, sent: ServerSentEvent, events: list[StreamEvent]
    ) -> None:
        """The rarer events: beginnings and ends."""
        answer = self._answer
        match kind:
            case "response.output_item.added":
                if _is_item(event.item):
                    answer.start(event.item, event.output_index, events)
            case "response.output_item.done":
                if _is_item(event.item):
                    answer.end(event.item, event.output_index, events)
            case "response.output_text.done" | "response.refusal.done":
                answer.whole_text(event, events)
            case "response.reasoning_summary_text.done" | "response.reasoning_text.done":
                answer.whole_reasoning(event, events)
            case "response.custom_tool_call_input.delta":
                answer.custom_input(event, event.delta, events)
            case "response.function_call_arguments.done":
                answer.whole_arguments(event, events)
            case "response.completed" | "response.incomplete" | "response.done":
                self._end(event.response or Response(), kind, events)
            case "response.failed":
                error = event.response.error if event.response is not None else event.error
                self.fail(events, self._failure(error or "the response failed"))
            case "error":
                if event.type is None and event.error is None:
                    self.fail(events, self._failure(sent.data))
                    return
                told = {"code": event.code, "message": event.message}
                self.fail(events, self._failure(event.error or told))
            case _:
                if event.type is None:
                    self._read_untyped(kind, sent, events)

    def _read_untyped(self, kind: str, sent: ServerSentEvent, events: list[StreamEvent]) -> None:
        error = error_in(load_object(sent.data) or {}, "")
        if error is not None:
            self.fail(events, self._failure(error))
        elif kind == "message":
            self.fail(events, self.misread("is an event without a type", sent.data))

    def _parse_odd(
        self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool
    ) -> Event | None:
        """An event that the parser does not take. None where it is something else, which is then
        dealt with: the end mark, an error in words, or a fault."""
        data = sent.data.strip()
        if data == "[DONE]":
            if self._answer.begun:
                self._end(Response(), "", events)
            else:
                text = f"{self.describe}: the answer is empty"
                self.fail(events, TruncatedStream(text, retryable=True))
            return None
        self._answer.telling = None  # there may be halves of characters in it
        try:
            payload = load(data)
        except ValueError:
            self.read_damaged(sent, data, events, cut or self._skips_garbage)
            return None
        event = odd_event(payload) if isinstance(payload, dict) else None
        if event is None and sent.event == "error":
            self.fail(events, self._failure(data))
        elif event is None:
            self.fail(events, self.misread("is an event of an odd shape", data))
        return event

    def _end(self, response: Response, kind: str, events: list[StreamEvent]) -> None:
        status = text_of(response.status).lower()
        if status in ("failed", "cancelled", "canceled"):
            self.fail(events, self._failure(response.error or f"the answer was {status}"))
            return
        answer = self._answer
        for place, item in enumerate(response.output if isinstance(response.output, list) else ()):
            if _is_item(item):
                answer.listed(item, place, events)
        stop: StopReason | StreamError
        problem = answer.close(events)
        if problem is not None:
            stop = ProtocolError(f"{self.describe}: {problem}")
        else:
            stop = self._stop(response, status, kind)
        if not isinstance(stop, StopReason):
            self.fail(events, stop)
            return
        if not answer.told and stop is not StopReason.max_tokens:
            logger.warning("%s: the answer is empty", self._provider)
        events.append(IterationEnd(0, stop, Counts(response.usage).usage()))
        self.done = True

    def _stop(self, response: Response, status: str, kind: str) -> StopReason | StreamError:
        answer = self._answer
        called = answer.calls.begun
        if kind != "response.incomplete" and status != "incomplete":
            return STATUSES.get(status) or (StopReason.tool_use if called else StopReason.end_turn)
        details = response.incomplete_details
        reason = text_in(details, "reason") if isinstance(details, dict) else ""
        if not reason:
            return ProviderError(f"{self.describe}: the answer is incomplete (no reason given)")
        return stop_for(reason, self.describe, answered=answer.told, called=called)

    def _failure(self, error: Any) -> Exception:
        return error_from_stream(self.describe, error)


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("type"), str)
