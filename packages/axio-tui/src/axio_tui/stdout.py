"""Standard output that tells in the command's own words why it cannot be written.

Nothing is imported for it: help goes there too.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO, TypeVar, cast

__all__ = ("OutputClosed", "print_aside", "told_stdout", "why_not_written")

T = TypeVar("T")

_aside: ContextVar[bool] = ContextVar("axio_tui.stdout.aside", default=False)


def print_aside() -> None:
    """From now on, in this context, what is printed goes to stderr: code of others may print, and
    what the command says on standard output is read by programs."""
    _aside.set(True)


class OutputClosed(Exception):
    """The output is not read any more: the pipe is broken, or the terminal is gone."""


def why_not_written(error: OSError) -> Exception:
    """`OutputClosed` if the reader of an output left, else a `CommandError` with the reason."""
    if isinstance(error, BrokenPipeError) or error.errno == errno.EIO:
        return OutputClosed()
    from axio_tui.errors import CommandError

    return CommandError(f"the output cannot be written: {error.strerror}")


@contextmanager
def told_stdout() -> Iterator[None]:
    """Inside the block, and at its end, `sys.stdout` raises what `why_not_written` makes of an
    error: no `OSError`, which is handled as one of a file. Later output is dropped. A reader that
    is missed only at the end changes nothing: the command has done its work."""
    before = sys.stdout
    sys.stdout = cast(TextIO, _Told(before))
    try:
        yield
    finally:
        try:
            with suppress(OutputClosed):
                sys.stdout.flush()
        finally:
            sys.stdout = before


class _Told:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if _aside.get():
            return sys.stderr.write(text)
        return self._tried(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._tried(self._stream.flush)

    def _tried(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except OSError as error:
            with suppress(OSError):  # else the interpreter complains about the rest at its end
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            raise why_not_written(error) from error
