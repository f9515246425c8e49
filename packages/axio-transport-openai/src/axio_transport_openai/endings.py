"""Errors inside a stream, in the shapes that servers give them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ("DESCRIBE", "error_in")

DESCRIBE = "Provider error during streaming"


def error_in(payload: Mapping[str, Any], event: str) -> Any:
    """The error that a payload without an answer is or holds; None for another one."""
    for key in ("error", "detail", "errors"):
        if payload.get(key):
            return payload[key]
    groq = payload.get("x_groq")
    if isinstance(groq, dict) and groq.get("error"):
        return groq["error"]
    if payload.get("object") == "error" or event == "error":
        return payload
    message, code, kind = (payload.get(key) for key in ("message", "code", "type"))
    named = bool(code) or (isinstance(kind, str) and "error" in kind.lower())
    return payload if named and message and isinstance(message, str) else None
