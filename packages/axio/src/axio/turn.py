"""One response of the model, put together from its events."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import fields
from itertools import groupby
from math import isfinite
from typing import Any, cast

from axio.blocks import (
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    unshared,
)
from axio.events import (
    ImageOutput,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
    VideoOutput,
)
from axio.history import unique_id
from axio.schema.streaming import ToolArgStream
from axio.types import StopReason, ToolCallID, ToolName, Usage

__all__ = ("Call", "EagerTurn", "Turn")

# fmt: off
_STORED: tuple[type[Any], ...] = (
    TextDelta, ToolUseStart, ToolInputDelta, IterationEnd, ReasoningEnd, ImageOutput, VideoOutput
)
# fmt: on


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    return value if isfinite(value) else _refuse(number)


# json.loads puts four layers around this, which cost more than short arguments do.
_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
_scan = _decoder.scan_once  # type: ignore[attr-defined]

_SPACE = " \t\n\r"  # of JSON; str.strip() takes more

_ECHO = 200  # characters of broken arguments that the model gets to see again


class Call:
    """A call the model makes. `problem` says why it is not run."""

    __slots__ = (
        *("approved", "fragments", "id", "index", "input", "name", "output", "problem", "result"),
        *("started", "wire_id", "_nested"),
    )

    def __init__(
        self, id: ToolCallID, name: ToolName, index: int, wire_id: ToolCallID = ""
    ) -> None:
        self.id = id
        self.name = name
        self.index = index
        self.wire_id = wire_id
        """The id that the provider gave it; `id` is unique in the run."""
        self.input: dict[str, Any] = {}
        self.fragments: list[str] = []
        self.problem: str | None = None
        self.approved = False
        """Whether a person has said yes to it."""
        self.started = False
        """Whether it has been handed to its tool, or answered without it."""
        self.output: list[tuple[float, str, str]] | None = None
        """What its tool has shown so far, where it streams: seconds, channel and text."""
        self.result: ToolResultBlock | None = None
        self._nested = True
        """Whether `input` may hold lists or objects."""

    def parse(self, cut: bool) -> None:
        """Read the arguments. `cut`: the response was, so that no text means lost text."""
        raw = "".join(self.fragments)
        text = raw.strip(_SPACE)
        if not text and not cut:
            return
        try:
            value, end = _scan(text, 0)
            if end != len(text):
                raise json.JSONDecodeError("Extra data", text, end)
            if isinstance(value, dict):
                self.problem = None
                self.input = whole(value) if "\\u" in text or not text.isascii() else value
                self._nested = "[" in text or text.rfind("{") > 0
                return
            reason = "are not a JSON object"
        except (StopIteration, ValueError) as exc:
            if isinstance(exc, StopIteration):
                exc = json.JSONDecodeError("Expecting value", text, exc.value)
            reason = "were cut off by the output limit" if cut else f"are not valid JSON ({exc})"
        except RecursionError:
            reason = "are nested too deeply"
        echo = raw if len(raw) <= _ECHO else raw[:_ECHO] + f"... ({len(raw)} characters)"
        self.problem = (
            f"The arguments of this call {reason}, so it was not run. Received: {echo!r}. "
            f"Call {self.name} again with its arguments as one valid JSON object"
            + (", and shorter." if cut else ".")
        )

    def arguments(self) -> dict[str, Any]:
        """`input` for a handler, which may change what it is given: the history stays as it is."""
        return unshared(self.input) if self._nested else self.input

    def is_complete(self) -> bool:
        """Whether the fragments so far are a whole JSON object."""
        try:
            return isinstance(json.loads("".join(self.fragments)), dict)
        except (ValueError, RecursionError):
            return False


def whole(value: Any) -> Any:
    """`value` with the halves of surrogate pairs in its texts joined, lone ones replaced.

    Providers cut text between the two halves of a character; half of one cannot be stored.
    """
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


def _joined(blocks: Iterable[ContentBlock]) -> Iterator[ContentBlock]:
    """`blocks` with texts that have become neighbours as one."""
    for kind, group in groupby(blocks, type):
        if kind is TextBlock:
            yield TextBlock("".join(text.text for text in cast("Iterator[TextBlock]", group)))
        else:
            yield from group


class Turn:
    """`feed` the events of one response, then `close`; the outcome is in the attributes.

    `content`, there after `close`, is what the assistant's message holds: text and media in order
    of arrival, then the calls; with reasoning that must be kept, everything in order of arrival.
    `taken` are the ids that earlier calls of the run have; a call that repeats one gets another.
    `iteration` goes into an `IterationEnd` that says 0, because its transport knows of none.
    Linear in the events.
    """

    __slots__ = (
        *("calls", "content", "runs", "stop_reason", "usage"),
        *("_arrived", "_current", "_iteration", "_keeps_order", "_known", "_taken", "_text"),
    )

    content: list[ContentBlock]

    def __init__(self, taken: set[ToolCallID] | None = None, iteration: int = 0) -> None:
        self.calls: list[Call] = []
        self.runs = False
        """Whether its calls are to be run, and answered."""
        self.stop_reason = StopReason.end_turn
        self.usage: Usage | None = None
        """None until an `IterationEnd` has come."""
        self._arrived: list[ContentBlock | Call] = []
        self._current: Call | None = None
        self._iteration = iteration
        self._keeps_order = False
        self._known: dict[ToolCallID | tuple[int, ToolCallID], Call] = {}
        """The last call with an id, and with an id at an index."""
        self._taken = set() if taken is None else taken
        self._text: list[str] = []

    def feed(self, event: StreamEvent) -> StreamEvent:
        """Take an event; it comes back as it is to be passed on."""
        if type(event) is TextDelta:
            self._text.append(event.delta)
        elif type(event) is ToolInputDelta:
            call = self._current
            id = event.tool_use_id
            if call is None or call.wire_id != id or call.index != event.index:
                call = self._resume(event.index, id)
                if call is None:
                    return event
            call.fragments.append(event.partial_json)
        elif type(event) is ToolUseStart:
            self._start_call(event)
        elif type(event) is IterationEnd:
            self.stop_reason = event.stop_reason
            self.usage = event.usage if self.usage is None else self.usage + event.usage
            if not event.iteration:
                event = IterationEnd(self._iteration, event.stop_reason, event.usage)
        elif type(event) is ReasoningEnd:
            self._keeps_order = True
            self._add(event.block)
        elif type(event) is ImageOutput:
            self._add(ImageBlock(event.media_type, event.data))
        elif type(event) is VideoOutput:
            self._add(VideoBlock(event.media_type, event.data))
        elif type(event) is not ReasoningDelta:
            self._feed_derived(event)
        return event

    def _feed_derived(self, event: StreamEvent) -> None:
        """An event of a class that somebody made of one of ours counts as ours."""
        for kind in _STORED:
            if isinstance(event, kind) and type(event) is not kind:
                self.feed(kind(*[getattr(event, field.name) for field in fields(kind)]))

    def _add(self, item: ContentBlock | Call) -> None:
        if self._text:
            self._end_text()
        self._arrived.append(item)

    def _end_text(self) -> None:
        if text := "".join(self._text):
            self._arrived.append(TextBlock(whole(text)))
        self._text = []

    def _start_call(self, event: ToolUseStart) -> None:
        index, wire_id = event.index, event.tool_use_id
        known = self._known.get((index, wire_id))
        if known is not None and not known.started and not known.is_complete():
            known.name, known.fragments, known.problem = event.name, [], None
            self._current = known
            return
        taken = self._taken
        id = wire_id if wire_id not in taken else unique_id(wire_id, taken)
        taken.add(id)
        call = self._current = Call(id, event.name, index, wire_id)
        self.calls.append(call)
        self._add(call)
        self._known[index, wire_id] = self._known[wire_id] = call

    def _resume(self, index: int, id: ToolCallID) -> Call | None:
        """The call that a piece of arguments belongs to, which is not the one before."""
        call = self._known.get((index, id)) or self._known.get(id)
        if call is not None:
            self._current = call
        return call

    def close(self) -> None:
        """Nothing more comes: parse the arguments and put the content together."""
        if self._text:
            self._end_text()
        if not self.calls:
            self.content = self._arrived  # type: ignore[assignment]
            return
        if self.stop_reason == StopReason.error:
            self.content = self.partial()
            return
        self.runs = True
        self._known.clear()
        cut = self.stop_reason == StopReason.max_tokens
        order = self._arrived
        if len(order) > len(self.calls) and not self._keeps_order:
            rest = [item for item in order if not isinstance(item, Call)]
            order = [*_joined(rest), *self.calls]
        self.content = content = []
        for item in order:
            if type(item) is Call:
                item.parse(cut)
                item = ToolUseBlock(item.id, item.name, item.input)
            content.append(item)

    def partial(self) -> list[ContentBlock]:
        """What may be kept of a response that was interrupted: text and media, no call, no
        reasoning, neither of which a provider takes back in part."""
        self._end_text()
        kept = [b for b in self._arrived if not isinstance(b, (Call, ReasoningBlock))]
        return list(_joined(kept)) if self.calls else kept


class EagerTurn(Turn):
    """A turn that tells `on_complete` of each call to a tool named in `eager` as soon as its
    arguments are a whole JSON object."""

    __slots__ = ("_eager", "_on_complete", "_scanners")

    def __init__(
        self,
        taken: set[ToolCallID],
        iteration: int,
        eager: Collection[ToolName],
        on_complete: Callable[[Call], None],
    ) -> None:
        super().__init__(taken, iteration)
        self._eager = eager
        self._on_complete = on_complete
        self._scanners: dict[ToolCallID, ToolArgStream] = {}

    def feed(self, event: StreamEvent) -> StreamEvent:
        event = super().feed(event)
        call = self._current
        if call is None:
            return event
        if type(event) is ToolInputDelta:
            scanner = self._scanners.get(call.id)
            if scanner is not None and call.wire_id == event.tool_use_id:
                scanner.feed(event.partial_json)
                if scanner.done:
                    del self._scanners[call.id]
                    self._on_complete(call)
        elif type(event) is ToolUseStart:
            self._scanners.pop(call.id, None)  # A call begun anew may be to another tool.
            if call.name in self._eager:
                self._scanners[call.id] = ToolArgStream(call.id, call.index)
        return event
