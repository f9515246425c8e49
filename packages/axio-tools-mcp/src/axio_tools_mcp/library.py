"""The `mcp` library: that it is there, is what it is taken for, and reports nothing by itself.

A user's file `mcp.py` beside a program is found before the library, and would be run in its place:
often the program itself, again and again.
"""

from __future__ import annotations

import logging
import os
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

__all__ = ("demote_library", "require_library")

_PACKAGES = ("mcp", "mcp_types", "httpx2")
_LOGGERS = ("mcp.client", "mcp.shared")
_SHARED_LOGGER = "client"  # a name that others may have, too


def require_library() -> None:
    """Import nothing, and raise `ImportError` if the library is missing or hidden by a file."""
    for name in _PACKAGES:
        spec = _found(name)
        if spec is None:
            raise ImportError(f"the library {name!r} is not installed")
        if spec.submodule_search_locations is None:
            raise ImportError(
                f"the file {spec.origin} hides the library {name!r}: give it another name"
            )


def _found(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # a module that was put in its place by hand
        return None


def demote_library(logger: logging.Logger) -> None:
    """Make debug messages of `logger` of its records: all that it reports becomes an error here."""
    demoted = _Demoted(logger)
    for name in _LOGGERS:
        library = logging.getLogger(name)
        library.addHandler(demoted)
        library.propagate = False
    logging.getLogger(_SHARED_LOGGER).addFilter(demoted.lets_pass)


class _Demoted(logging.Handler):
    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        spec = _found("mcp")
        self._home = os.path.dirname(spec.origin or "") if spec is not None else ""

    def emit(self, record: logging.LogRecord) -> None:
        words = f"{record.name}: {record.getMessage()}"
        self._logger.debug("%s", words, exc_info=record.exc_info)

    def lets_pass(self, record: logging.LogRecord) -> bool:
        """False for a record of the library, which is demoted."""
        ours = bool(self._home) and record.pathname.startswith(self._home)
        if ours:
            self.emit(record)
        return not ours
