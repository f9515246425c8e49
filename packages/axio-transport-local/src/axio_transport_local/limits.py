"""The bounds that a schema sets to a single value beyond its type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

__all__ = ("allows",)

_FORMATS: Mapping[str, str] = {
    "email": r"[^\s@]+@[^\s@]+\.[^\s@]+",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:\S+",
    "url": r"[A-Za-z][A-Za-z0-9+.-]*:\S+",
    "date": r"\d{4}-\d{2}-\d{2}",
    "time": r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?",
    "date-time": r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "ipv4": r"\d{1,3}(?:\.\d{1,3}){3}",
}

_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "multipleOf": lambda value, limit: (
        limit > 0 and math.isclose(value / limit, round(value / limit), abs_tol=1e-9)
    ),
}


def allows(schema: Mapping[str, Any], value: Any) -> bool:
    """True if `value`, which has the right type, keeps the limits of `schema`.

    A pattern that is not a Python expression allows nothing, as does `not`: a call that cannot be
    checked is not made.
    """
    if "not" in schema:
        return False
    match value:
        case bool():
            return True
        case int() | float():
            return all(
                check(value, schema[name])
                for name, check in _NUMBERS.items()
                if isinstance(schema.get(name), int | float) and not isinstance(schema[name], bool)
            )
        case str():
            return _allows_text(schema, value)
        case list():
            return _has_length(schema, "Items", len(value)) and not (
                schema.get("uniqueItems") and len({repr(item) for item in value}) < len(value)
            )
    return True


def _allows_text(schema: Mapping[str, Any], text: str) -> bool:
    if not _has_length(schema, "Length", len(text)):
        return False
    form = _FORMATS.get(str(schema.get("format")))
    if form and not re.fullmatch(form, text):
        return False
    pattern = schema.get("pattern")
    return not isinstance(pattern, str) or _found(pattern, text)


def _has_length(schema: Mapping[str, Any], of: str, length: int) -> bool:
    least, most = schema.get(f"min{of}", 0), schema.get(f"max{of}", math.inf)
    return bool(least <= length <= most)


def _found(pattern: str, text: str) -> bool:
    expression = _compiled(pattern)
    return expression is not None and expression.search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None
