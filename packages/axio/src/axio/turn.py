"""One response of the model, put together from its events."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
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

_ECHO = 200  # characters of broken arguments that the model gets to see again


@dataclass(slots=True, eq=False)
class Call:
    """A call the model makes. `problem` says why it cannot run; its `input` is then empty."""

    id: ToolCallID
    name: ToolName
    index: int
    input: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    fragments: list[str] = field(default_factory=list)
    wire_id: ToolCallID = ""
    scanner: ToolArgStream | None = None
    started: bool = False
    """Whether it has been handed to its tool, or answered without it."""

    def parse(self, cut: bool) -> None:
        """Read the arguments. `cut`: the response was, so that no text means lost text."""
        raw = "".join(self.fragments)
        if not raw.strip() and not cut:
            return
        try:
            value = json.loads(raw)
        except ValueError as exc:
            reason = "were cut off by the output limit" if cut else f"are not valid JSON ({exc})"
        except RecursionError:
            reason = "are nested too deeply"
        else:
            if isinstance(value, dict):
                self.input = whole(value) if "\\ud" in raw.lower() else value
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
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


class Turn:
    """`feed` the events of one response, then `close`; the outcome is in the attributes.

    `content` is what the assistant's message holds: text and media in order of arrival, then the
    calls; with reasoning that must be kept, everything in order of arrival. `taken` are the ids
    that earlier calls of the run have; a call that repeats one gets another. `on_complete` is told
    of each call to a tool named in `eager` as soon as its arguments are a whole JSON object.
    Linear in the events.
    """

    __slots__ = (
        *("calls", "content", "ended", "stop_reason", "usage"),
        *("_arrived", "_current", "_eager", "_ids", "_on_complete", "_open", "_taken", "_text"),
    )

    def __init__(
        self,
        taken: set[ToolCallID] | None = None,
        eager: Collection[ToolName] = (),
        on_complete: Callable[[Call], None] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.content: list[ContentBlock] = []
        self.ended = False
        self.stop_reason = StopReason.end_turn
        self.usage: Usage | None = None
        self._arrived: list[ContentBlock | Call] = []
        self._current: Call | None = None
        self._eager = eager
        self._ids: dict[tuple[int, ToolCallID], Call] = {}
        self._on_complete = on_complete
        self._open: dict[ToolCallID, Call] = {}
        self._taken = set() if taken is None else taken
        self._text: list[str] = []

    def feed(self, event: StreamEvent) -> None:
        kind = event.__class__
        if kind is TextDelta:
            self._text.append(event.delta)  # type: ignore[union-attr]
        elif kind is ToolInputDelta:
            self._feed_input(event)  # type: ignore[arg-type]
        elif kind is ToolUseStart:
            self._start_call(event)  # type: ignore[arg-type]
        elif kind is IterationEnd:
            self.ended = True
            self.stop_reason = event.stop_reason  # type: ignore[union-attr]
            usage: Usage = event.usage  # type: ignore[union-attr, assignment]
            self.usage = usage if self.usage is None else self.usage + usage
        elif kind is ReasoningEnd:
            self._add(event.block)  # type: ignore[union-attr]
        elif kind is ImageOutput:
            self._add(ImageBlock(event.media_type, event.data))  # type: ignore[union-attr, arg-type]
        elif kind is VideoOutput:
            self._add(VideoBlock(event.media_type, event.data))  # type: ignore[union-attr, arg-type]

    def _add(self, item: ContentBlock | Call) -> None:
        self._end_text()
        self._arrived.append(item)

    def _end_text(self) -> None:
        if text := "".join(self._text):
            self._arrived.append(TextBlock(whole(text)))
        self._text = []

    def _start_call(self, event: ToolUseStart) -> None:
        wire_id = event.tool_use_id
        known = self._ids.get((event.index, wire_id))
        if known is not None and not known.is_complete():
            known.name, known.fragments = event.name, []
            self._watch(known)
            self._current = known
            return
        call = Call(unique_id(wire_id, self._taken), event.name, event.index)
        self._taken.add(call.id)
        self.calls.append(call)
        self._add(call)
        self._ids[event.index, wire_id] = self._open[wire_id] = self._current = call
        call.wire_id = wire_id
        self._watch(call)

    def _watch(self, call: Call) -> None:
        call.scanner = ToolArgStream(call.id, call.index) if call.name in self._eager else None

    def _feed_input(self, event: ToolInputDelta) -> None:
        call = self._current
        id = event.tool_use_id
        if call is None or call.wire_id != id or call.index != event.index:
            call = self._ids.get((event.index, id)) or self._open.get(id)
            if call is None:
                return
            self._current = call
        call.fragments.append(event.partial_json)
        if call.scanner is not None:
            call.scanner.feed(event.partial_json)
            if call.scanner.done and self._on_complete is not None:
                call.scanner = None
                self._on_complete(call)

    def close(self) -> None:
        """Nothing more comes: parse the arguments and put the content together."""
        self._end_text()
        if not self.calls:
            self.content = self._arrived  # type: ignore[assignment]
            return
        cut = self.stop_reason is StopReason.max_tokens
        for call in self.calls:
            call.parse(cut)
        self.content = [
            ToolUseBlock(item.id, item.name, item.input) if isinstance(item, Call) else item
            for item in self._arrived
        ]
        if not any(isinstance(block, ReasoningBlock) for block in self.content):
            self.content.sort(key=lambda block: isinstance(block, ToolUseBlock))

    def partial(self) -> list[ContentBlock]:
        """What may be kept of a response that was interrupted: text and media, no call, no
        reasoning, neither of which a provider takes back in part."""
        self._end_text()
        return [b for b in self._arrived if not isinstance(b, (Call, ReasoningBlock))]
