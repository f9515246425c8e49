"""JSON for requests: always valid UTF-8, with any text in a history or a schema. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

try:
    from msgspec.json import encode as _encode
except ImportError:  # the core needs nothing, so it also works without
    _encode = None  # type: ignore[assignment]

__all__ = ("dumps", "untitled")


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. Halves of surrogate pairs, which no provider takes, become U+FFFD; what is no
    JSON becomes its text."""
    try:
        return _encode(value)
    # Numbers of over 64 bits; objects that are no JSON, or no encoder; halves of pairs.
    except (OverflowError, TypeError, UnicodeEncodeError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


# Under these keys lie names, each with a schema; a property may well be called "title".
_NAMED_SCHEMAS = ("properties", "$defs", "definitions", "patternProperties")
# Under these lie values, which are no schemas.
_VALUES = ("default", "const", "enum", "examples", "required")


def untitled(schema: Any) -> Any:
    """A JSON schema without its titles, which cost tokens and tell a model nothing."""
    if isinstance(schema, list | tuple):
        return [untitled(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _part(key, value) for key, value in schema.items() if key != "title"}


def _part(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _NAMED_SCHEMAS and isinstance(value, Mapping):
        return {name: untitled(item) for name, item in value.items()}
    return untitled(value)
