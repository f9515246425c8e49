"""Output of a command as text that a model can take: in lines, with the middle left out.

Of long output the first `HEAD_BYTES` come as they are written; of the rest the last `TAIL_BYTES`
are kept and come at the end. Time is linear and memory bounded for any output.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterator

from axio_tools_local.workspace import Output

HEAD_BYTES = 65536
TAIL_BYTES = 65536
_LONG_LINE = 16384  # a line longer than that comes in pieces
_CONTINUATION = bytes(range(0x80, 0xC0))  # what in UTF-8 cannot begin a character


class Lines:
    """Bytes to lines, each with its newline; only the last may lack one.

    Bytes that are not UTF-8, and NUL, become U+FFFD.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[str]:
        yield from self._split(self._decoder.decode(data))

    def close(self) -> Iterator[str]:
        yield from self._split(self._decoder.decode(b"", final=True))
        yield from self._flush()

    def drop_incomplete(self) -> int:
        """Forget the bytes of a character whose rest is missing, and say how many they were."""
        size = len(self._decoder.getstate()[0])
        self._decoder.reset()
        return size

    def _split(self, text: str) -> Iterator[str]:
        *complete, rest = text.replace("\0", "\ufffd").split("\n")
        for line in complete:
            self._parts.append(line + "\n")
            yield from self._flush()
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > _LONG_LINE:
            yield from self._flush()

    def _flush(self) -> Iterator[str]:
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        if text:
            yield text


class Capture:
    """Output of both streams, in the order of arrival: `feed` it, then `close` it.

    Both give pairs of stream and text.
    """

    def __init__(self) -> None:
        self._lines = {"stdout": Lines(), "stderr": Lines()}
        self._room = HEAD_BYTES
        self._tail: deque[Output] = deque()
        self._tail_size = 0
        self._omitted = 0

    def feed(self, output: Output) -> Iterator[tuple[str, str]]:
        stream, data = output
        head, tail = data[: self._room], data[self._room :]
        self._room -= len(head)
        for line in self._lines[stream].feed(head):
            yield stream, line
        if tail:
            self._keep(Output(stream, tail))

    def close(self) -> Iterator[tuple[str, str]]:
        if self._omitted:
            # Whole characters only, so that the cut is not mistaken for broken text.
            self._omitted += sum(lines.drop_incomplete() for lines in self._lines.values())
            self._omitted += self._trim("stdout") + self._trim("stderr")
            yield from self._finish_lines()
            yield self._tail[0].stream, f"\n[... {self._omitted} bytes left out ...]\n"
            self._lines = {"stdout": Lines(), "stderr": Lines()}
        for stream, data in self._tail:
            for line in self._lines[stream].feed(data):
                yield stream, line
        yield from self._finish_lines()

    def _keep(self, output: Output) -> None:
        self._tail.append(output)
        self._tail_size += len(output.data)
        while (excess := self._tail_size - TAIL_BYTES) > 0:
            stream, data = self._tail.popleft()
            if len(data) > excess:
                self._tail.appendleft(Output(stream, data[excess:]))
            dropped = min(excess, len(data))
            self._omitted += dropped
            self._tail_size -= dropped

    def _trim(self, stream: str) -> int:
        """Take off the bytes that begin the tail and belong to a character before it."""
        trimmed = 0
        for index, (name, data) in enumerate(self._tail):
            if name == stream:
                kept = data.lstrip(_CONTINUATION)
                self._tail[index] = Output(name, kept)
                trimmed += len(data) - len(kept)
                if kept:
                    break
        return trimmed

    def _finish_lines(self) -> Iterator[tuple[str, str]]:
        for stream, lines in self._lines.items():
            for line in lines.close():
                yield stream, line
