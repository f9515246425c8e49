"""The arguments of a call while they stream in: which field the model is writing, and what.

`ToolArgStream` is a machine over the text of one JSON object. It looks at each character once,
whole runs at a time, holds back nothing but half an escape, and takes any input without complaint:
the arguments are judged when they are parsed in the end. `parse_partial` is the value so far.
"""

from __future__ import annotations

import json
import re
from enum import IntEnum
from typing import Any, TypeAlias

from axio.events import ToolFieldDelta, ToolFieldEnd, ToolFieldStart
from axio.types import ToolCallID

__all__ = ("ESCAPES", "State", "ToolArgStream", "ToolFieldEvent", "parse_partial")

ToolFieldEvent: TypeAlias = ToolFieldStart | ToolFieldDelta | ToolFieldEnd


class State(IntEnum):
    """Where in the text the machine stands."""

    INIT = 0  # before the object
    NEXT = 1  # before a key, or the end of the object
    KEY = 2  # inside a key
    COLON = 3  # between key and colon
    VALUE = 4  # between colon and value
    STRING = 5  # inside a string value
    RAW = 6  # inside any other value
    DONE = 7  # after the object, or in something that is none
    ESC = 8  # after a backslash
    UESC = 9  # inside the four digits of a \\u escape


ESCAPES = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
"""The meaning of the character after a backslash; any other stands for itself."""

_REPLACEMENT = "\ufffd"
_HEX = frozenset("0123456789abcdefABCDEF")
_SPACE = " \t\n\r\ufeff"
# Runs of characters that mean nothing to the machine in a state. Half characters (surrogates) also
# come unescaped, when a provider cuts between the halves of an escaped pair.
_TEXT = re.compile('[^"\\\\\ud800-\udfff]*')
_HALF = re.compile("[\ud800-\udfff]")
_QUOTED = re.compile(r'[^"\\]*')
_NESTED = re.compile(r'[^"{}\[\]]*')
_SCALAR = re.compile(r"[^,} \t\n\r]*")


