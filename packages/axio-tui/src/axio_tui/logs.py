"""Where log records go: a file, stderr when a level was asked for, otherwise nowhere.

The full screen keeps the last of them in memory: what is written to a terminal would tear it.
What goes wrong is said by the command itself; a transport that also logs it must not say it twice.
"""

from __future__ import annotations

import logging
from collections import deque

from axio_tui.errors import WrongUse
from axio_tui.harmless import plain

__all__ = ("RecentLog", "start_logging")

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
KEPT = 1_000  # records in memory


def start_logging(level: str | None, file: str | None, *, to_stderr: bool = True) -> None:
    """Raises `WrongUse` when the file cannot be written."""
    root = logging.getLogger()
    if file is not None:
        try:
            handler: logging.Handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"cannot log to {file}: {error.strerror}") from error
    elif level is not None and to_stderr:
        handler = logging.StreamHandler()
    else:
        root.addHandler(logging.NullHandler())
        return
    handler.setFormatter(_PlainFormatter(FORMAT))
    root.addHandler(handler)
    root.setLevel((level or "info").upper())


class RecentLog(logging.Handler):
    """The last records of this program, as texts. `seen` counts all that ever came."""

    def __init__(self, level: str | None = None, file: str | None = None) -> None:
        super().__init__()
        self.file = file
        self.seen = 0
        self._texts: deque[str] = deque(maxlen=KEPT)
        self.setFormatter(_PlainFormatter(FORMAT))
        self._wanted = (level or "info").upper()

    def start(self) -> None:
        """Take all records from now on."""
        root = logging.getLogger()
        root.addHandler(self)
        root.setLevel(self._wanted)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._texts.append(self.format(record))
            self.seen += 1
        except Exception:
            self.handleError(record)

    def since(self, seen: int) -> list[str]:
        """The texts that came after so many."""
        new = self.seen - seen
        return list(self._texts)[-new:] if new > 0 else []


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))
