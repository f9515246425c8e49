"""JSON schemas as Anthropic's structured outputs take them.

They know a part of JSON Schema: https://docs.claude.com/en/docs/build-with-claude/structured-outputs
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from axio.types import JSONObject

__all__ = ("output_config",)

# What holds for values but not for the grammar behind; the model is told in words instead.
_TOLD = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)


def output_config(schema: Mapping[str, Any]) -> JSONObject:
    """The request's `output_config` that holds the answer to `schema`.

    Every object is closed, as the API demands. Limits that it does not know (lengths, ranges) go
    into the descriptions, so the caller checks the answer against the schema.
    """
    return {"format": {"type": "json_schema", "schema": _closed(schema)}}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed: JSONObject = {}
    told: JSONObject = {}
    for key, value in schema.items():
        if key in _TOLD:
            told[key] = value
        elif key in ("properties", "$defs", "definitions"):
            closed[key] = {name: _closed(item) for name, item in value.items()}
        elif key == "oneOf":
            closed["anyOf"] = _closed(value)
        elif key in ("enum", "const", "default", "required"):
            closed[key] = value
        else:
            closed[key] = _closed(value)
    if closed.get("type") == "object" or "properties" in closed:
        closed["additionalProperties"] = False
    if told:
        limits = ", ".join(f"{key}: {json.dumps(value)}" for key, value in told.items())
        closed["description"] = f"{closed.get('description', '')} ({limits})".strip()
    return closed
