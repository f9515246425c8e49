"""An end to a model that says the same thing again and again."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from axio.events import (
    IterationEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.messages import Message
from axio.run.budget import estimate, length_of
from axio.run.call import Call
from axio.run.turn import Turn
from axio.tool import AnyTool
from axio.transport import closing
from axio.types import StopReason, Usage
from axio.wrapper import Wrapper

__all__ = ("NOTE", "Repetition", "StopRepetition")

NOTE = "\n\n[Output truncated: repetitive content detected]"

_FIRST_LOOK = 800  # characters of text before which nothing is judged
_STEP = 200  # new characters between two looks
_LONGEST_PATTERN = 150
_COVERED = 200  # characters that at least three repeats of a pattern must cover
_TAIL = 500  # characters that must not have stood in the text before
_PIECE = 50  # length of the pieces by which an earlier place is found


class Repetition:
    """`feed` text; True once it repeats itself. The work for each character is constant.

    Either the end is one pattern of at most 150 characters three times or more over at least 200
    characters, or the last 500 characters stood in the text before, word for word.
    """

    def __init__(self) -> None:
        self._fresh: list[str] = []
        self._length = 0
        self._looked_at = 0
        self._pieces: list[str] = []
        self._places: dict[str, int] = {}

    def feed(self, text: str) -> bool:
        self._fresh.append(text)
        self._length += len(text)
        if self._length < _FIRST_LOOK or self._length - self._looked_at < _STEP:
            return False
        self._looked_at = self._length
        recent = "".join(self._fresh)
        # What lies before the tail is cut into pieces once, and not looked at again.
        cut = range(0, len(recent) - _TAIL - _PIECE + 1, _PIECE)
        for start in cut:
            piece = recent[start : start + _PIECE]
            self._places[piece] = len(self._pieces)
            self._pieces.append(piece)
        self._fresh = [recent[len(cut) * _PIECE :]]
        tail = recent[-_TAIL:]
        return _has_pattern(tail) or self._stood_before(tail)

    def _stood_before(self, tail: str) -> bool:
        """True if `tail` stands at an earlier place: one of the pieces there is a part of it."""
        for shift in range(_PIECE):
            place = self._places.get(tail[shift : shift + _PIECE])
            if place is not None and place * _PIECE >= shift:
                first = (place * _PIECE - shift) // _PIECE
                around = "".join(self._pieces[first : first + _TAIL // _PIECE + 2])
                if tail in around:
                    return True
        return False


def _has_pattern(tail: str) -> bool:
    """True if `tail` ends in three or more repeats of something short."""
    for size in range(1, _LONGEST_PATTERN + 1):
        repeats = max(3, -(-_COVERED // size))
        if tail.endswith(tail[-size:] * repeats):
            return True
    return False


class StopRepetition(Wrapper):
    """Ends a response whose text goes round in circles, with a note at the end of the text.

    The rest of the response is not read. Calls that were complete before are run, others answered
    as cut off. The tokens are `last_usage` of the inner transport if this response has set it, else
    a low estimate: providers tell them at the end. Outermost is the place for it: an inner wrapper
    would take the early end for a fault.
    """

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        before = getattr(self.inner, "last_usage", None)
        seen, turn, written = Repetition(), Turn(), 0
        async with closing(self.inner.stream(messages, tools, system)) as source:
            async for event in source:
                yield event
                if isinstance(event, TextDelta):
                    written += len(event.delta)
                    if seen.feed(event.delta):
                        break
                elif isinstance(event, ReasoningDelta):
                    written += len(event.delta)
                elif isinstance(event, (ToolUseStart, ToolInputDelta)):
                    turn.feed(event)
            else:
                return
        yield TextDelta(0, NOTE)
        usage = getattr(self.inner, "last_usage", None)
        if usage is before or not isinstance(usage, Usage):
            written += sum(len(text) for call in turn.calls for text in call.fragments)
            usage = estimate(sum(map(length_of, messages)) + len(system), written)
        yield IterationEnd(0, _stop_reason(turn.calls), usage)


def _stop_reason(calls: list[Call]) -> StopReason:
    if not calls:
        return StopReason.end_turn
    # For the loop a call without arguments is one that needs none, unless the response was cut.
    complete = all(call.is_complete() for call in calls)
    return StopReason.tool_use if complete else StopReason.max_tokens
