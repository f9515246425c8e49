"""Where log records go: a file, stderr when a level was asked for, otherwise nowhere.

What goes wrong is said by the command itself; a transport that also logs it must not say it twice.
"""

from __future__ import annotations

import logging

from axio_tui.errors import WrongUse
from axio_tui.harmless import plain

__all__ = ("start_logging",)

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start_logging(level: str | None, file: str | None) -> None:
    """Raises `WrongUse` when the file cannot be written."""
    root = logging.getLogger()
    if file is not None:
        try:
            handler: logging.Handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"cannot log to {file}: {error.strerror}") from error
    elif level is not None:
        handler = logging.StreamHandler()
    else:
        root.addHandler(logging.NullHandler())
        return
    handler.setFormatter(_PlainFormatter(FORMAT))
    root.addHandler(handler)
    root.setLevel((level or "info").upper())


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))
