"""Where the lines go."""

from __future__ import annotations

from typing import TextIO

from axio_tui.stdout import why_not_written

__all__ = ("Output",)


class Output:
    """A text stream that is flushed with each piece.

    Raises `OutputClosed` when its reader left, `CommandError` when it cannot be written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            raise why_not_written(error) from error
