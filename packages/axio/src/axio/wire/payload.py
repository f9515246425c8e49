"""JSON for requests: always valid UTF-8, with any text in a history or a schema. Pure."""

from __future__ import annotations

import json
from binascii import b2a_base64
from typing import Any

from axio.schema.titles import untitled

try:
    from msgspec.json import encode as _encode
except ImportError:  # the core needs nothing, so it also works without
    _encode = None  # type: ignore[assignment]

__all__ = ("base64_of", "dumps", "untitled")


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. Halves of surrogate pairs, which no provider takes, become U+FFFD; what is no
    JSON becomes its text."""
    try:
        return _encode(value)
    # Numbers of over 64 bits; objects that are no JSON, or no encoder; halves of pairs.
    except (OverflowError, TypeError, UnicodeEncodeError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def base64_of(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")
