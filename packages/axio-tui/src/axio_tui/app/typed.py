"""`Typed`: from the bytes of a terminal to what a person did. No thread, no terminal."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator

from textual import events
from textual._xterm_parser import (
    BRACKETED_PASTE_END as END,
    BRACKETED_PASTE_START as START,
    XTermParser,
)
from textual.keys import Keys
from textual.message import Message

__all__ = ("ASKS", "Typed")

# The parser looks for keys in a paste after an ESC, and drops NUL.
_ANSWER = re.compile(r"\x1b\[\?(\d{1,4})u")
ASKS = "\x1b[?u"
"""Asks what the terminal tells of keys; one that does not know the protocol is silent."""
_PLAIN = {0: "\ufffd", 0x1B: "\ufffd"}


class _Parser(XTermParser):
    """Knows Alt+Enter of every terminal, and the answer to the question what it tells of keys."""

    tells_all = False

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if sequence == "\x1b\r":  # Escape and then Enter, by hand, come further apart
            return [events.Key("alt+enter", None)]
        if answer := _ANSWER.fullmatch(sequence):
            self.tells_all = bool(int(answer[1]) & 1)
            return [events.Key(Keys.Ignore, sequence)]
        return super()._sequence_to_key_events(sequence, alt)


class Typed:
    """Bytes that are no UTF-8 become U+FFFD. All that a terminal says is pasted becomes one
    `Paste`, in its order, with U+FFFD for ESC and NUL: none of it is ever a key."""

    def __init__(self, *, debug: bool = False) -> None:
        self._parser = _Parser(debug)
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._is_paste = False
        self._begun = ""  # of the marker that is awaited; outside of a paste the parser has it too
        self._is_given_up = False  # the parser has taken what was begun for keys

    @property
    def tells_all(self) -> bool:
        """True if the terminal has said that it tells every key from every other."""
        return self._parser.tells_all

    def feed(self, data: bytes) -> Iterator[Message]:
        """The inputs that these bytes bring about, after those before them."""
        text = self._decode(data)
        while text:
            marker = END if self._is_paste else START
            known = len(self._begun)
            text = self._begun + text
            at = text.find(marker)
            end = at + len(marker) if at >= 0 else len(text)
            part, text = text[:end], text[end:]
            self._begun = "" if at >= 0 else _begin_of(marker, part)
            if self._is_paste:
                kept = part[: at if at >= 0 else len(part) - len(self._begun)]
                yield from self._parser.feed(kept.translate(_PLAIN)) if kept else ()
                yield from self._parser.feed(END) if at >= 0 else ()
            else:
                yield from self._parser.feed(part[0 if at == 0 and self._is_given_up else known :])
            self._is_given_up = False
            self._is_paste ^= at >= 0

    def tick(self) -> Iterator[Message]:
        """The inputs that a pause brings about: an ESC that nothing follows is a key."""
        for message in self._parser.tick():
            self._is_given_up = True
            yield message


def _begin_of(marker: str, text: str) -> str:
    """The longest end of the text that the marker may begin with."""
    for size in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:size]):
            return marker[:size]
    return ""
