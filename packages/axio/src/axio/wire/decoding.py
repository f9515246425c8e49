"""The common frame of decoders of server-sent events: bytes in, our events out. Pure.

A subclass reads one event of the server, and says what the end of the body means.
"""

from __future__ import annotations

from axio.events import Error, StreamEvent
from axio.exceptions import ProtocolError
from axio.wire.errors import error_from_stream
from axio.wire.sse import ServerSentEvent, SSEDecoder

__all__ = ("EventDecoder",)


class EventDecoder:
    """Events of one answer. A failure is an `Error`, and then the last event; never raises.

    `describe` is how messages of errors begin. With `error_field` a line "error: …" is an event.
    """

    def __init__(self, describe: str, *, error_field: bool = False) -> None:
        self.done = False
        """The answer is over: nothing that follows is read."""
        self.describe = describe
        self._sse = SSEDecoder(error_field=error_field)

    def read(self, sent: ServerSentEvent, events: list[StreamEvent], cut: bool = False) -> None:
        """Add what an event of the server means. One that the end `cut` off counts if it is
        whole."""
        raise NotImplementedError

    def end_of_body(self, events: list[StreamEvent]) -> None:
        """The body is over and the answer is not, as far as is known. Sets `done`."""
        raise NotImplementedError

    def flush(self, events: list[StreamEvent]) -> None:
        """Tell what waits for more."""
        raise NotImplementedError

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that these bytes tell."""
        events: list[StreamEvent] = []
        for sent in self._sse.feed(chunk):
            if self.done:
                break
            self.read(sent, events)
        return events

    def close(self) -> list[StreamEvent]:
        """The end of the body. Only now is it known if something is missing."""
        events: list[StreamEvent] = []
        for sent in self._sse.close():
            if not self.done:
                self.read(sent, events, cut=True)
        if not self.done:
            self.end_of_body(events)
        return events

    def fail(self, events: list[StreamEvent], error: Exception) -> None:
        """The answer is useless from here on."""
        if not self.done:
            self.flush(events)
            events.append(Error(error))
            self.done = True

    def read_damaged(
        self, sent: ServerSentEvent, data: str, events: list[StreamEvent], cut: bool
    ) -> None:
        """An event whose `data` is no JSON: several without the blank lines between them, an error
        in words, or a fault."""
        if "\n" in data:
            for line in data.split("\n"):
                if not self.done:
                    self.read(ServerSentEvent(sent.event, line), events, cut)
        elif sent.event == "error":
            self.fail(events, error_from_stream(self.describe, data))
        elif data and not cut:
            self.fail(events, self.misread("is not JSON", data, retryable=True))

    def misread(self, what: str, data: str, *, retryable: bool = False) -> ProtocolError:
        """The error for `data` that is not what belongs there."""
        shown = data if len(data) <= 200 else data[:200] + " …"
        return ProtocolError(f"{self.describe}: what came {what}: {shown}", retryable=retryable)
