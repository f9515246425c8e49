"""The turn that the model is at, as far as it has come. Pure."""

from __future__ import annotations

from collections.abc import Callable

from axio.blocks import ContentBlock, ToolUseBlock
from axio.events import ReasoningDelta, ReasoningEnd, StreamEvent, TextDelta
from axio.run.call import Call
from axio.run.turn import Turn
from axio_tui.chat.entries import Entry, Reasoning, ToolCall
from axio_tui.chat.stored import entries_of_turn

__all__ = ("OpenTurn",)


class OpenTurn:
    """`feed` it the events of a turn, or add text to `texts`, which is most of them. `whole` is the
    turn as the run puts it together, `start` the index of its first entry."""

    __slots__ = ("_clock", "_is_stale", "_thoughts", "start", "texts", "whole")

    def __init__(self, taken: set[str], start: int, clock: Callable[[], float]) -> None:
        self.whole = Turn(taken)
        self.start = start
        self.texts: list[str] = []
        self._is_stale = False
        self._clock = clock
        self._thoughts: dict[int, _Thought] = {}

    @property
    def is_stale(self) -> bool:
        """True if something has come since `entries` was asked for."""
        return self._is_stale or bool(self.texts)

    def feed(self, event: StreamEvent) -> None:
        self._is_stale = True
        self.flush()
        if isinstance(event, ReasoningDelta):
            now = self._clock()
            thought = self._thoughts.setdefault(event.index, _Thought(now))
            thought.pieces.append(event.delta)
            thought.until = now
        else:
            if isinstance(event, ReasoningEnd):
                self._thoughts.pop(event.index, None)  # The block has all of it.
            self.whole.feed(event)

    def flush(self) -> Turn:
        """`whole`, with the text that has come: handed over at once, it comes in many pieces."""
        if self.texts:
            self.whole.feed(TextDelta(0, "".join(self.texts)))
            self.texts = []
        return self.whole

    def thoughts(self) -> list[Reasoning]:
        """The reasoning that is in no message."""
        return [
            Reasoning(text, thought.until - thought.since)
            for thought in self._thoughts.values()
            if (text := "".join(thought.pieces))
        ]

    def entries(self) -> list[Entry]:
        """The turn as far as it has come."""
        self._is_stale = False
        self.flush()
        blocks: list[ContentBlock] = []
        drafts: dict[str, str] = {}
        for item in self.whole.so_far():
            if isinstance(item, Call):
                drafts[item.id] = "".join(item.fragments)
                item = ToolUseBlock(item.id, item.name, {})
            blocks.append(item)

        def call_of(block: ToolUseBlock) -> ToolCall:
            return ToolCall(block.id, block.name, {}, "writing", draft=drafts[block.id])

        return [*self.thoughts(), *entries_of_turn(blocks, call_of)]


class _Thought:
    """A piece of reasoning, and when it came."""

    __slots__ = ("pieces", "since", "until")

    def __init__(self, now: float) -> None:
        self.pieces: list[str] = []
        self.since = self.until = now
