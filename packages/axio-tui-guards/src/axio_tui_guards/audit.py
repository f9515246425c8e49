"""The audit log: what was asked for and what became of it, without secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from axio.run import RUN
from axio_tui_guards.decisions import append_line
from axio_tui_guards.redaction import without_secrets

__all__ = ("AuditLog",)


class AuditLog:
    """A file of JSON objects, one a line, that only its owner may read.

    Each has `time` (UTC), `tool`, `arguments`, `effect` ("allow" or "deny"), `reason`, `asked`, and
    inside of a run `session` and `call`. When a line cannot be written a guard refuses the call.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def record(
        self, tool: str, arguments: Mapping[str, Any], effect: str, reason: str, asked: bool
    ) -> None:
        run = RUN.get(None)
        append_line(
            self._path,
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "tool": tool,
                "arguments": without_secrets(arguments),
                "effect": effect,
                "reason": without_secrets(reason),
                "asked": asked,
                "session": None if run is None else run.store.session_id,
                "call": None if run is None else run.call_id,
            },
        )