class ToolArgStream:
    """Turns pieces of a call's arguments into events about the members of the outermost object.

    For each member in order: `ToolFieldStart` once its colon is read, `ToolFieldDelta`s, and
    `ToolFieldEnd` once its value is complete. Strings come decoded, other values as their JSON
    text. There is at most one delta between other events of a feed. Where the pieces are cut makes
    no difference to the texts put together. What JSON cannot say in Unicode, half of a surrogate
    pair or a broken \\u escape, becomes U+FFFD.
    """

    __slots__ = (
        "_current_key",
        "_depth",
        "_digits",
        "_high",
        "_in_key",
        "_index",
        "_is_object",
        "_key",
        "_quoted",
        "_skip",
        "_state",
        "_text",
        "_tool_use_id",
    )

    def __init__(self, tool_use_id: ToolCallID, index: int = 0) -> None:
        self._tool_use_id = tool_use_id
        self._index = index
        self._state = State.INIT
        self._current_key = ""
        self._key: list[str] = []
        """Pieces of the key that is being read."""
        self._text: list[str] = []
        """Pieces of the value that came in this feed."""
        self._in_key = False
        self._digits = ""
        self._high = ""
        """The first half of a surrogate pair whose second half may follow."""
        self._depth = 0
        """Of a raw value: how many brackets are open."""
        self._quoted = False
        """Of a raw value: inside a string."""
        self._skip = False
        """Of a string in a raw value: after a backslash."""
        self._is_object = False

    @property
    def current_key(self) -> str:
        """The last field that started, also after its end; "" before the first."""
        return self._current_key

    @property
    def done(self) -> bool:
        """True once the outermost object is closed."""
        return self._state is State.DONE and self._is_object

    def feed(self, chunk: str) -> list[ToolFieldEvent]:
        """The events of the next piece of text. Never raises."""
        events: list[ToolFieldEvent] = []
        position, end = 0, len(chunk)
        while position < end:
            position = _READERS[self._state](self, chunk, position, events)
        self._flush(events)
        return events

    def _flush(self, events: list[ToolFieldEvent]) -> None:
        if self._text:
            text = "".join(self._text)
            events.append(ToolFieldDelta(self._index, self._tool_use_id, self._current_key, text))
            self._text.clear()

    def _end_value(self, events: list[ToolFieldEvent]) -> None:
        self._put("")
        self._flush(events)
        events.append(ToolFieldEnd(self._index, self._tool_use_id, self._current_key))
        self._state = State.NEXT

    # Each reader looks at the text from a position on and returns the position after what it took.

    def _read_init(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        if chunk[at] == "{":
            self._is_object = True
            self._state = State.NEXT
        elif chunk[at] not in _SPACE:
            self._state = State.DONE
        return at + 1

    def _read_next(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        if chunk[at] == '"':
            self._key.clear()
            self._in_key = True
            self._state = State.KEY
        elif chunk[at] == "}":
            self._state = State.DONE
        return at + 1

    def _read_colon(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        if chunk[at] == ":":
            self._current_key = "".join(self._key)
            self._in_key = False
            self._state = State.VALUE
            events.append(ToolFieldStart(self._index, self._tool_use_id, self._current_key))
        return at + 1

    def _read_value(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        char = chunk[at]
        if char in _SPACE:
            return at + 1
        if char == '"':
            self._state = State.STRING
            return at + 1
        if char in ",}":  # A member without a value.
            self._end_value(events)
            return at
        self._state = State.RAW
        self._depth = 0
        if char in "{[":
            self._depth = 1
            self._text.append(char)
            return at + 1
        return at

    def _read_string(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        end = _end_of(_TEXT, chunk, at)
        if end > at:
            self._put(chunk[at:end])
            return end
        char = chunk[at]
        if char == "\\":
            self._state = State.ESC
        elif char != '"':
            self._put_unit(ord(char))
        else:
            if self._in_key:
                self._put("")
                self._state = State.COLON
            else:
                self._end_value(events)
        return at + 1

    def _read_escape(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        char = chunk[at]
        if char == "u":
            self._digits = ""
            self._state = State.UESC
        else:
            self._put_unit(ord(ESCAPES.get(char, char)))
            self._state = State.KEY if self._in_key else State.STRING
        return at + 1

    def _read_digit(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        if chunk[at] in _HEX:
            self._digits += chunk[at]
            at += 1
            if len(self._digits) < 4:
                return at
            self._put_unit(int(self._digits, 16))
        else:  # A broken escape; this character is read as if it stood alone.
            self._put(_REPLACEMENT)
        self._state = State.KEY if self._in_key else State.STRING
        return at

    def _read_raw(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        if not self._depth:
            end = _end_of(_SCALAR, chunk, at)
            self._put_raw(chunk[at:end])
            if end < len(chunk):
                self._end_value(events)
            return end
        if self._skip:
            self._skip = False
            end = at + 1
        else:
            end = _end_of(_QUOTED if self._quoted else _NESTED, chunk, at)
            if end < len(chunk):
                char = chunk[end]
                end += 1
                if char == '"':
                    self._quoted = not self._quoted
                elif char == "\\":
                    self._skip = True
                else:
                    self._depth += 1 if char in "{[" else -1
        self._put_raw(chunk[at:end])
        if not self._depth:
            self._end_value(events)
        return end

    def _read_rest(self, chunk: str, at: int, events: list[ToolFieldEvent]) -> int:
        return len(chunk)

    def _put(self, text: str) -> None:
        """Add decoded text; half a pair that came before it stays alone."""
        out = self._key if self._in_key else self._text
        if self._high:
            out.append(_REPLACEMENT)
            self._high = ""
        if text:
            out.append(text)

    def _put_raw(self, text: str) -> None:
        """Add JSON text as it stands, except for halves of pairs."""
        if text.isascii() or not _HALF.search(text):
            self._put(text)
        else:
            for char in text:
                self._put_unit(ord(char))

    def _put_unit(self, unit: int) -> None:
        """Add one character, or one half of a pair as JSON writes characters beyond U+FFFF."""
        if 0xDC00 <= unit <= 0xDFFF:
            if self._high:
                unit = 0x10000 + (ord(self._high) - 0xD800) * 0x400 + unit - 0xDC00
                self._high = ""
                self._put(chr(unit))
            else:
                self._put(_REPLACEMENT)
        elif 0xD800 <= unit <= 0xDBFF:
            self._put("")
            self._high = chr(unit)
        else:
            self._put(chr(unit))


def _end_of(run: re.Pattern[str], chunk: str, at: int) -> int:
    found = run.match(chunk, at)
    return found.end() if found else at


_READERS = (
    ToolArgStream._read_init,
    ToolArgStream._read_next,
    ToolArgStream._read_string,
    ToolArgStream._read_colon,
    ToolArgStream._read_value,
    ToolArgStream._read_string,
    ToolArgStream._read_raw,
    ToolArgStream._read_rest,
    ToolArgStream._read_escape,
    ToolArgStream._read_digit,
)
"""The reader of each `State`."""


# ── The value so far ─────────────────────────────────────────────────────────────────────────────

_TOKEN = r'\s+|[{}\[\],:]|"(?:[^"\\]|\\.)*"|(?P<unfinished>"(?:[^"\\]|\\.)*\\?$)|[^\s{}\[\],:"]+'
# Characters and whole escapes. Half of a surrogate pair waits for the other half.
_WHOLE = (
    r'"(?:[^"\\]|\\["\\/bfnrt]'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?=[^\\]|\\[^u]))"
    r"|\\u(?![dD][89abAB])[0-9a-fA-F]{4})*"
)
_CLOSERS = {"{": "}", "[": "]"}


def parse_partial(text: str) -> Any:
    """The value of the longest beginning of `text` that can be completed; None if there is none.

    A string that is still growing is given as far as it has come; a number or word at the very end
    may go on and is left out, as is a key without its value. Linear in `text`.
    """
    closers: list[str] = []
    good, good_closers = 0, ""
    is_key = False
    for token in re.finditer(_TOKEN, text, re.DOTALL):
        found = token.group()
        if found.isspace():
            continue
        if found in _CLOSERS:
            closers.append(_CLOSERS[found])
            is_key = found == "{"
        elif found in ("}", "]"):
            if not closers or closers.pop() != found:
                break
            is_key = False
        elif found == ",":
            is_key = bool(closers) and closers[-1] == "}"
            continue
        elif found == ":":
            is_key = False
            continue
        elif is_key:
            continue
        elif token.lastgroup == "unfinished":
            return _loads(text[: token.start()] + _closed(found) + "".join(reversed(closers)))
        elif found[0] != '"' and token.end() == len(text) and closers:
            break
        good, good_closers = token.end(), "".join(reversed(closers))
        if not closers:
            break
    return _loads(text[:good] + good_closers)


def _closed(string: str) -> str:
    """An unfinished string up to the escape it breaks off in, and with its end."""
    whole = re.match(_WHOLE, string)
    return (whole.group() if whole else '"') + '"'


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
