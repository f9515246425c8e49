"""The audit log: what was asked for and what became of it, without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from axio.run import RUN
from axio_tui_guards.decisions import append_line

__all__ = ("AuditLog", "without_secrets")

REMOVED = "[secret removed]"
_MAX_TEXT = 2000

_SECRET_NAME = (
    r"(?:[\w-]*(?:passw(?:or)?d|secret|token|api_?-?key|credential|private_?-?key)[\w-]*"
    r"|auth\w*|cookie|pwd)"
)
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
_IS_SECRET_NAME = re.compile(_SECRET_NAME, re.I)
# Each keeps its first group and loses the rest.
_SECRETS = [
    re.compile(pattern, re.I | re.S)
    for pattern in (
        r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        r"(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]+@",
        r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}",
        rf"(\b{_SECRET_NAME}[\"']?\s*[=:]\s*(?:bearer\s+|basic\s+)?){_VALUE}",
        rf"(--?{_SECRET_NAME}\s+)(?!-){_VALUE}",
        r"()\b(?:sk|pk|rk|ghp|gho|ghs|ghu|github_pat|glpat|xox[abprs]|hf|npm|pypi)[-_][\w-]{10,}",
        r"()\b(?:AKIA|ASIA|AIza)[\w-]{12,}",
        r"()\beyJ[\w-]+\.[\w-]+\.[\w-]*",
        r"(\s-u\s*)[^\s:]+:\S+",
    )
]


def without_secrets(value: Any) -> Any:
    """A copy for a log: texts cut at 2,000 characters, and what looks like a secret removed.

    Removed are values under names such as `password` or `api_key`, keys and tokens of known forms,
    credentials in URLs and headers, and the values of this process's own secret variables.
    """
    if isinstance(value, Mapping):
        return {
            str(key): REMOVED if _IS_SECRET_NAME.fullmatch(str(key)) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [without_secrets(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    for name, secret in os.environ.items():
        if len(secret) >= 8 and _IS_SECRET_NAME.fullmatch(name):
            text = text.replace(secret, REMOVED)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{REMOVED}", text)
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]} [... {len(text) - _MAX_TEXT} characters more]"
    return text


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
