"""Python values as JSON carries them: defaults in a schema, results of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set, ValuesView
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from sys import modules
from typing import Any, cast

from axio.schema.foreign import is_model, is_struct
from axio.schema.hints import json_choices, text_type
from axio.types import JSONValue


def json_value(value: Any, other: Callable[[Any], JSONValue] | None = None) -> JSONValue:
    """`value` as JSON would carry it: records as objects, dates as text, sets in a fixed order.

    `other` decides what becomes of values without a form of their own in JSON. Without it dates
    and the like are texts, and `TypeError` tells of what JSON cannot hold.
    """
    if isinstance(value, Enum):
        value = json_choices([value])[0]
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if (members := _members(value)) is not None:
        return _object(members, other)
    if isinstance(value, Set):
        return sorted((json_value(item, other) for item in value), key=repr)
    if isinstance(value, (Sequence, ValuesView)) and not isinstance(value, _BYTES):
        return [json_value(item, other) for item in value]
    if is_model(type(value)):
        return cast(JSONValue, value.model_dump(mode="json", by_alias=True))
    if is_struct(type(value)):
        plain = modules["msgspec"].to_builtins(value, order="deterministic", enc_hook=other)
        return json_value(plain, other)
    if other is not None:
        return other(value)
    if (text := text_type(type(value))) is not None:
        return text.form(value)
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


_BYTES = (bytes, bytearray, memoryview)


def _members(value: Any) -> Mapping[Any, Any] | None:
    """The members of a value that is an object in JSON, else None."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        # One that was never set, as `init=False` allows, is not there.
        return {f.name: getattr(value, f.name) for f in fields(value) if hasattr(value, f.name)}
    if hasattr(type(value), "__attrs_attrs__"):
        return {a.alias: getattr(value, a.name) for a in type(value).__attrs_attrs__}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return cast("dict[str, Any]", value._asdict())
    return None


def _object(members: Mapping[Any, Any], other: Callable[[Any], JSONValue] | None) -> JSONValue:
    from json import dumps  # Not at import: most keys are text.

    found: dict[str, JSONValue] = {}
    for key, item in members.items():
        name = json_value(key, other)
        if isinstance(name, (list, dict)):
            raise TypeError(f"JSON cannot have a {type(key).__name__} for a key")
        if not isinstance(name, str):
            name = dumps(name)  # 1 is the key "1", True is "true".
        if name in found:
            raise TypeError(f"two keys are {name!r} in JSON")
        found[name] = json_value(item, other)
    return found
