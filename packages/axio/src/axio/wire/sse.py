"""Server-sent events: bytes in, events out.

Follows "Parsing an event stream" and "Interpreting an event stream" of the WHATWG page
(https://html.spec.whatwg.org/multipage/server-sent-events.html), with one difference: an event that
the end of the stream cuts off before its blank line is handed out by `SSEDecoder.close`, because
several providers end that way.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("SSEDecoder", "ServerSentEvent")

_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ServerSentEvent:
    """One dispatched event. Mutable only because a frozen dataclass costs twice as much to make."""

    event: str
    """The event's type; ``"message"`` where the stream names none."""
    data: str
    """All its ``data`` lines, joined by newlines. May be empty."""
    id: str = ""
    """The last event id seen so far, which an event inherits from the ones before it."""


class SSEDecoder:
    """Cuts a byte stream into events, however the bytes are chopped. Never raises; time is linear
    in the bytes.

    Bytes that are not UTF-8 become U+FFFD, as the standard says. With `error_field` a line
    "error: …", which the standard ignores, is an event of the type "error" at once: so servers
    on top of llama.cpp end a stream that failed.
    """

    __slots__ = (
        *("_after_cr", "_at_start", "_data", "_error_field", "_event", "_id", "_more", "_tail"),
        "retry",
    )

    def __init__(self, *, error_field: bool = False) -> None:
        self.retry: int | None = None
        """The reconnection time in milliseconds that the stream asked for last."""
        self._tail: list[bytes] = []  # pieces of a line whose end has not come yet
        self._after_cr = False  # the last chunk ended in CR: a LF now belongs to it
        self._at_start = True  # no line was read yet, so the next may carry a byte order mark
        self._data: bytes | None = None  # first data line of the event being read
        self._more: list[bytes] = []  # its further data lines
        self._error_field = error_field
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:  # a line may end in CR, LF or CRLF
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        if lines and self._tail:
            lines[0] = b"".join((*self._tail, lines[0]))
            self._tail.clear()
        if rest:
            self._tail.append(rest)
        return self._read(lines)

    def close(self) -> list[ServerSentEvent]:
        """The event that the end of the stream left open, if any."""
        lines = [b"".join(self._tail), b""] if self._tail else [b""]
        self._tail.clear()
        return self._read(lines)

    def _read(self, lines: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        if self._at_start and lines:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        data = self._data
        for line in lines:
            if not line:
                if data is not None:
                    if self._more:
                        data = b"\n".join((data, *self._more))
                        self._more.clear()
                    text = data.decode("utf-8", "replace")
                    events.append(ServerSentEvent(self._event or "message", text, self._id))
                    data = None
                self._event = ""
                continue
            if line[:6] == b"data: ":  # nearly every line, hence first
                value = line[6:]
            elif line[:5] == b"data:" or line == b"data":  # without a colon it has an empty value
                value = line[5:]
            else:
                if line[:1] != b":":  # else it is a comment
                    self._read_field(line, events)
                continue
            if data is None:
                data = value
            else:
                self._more.append(value)
        self._data = data
        return events

    def _read_field(self, line: bytes, events: list[ServerSentEvent]) -> None:
        """Every line but blank ones, data and comments. Unknown fields are ignored."""
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        text = value.decode("utf-8", "replace")
        if name == b"event":
            self._event = text
        elif name == b"id":
            if "\0" not in text:
                self._id = text
        elif name == b"retry" and value.isdigit() and len(value) < 16:  # int() refuses huge ones
            self.retry = int(text)
        elif name == b"error" and self._error_field and b":" in line:
            events.append(ServerSentEvent("error", text.strip(), self._id))
