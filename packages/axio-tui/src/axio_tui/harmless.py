"""Text from a model, a tool or a server, made harmless for a terminal.

Escape sequences can retitle a window, move the cursor over a question or paint text in the colour
of the background; bidirectional controls can make a path read backwards. `PlainText` takes them
out of a stream, `visible` shows them where a person has to decide about the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

__all__ = ("SHOWN_VALUE", "PlainText", "describe_call", "one_line", "plain", "visible")

SHOWN_VALUE = 300  # characters of an argument

# What ends a line. Carriage return too: alone it would let text overwrite what stands there.
_LINE_ENDS = "\r\u0085\u2028\u2029"
# C0 without tab and newline, DEL, C1; then characters without a shape of their own: bidirectional
# controls, zero-width space, invisible operators, byte-order mark, tags. Joiners and the two
# direction marks stay, scripts and emoji need them.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_SPECIAL = re.compile(f"[{_HIDDEN}{_LINE_ENDS}\ud800-\udfff]")
_STRING_STARTS = frozenset("]PX^_")  # OSC, DCS, SOS, PM, APC: text up to a terminator
_C1_STRINGS = frozenset("\x90\x98\x9d\x9e\x9f")


class _State(Enum):
    TEXT = 0
    ESCAPE = 1  # after ESC
    CONTROL = 2  # inside ESC [ ... final byte
    STRING = 3  # inside ESC ] ... BEL or ESC \
    STRING_ESCAPE = 4


class PlainText:
    """An incremental filter: `feed` returns what may be printed of a piece of text.

    Escape sequences (ECMA-48) disappear also when they are cut by the pieces. An unfinished one
    ends with its line, so that it cannot swallow what follows. Lone surrogates become U+FFFD.
    """

    def __init__(self) -> None:
        self._state = _State.TEXT
        self._after_return = False

    def feed(self, text: str) -> str:
        if self._state is _State.TEXT and not self._after_return and not _SPECIAL.search(text):
            return text
        return "".join([self._next(character) for character in text])

    def _next(self, character: str) -> str:
        after_return, self._after_return = self._after_return, character == "\r"
        if character == "\n" or character in _LINE_ENDS:
            self._state = _State.TEXT
            return "" if after_return and character == "\n" else "\n"
        match self._state:
            case _State.TEXT:
                return self._text(character)
            case _State.ESCAPE:
                self._state = self._escape(character)
            case _State.CONTROL:
                if "\x40" <= character <= "\x7e":
                    self._state = _State.TEXT
            case _State.STRING:
                if character in "\x07\x9c":
                    self._state = _State.TEXT
                elif character == "\x1b":
                    self._state = _State.STRING_ESCAPE
            case _State.STRING_ESCAPE:
                self._state = _State.TEXT if character == "\\" else self._escape(character)
        return ""

    def _text(self, character: str) -> str:
        if character == "\x1b":
            self._state = _State.ESCAPE
        elif character == "\x9b":
            self._state = _State.CONTROL
        elif character in _C1_STRINGS:
            self._state = _State.STRING
        elif "\ud800" <= character <= "\udfff":
            return "\ufffd"
        elif not _SPECIAL.match(character):
            return character
        return ""

    def _escape(self, character: str) -> _State:
        if character == "[":
            return _State.CONTROL
        if character in _STRING_STARTS:
            return _State.STRING
        if character == "\x1b" or "\x20" <= character <= "\x2f":  # again, or an intermediate byte
            return _State.ESCAPE
        return _State.TEXT


def plain(text: str) -> str:
    """The whole of `text` through a `PlainText`."""
    return PlainText().feed(text)


def visible(text: str) -> str:
    """`text` with everything that has no shape of its own written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(text: str, limit: int = 600) -> str:
    """`text` as a single line of at most `limit` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else f"{line[:limit]}..."


def describe_call(name: str, arguments: Mapping[str, Any], limit: int | None = SHOWN_VALUE) -> str:
    """One line such as `shell(command="ls")`; a value longer than `limit` is cut and says so.

    What has no shape of its own, such as an escape or a bidirectional control, is written out.
    """
    values = [f"{visible(key)}={_value(value, limit)}" for key, value in arguments.items()]
    return f"{visible(name)}({', '.join(values)})"


def _value(value: Any, limit: int | None) -> str:
    text = visible(json.dumps(value, ensure_ascii=False, default=str))
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text):,} characters)"
