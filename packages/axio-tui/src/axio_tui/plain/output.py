"""Where the lines go."""

from __future__ import annotations

import errno
from typing import TextIO

from axio_tui.errors import CommandError

__all__ = ("Output", "OutputClosed")


class OutputClosed(Exception):
    """The output is not read any more: the pipe is broken, or the terminal is gone."""


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
            if isinstance(error, BrokenPipeError) or error.errno == errno.EIO:
                raise OutputClosed from error
            raise CommandError(f"the output cannot be written: {error.strerror}") from error
