"""JSON schemas without their titles, which cost tokens and tell a model nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NO_NAMES: Mapping[str, str] = MappingProxyType({})

# Under these keys lie names, each with a schema; a property may well be called "title".
_NAMED_SCHEMAS = ("properties", "$defs", "definitions", "patternProperties")
# Under these lie values, which are no schemas.
_VALUES = ("default", "const", "enum", "examples", "required")


def untitled(schema: Any, names: Mapping[str, str] = _NO_NAMES) -> Any:
    """A copy of a JSON schema without its titles; `names` are other names for definitions that it
    refers to."""
    if isinstance(schema, list | tuple):
        return [untitled(item, names) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _part(key, value, names) for key, value in schema.items() if key != "title"}


def _part(key: str, value: Any, names: Mapping[str, str]) -> Any:
    if key in _VALUES:
        return value
    if key in _NAMED_SCHEMAS and isinstance(value, Mapping):
        return {name: untitled(item, names) for name, item in value.items()}
    if key == "$ref" and isinstance(value, str):
        prefix, _, name = value.rpartition("/")
        return f"{prefix}/{names[name]}" if name in names else value
    return untitled(value, names)
