"""The text and the reasoning of one answer, and what of both was told. Pure."""

from __future__ import annotations

from axio.events import ReasoningDelta, StreamEvent, TextDelta
from axio.surrogates import Halves
from axio_transport_openai.thinking import Piece, ThinkTagParser

__all__ = ("Words",)


class Words:
    """The words of an answer so far. Methods add to `events`."""

    __slots__ = ("_halves", "_think", "_thought_halves", "plain", "said", "thought")

    def __init__(self) -> None:
        self.plain = False
        """Text is what it seems: no tag in it counts, no half waits. Then a piece of it may go to
        `said` and into an event without `text`."""
        self.said: list[str] = []
        """The visible pieces that were told."""
        self.thought: list[str] = []
        """The pieces of reasoning that were told."""
        self._think = ThinkTagParser(leading=True)
        self._halves = Halves()
        self._thought_halves = Halves()

    @property
    def begun(self) -> bool:
        """True once anything came, even if all of it waits."""
        waits = self._think.waits or self._halves.held or self._thought_halves.held
        return bool(self.said or self.thought or waits)

    def text(self, text: str, events: list[StreamEvent]) -> None:
        """A piece of text, which may hold tags or half a character."""
        if text and (text := self._halves.feed(text)):
            self._tell(self._think.feed(text), events)
        self.plain = self._think.over and not self._halves.held

    def reason(self, text: str, events: list[StreamEvent]) -> None:
        """A piece of reasoning."""
        if text and (text := self._thought_halves.feed(text)):
            self.thought.append(text)
            events.append(ReasoningDelta(0, text))

    def say(self, text: str, events: list[StreamEvent]) -> None:
        """A piece of text in which no tag counts."""
        if text:
            self._tell([("text", text)], events)

    def complete(self, text: str, events: list[StreamEvent]) -> bool:
        """All the text came, of which pieces may have been told: tell the rest. False if it begins
        otherwise."""
        whole = Words()
        whole.text(text, [])
        whole.flush([])
        said, thought = "".join(whole.said), "".join(whole.thought)
        told = _told(self.said, said)
        if told is None:
            return False
        self.complete_reasoning(thought, events)
        self._think = ThinkTagParser(leading=True)  # what waits here is in the rest
        self._think.over = bool(said.strip())
        self._halves.held = ""
        self.say(said[told:], events)
        return True

    def complete_reasoning(self, text: str, events: list[StreamEvent]) -> str:
        """All the reasoning came: tell the rest. Returns it; nothing if it begins otherwise."""
        told = _told(self.thought, text)
        if told is None:
            return ""
        self._thought_halves.held = ""
        self.reason(text[told:], events)
        return text[told:]

    def flush(self, events: list[StreamEvent]) -> None:
        """Tell what waits for more."""
        if text := self._halves.flush():
            self._tell(self._think.feed(text), events)
        self._tell(self._think.flush(), events)
        if text := self._thought_halves.flush():
            events.append(ReasoningDelta(0, text))

    def _tell(self, pieces: list[Piece], events: list[StreamEvent]) -> None:
        for kind, text in pieces:
            if kind == "text":
                self.said.append(text)
                events.append(TextDelta(0, text))
            else:
                self.reason(text, events)


def _told(pieces: list[str], whole: str) -> int | None:
    """How much of `whole` was told in pieces, none of them empty; None if it begins otherwise."""
    if len(whole) < len(pieces):  # shorter than any text of so many pieces: no need to join them
        return None
    told = "".join(pieces)
    return len(told) if whole.startswith(told) else None
