"""One response of the model, put together from its events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from axio.blocks import (
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
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
from axio.run.call import ApprovedCall, Call, RepeatedCall, join_surrogates
from axio.schema.streaming import ToolArgStream
from axio.types import JSONObject, StopReason, ToolCallID, ToolName, Usage

if TYPE_CHECKING:
    from axio.approval import Made, PendingCall
    from axio.tool import AnyTool

__all__ = (
    "CUT",
    "DONE",
    "FAILED",
    "ApprovedTurn",
    "EagerTurn",
    "ReopenedTurn",
    "Turn",
    "names_of_eager",
)

# In Python 3.11 to look up a member of an Enum is a call.
DONE, CUT, FAILED = StopReason.end_turn, StopReason.max_tokens, StopReason.error

# fmt: off
_STORED: tuple[type[Any], ...] = (
    TextDelta, ToolUseStart, ToolInputDelta, IterationEnd, ReasoningEnd, ImageOutput, VideoOutput
)
# fmt: on


def _joined(blocks: Iterable[ContentBlock]) -> Iterator[ContentBlock]:
    """`blocks` with texts that have become neighbours as one."""
    for kind, group in groupby(blocks, type):
        if kind is TextBlock:
            yield TextBlock("".join(text.text for text in cast("Iterator[TextBlock]", group)))
        else:
            yield from group


class Turn:
    """`feed` the events of one response, then `close`; the outcome is in the attributes.

    `content`, there after `close`, is the content of the assistant's message: text and media in
    order of arrival, then the calls; with reasoning that must be kept, all in order of arrival.
    `taken` holds the ids of earlier calls of the session; a call that repeats one gets another.
    `iteration` goes into an `IterationEnd` that says 0, because its transport knows of none.
    Linear in the events.
    """

    __slots__ = (
        *("calls", "content", "iteration", "runs", "source", "stop_reason", "taken", "usage"),
        *("_arrived", "_current", "_known", "_text"),
    )

    content: list[ContentBlock]

    source: AsyncIterator[StreamEvent]
    """The events of the response, once it has been asked for."""

    def __init__(self, taken: set[ToolCallID] | None = None, iteration: int = 0) -> None:
        self.calls: list[Call] = []
        self.iteration = iteration
        self.runs = False
        """True if its calls are to be run, and answered; known after `close`."""
        self.stop_reason = DONE
        self.taken = set() if taken is None else taken
        self.usage: Usage | None = None
        """None until an `IterationEnd` has come."""
        self._arrived: list[ContentBlock | Call] = []
        self._current: Call | None = None
        self._known: dict[ToolCallID | tuple[int, ToolCallID], Call] = {}
        """The last call with an id, and with an id at an index."""
        self._text: list[str] = []

    granted: Sequence[PendingCall] = ()
    """Its calls, where they are those of earlier turns that a person has approved."""

    is_stored = False
    """True if its calls come from the history, and not from the model."""

    holds = False
    """True if results of its calls are held back until it has ended well."""

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
                event = IterationEnd(self.iteration, event.stop_reason, event.usage)
        elif type(event) is ReasoningEnd:
            self._add(event.block)
        elif type(event) is ImageOutput:
            self._add(ImageBlock(event.media_type, event.data))
        elif type(event) is VideoOutput:
            self._add(VideoBlock(event.media_type, event.data))
        elif type(event) is not ReasoningDelta:
            self._feed_derived(event)
        return event

    def _feed_derived(self, event: StreamEvent) -> None:
        """Take an event of a class derived from one of ours as ours."""
        for kind in _STORED:
            if isinstance(event, kind) and type(event) is not kind:
                self.feed(kind(*[getattr(event, field.name) for field in fields(kind)]))

    @property
    def is_closed(self) -> bool:
        """True once nothing more comes from the model."""
        return hasattr(self, "content")

    def _add(self, item: ContentBlock | Call) -> None:
        if self._text:
            self._end_text()
        self._arrived.append(item)

    def _end_text(self) -> None:
        if text := "".join(self._text):
            self._arrived.append(TextBlock(join_surrogates(text)))
        self._text = []

    def _start_call(self, event: ToolUseStart) -> None:
        index, wire_id = event.index, event.tool_use_id
        known = self._known.get((index, wire_id))
        if known is not None and not known.started and not known.is_complete():
            known.name, known.fragments, known.problem = event.name, [], None
            self._current = known
            return
        taken = self.taken
        id = wire_id if wire_id not in taken else unique_id(wire_id, taken)
        taken.add(id)
        call = self._current = Call(id, event.name, index, wire_id)
        self.calls.append(call)
        self._add(call)
        self._known[index, wire_id] = self._known[wire_id] = call

    def _resume(self, index: int, id: ToolCallID) -> Call | None:
        """The call that a piece of arguments belongs to, where it is not the current one."""
        call = self._known.get((index, id)) or self._known.get(id)
        if call is not None:
            self._current = call
        return call

    def close(self) -> None:
        """Nothing more comes: read the arguments and put the content together."""
        if self._text:
            self._end_text()
        if not self.calls:
            self.content = self._arrived  # type: ignore[assignment]
            return
        if self.stop_reason == FAILED:
            self.content = self.partial()
            return
        self.runs = True
        self._known.clear()
        cut = self.stop_reason == CUT
        self.content = content = []
        for item in self.so_far():
            if type(item) is Call:
                item.parse(cut)
                item = ToolUseBlock(item.id, item.name, item.input)
            content.append(item)

    def so_far(self) -> list[ContentBlock | Call]:
        """All that has come by now, in the order in which it is stored."""
        order = self._arrived
        if self._text and (text := "".join(self._text)):
            order = [*order, TextBlock(join_surrogates(text))]
        calls = self.calls
        if not calls or len(order) == len(calls):
            return order
        if any(isinstance(item, ReasoningBlock) for item in order):
            return order
        return [*_joined(item for item in order if not isinstance(item, Call)), *calls]

    def partial(self) -> list[ContentBlock]:
        """The part of an interrupted response that may be kept: its text and media.

        No provider takes back a part of a call, or of reasoning.
        """
        self._end_text()
        return list(_joined(b for b in self._arrived if not isinstance(b, (Call, ReasoningBlock))))


class EagerTurn(Turn):
    """A turn that tells `on_complete` of each call to a tool named in `eager` as soon as its
    arguments are a whole JSON object."""

    __slots__ = ("_eager", "_on_complete", "_scanners")

    holds = True

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


def names_of_eager(tools: Iterable[AnyTool]) -> list[ToolName]:
    """The tools that start while the model still streams: they need no leave, and change nothing,
    which a tool that is eager has to say itself."""
    return [tool.name for tool in tools if tool.eager and not tool.guards]


class StoredTurn(Turn):
    """Calls that the history holds: the model is not asked, they only run."""

    __slots__ = ()

    is_stored = True

    def __init__(self) -> None:
        super().__init__()
        self.content, self.runs = [], True
        self.source = _nothing()

    def _take(self, call: Call, input: JSONObject) -> None:
        call.input = input
        self.calls.append(call)

    def close(self) -> None:
        """The calls are known already."""


class ApprovedTurn(StoredTurn):
    """Calls of earlier turns that a person has approved, or that waited for calls inside them."""

    __slots__ = ("granted",)

    def __init__(self, granted: Sequence[tuple[PendingCall, Made]]) -> None:
        super().__init__()
        self.granted = [waiting for waiting, _ in granted]
        for index, (waiting, made) in enumerate(granted):
            call = ApprovedCall(waiting.tool_use_id, waiting.name, index)
            call.made = made
            self._take(call, waiting.input)


class ReopenedTurn(StoredTurn):
    """The calls of a turn that a crash has cut off, each with its result if that is known. Those
    without one run."""

    __slots__ = ()

    def __init__(self, calls: Iterable[tuple[ToolUseBlock, ToolResultBlock | None]]) -> None:
        super().__init__()
        for index, (block, result) in enumerate(calls):
            call = RepeatedCall(block.id, block.name, index)
            call.result, call.started = result, result is not None
            self._take(call, block.input)


async def _nothing() -> AsyncIterator[StreamEvent]:
    nothing: tuple[StreamEvent, ...] = ()
    for event in nothing:
        yield event
