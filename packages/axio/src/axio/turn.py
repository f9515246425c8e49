"""One response of the model, put together from its events."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from axio.blocks import (
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.events import (
    ImageOutput,
    IterationEnd,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
    VideoOutput,
)
from axio.history import unique_id
from axio.tool_args import ToolArgStream
from axio.types import StopReason, ToolCallID, ToolName, Usage

__all__ = ("Call", "Turn")

# json.loads puts three layers around this, which cost more than short arguments do.
_decoder = json.JSONDecoder()

_SPACE = " \t\n\r"  # of JSON; str.strip() takes more

_ECHO = 200  # characters of broken arguments that the model gets to see again


class Call:
    """A call the model makes. `problem` says why it cannot run; its `input` is then empty."""

    __slots__ = (
        *("answered", "approved", "fragments", "id", "index", "input", "name", "problem"),
        *("scanner", "started"),
        "wire_id",
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
        self.scanner: ToolArgStream | None = None
        self.answered = False
        """Whether it has a result."""
        self.started = False
        """Whether it has been handed to its tool, or answered without it."""

    def parse(self, cut: bool) -> None:
        """Read the arguments. `cut`: the response was, so that no text means lost text."""
        raw = "".join(self.fragments)
        text = raw.strip(_SPACE)
        if not text and not cut:
            return
        try:
            value, end = _decoder.raw_decode(text)
            if end != len(text):
                raise json.JSONDecodeError("Extra data", text, end)
        except ValueError as exc:
            reason = "were cut off by the output limit" if cut else f"are not valid JSON ({exc})"
        except RecursionError:
            reason = "are nested too deeply"
        else:
            if isinstance(value, dict):
                self.input = whole(value) if "\\ud" in text or "\\uD" in text else value
                return
            reason = "are not a JSON object"
        echo = raw if len(raw) <= _ECHO else raw[:_ECHO] + f"... ({len(raw)} characters)"
        self.problem = (
            f"The arguments of this call {reason}, so it was not run. Received: {echo!r}. "
            f"Call {self.name} again with its arguments as one valid JSON object"
            + (", and shorter." if cut else ".")
        )

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


def _is_call(item: ContentBlock | Call) -> bool:
    return isinstance(item, Call)


class Turn:
    """`feed` the events of one response, then `close`; the outcome is in the attributes.

    `content`, there after `close`, is what the assistant's message holds: text and media in order
    of arrival, then the calls; with reasoning that must be kept, everything in order of arrival.
    `taken` are the ids that earlier calls of the run have; a call that repeats one gets another.
    `on_complete` is told of each call to a tool named in `eager` as soon as its arguments are a
    whole JSON object. Linear in the events.
    """

    __slots__ = (
        *("calls", "content", "ended", "stop_reason", "usage"),
        *("_arrived", "_current", "_eager", "_keeps_order", "_known", "_on_complete", "_taken"),
        "_text",
    )

    content: list[ContentBlock]

    def __init__(
        self,
        taken: set[ToolCallID] | None = None,
        eager: Collection[ToolName] = (),
        on_complete: Callable[[Call], None] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.ended = False
        self.stop_reason = StopReason.end_turn
        self.usage: Usage | None = None
        self._arrived: list[ContentBlock | Call] = []
        self._current: Call | None = None
        self._eager = eager
        self._keeps_order = False
        self._known: dict[ToolCallID | tuple[int, ToolCallID], Call] = {}
        """The last call with an id, and with an id at an index."""
        self._on_complete = on_complete
        self._taken = set() if taken is None else taken
        self._text: list[str] = []

    def feed(self, event: StreamEvent) -> None:
        if type(event) is TextDelta:
            self._text.append(event.delta)
        elif type(event) is ToolInputDelta:
            call = self._current
            id = event.tool_use_id
            if call is None or call.wire_id != id or call.index != event.index:
                call = self._resume(event.index, id)
                if call is None:
                    return
            call.fragments.append(event.partial_json)
            if call.scanner is not None:
                self._scan(call, call.scanner)
        elif type(event) is ToolUseStart:
            self._start_call(event)
        elif type(event) is IterationEnd:
            self.ended = True
            self.stop_reason = event.stop_reason
            self.usage = event.usage if self.usage is None else self.usage + event.usage
        elif type(event) is ReasoningEnd:
            self._keeps_order = True
            self._add(event.block)
        elif type(event) is ImageOutput:
            self._add(ImageBlock(event.media_type, event.data))
        elif type(event) is VideoOutput:
            self._add(VideoBlock(event.media_type, event.data))

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
        if known is not None and not known.is_complete():
            known.name, known.fragments = event.name, []
            self._watch(known)
            self._current = known
            return
        id = wire_id if wire_id not in self._taken else unique_id(wire_id, self._taken)
        call = self._current = Call(id, event.name, index, wire_id)
        self._taken.add(id)
        self.calls.append(call)
        self._add(call)
        self._known[index, wire_id] = self._known[wire_id] = call
        if self._eager:
            self._watch(call)

    def _watch(self, call: Call) -> None:
        call.scanner = ToolArgStream(call.id, call.index) if call.name in self._eager else None

    def _resume(self, index: int, id: ToolCallID) -> Call | None:
        """The call that a piece of arguments belongs to, which is not the one before."""
        call = self._known.get((index, id)) or self._known.get(id)
        if call is not None:
            self._current = call
        return call

    def _scan(self, call: Call, scanner: ToolArgStream) -> None:
        """Look at the last piece of an eager call's arguments."""
        scanner.feed(call.fragments[-1])
        if scanner.done and self._on_complete is not None:
            call.scanner = None
            self._on_complete(call)

    def close(self) -> None:
        """Nothing more comes: parse the arguments and put the content together."""
        if self._text:
            self._end_text()
        if not self.calls:
            self.content = self._arrived  # type: ignore[assignment]
            return
        self._known.clear()
        cut = self.stop_reason == StopReason.max_tokens
        for call in self.calls:
            call.parse(cut)
        order = self._arrived
        if len(order) > len(self.calls) and not self._keeps_order:
            order.sort(key=_is_call)
        self.content = content = []
        for item in order:
            if type(item) is Call:
                item = ToolUseBlock(item.id, item.name, item.input)
            content.append(item)

    def partial(self) -> list[ContentBlock]:
        """What may be kept of a response that was interrupted: text and media, no call, no
        reasoning, neither of which a provider takes back in part."""
        self._end_text()
        return [b for b in self._arrived if not isinstance(b, (Call, ReasoningBlock))]
