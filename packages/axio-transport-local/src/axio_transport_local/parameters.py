"""A tool's JSON Schema as a flat list of values to be found in a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from axio.types import JSONObject

__all__ = ("NUMERIC", "Kind", "Parameter", "Path", "nest", "parameters", "value_at")

Kind: TypeAlias = Literal["text", "number", "integer", "boolean", "choice", "list", "unknown"]
"""`choice` has a few possible values, `list` holds texts or numbers, `unknown` cannot be filled."""

NUMERIC = frozenset(("integer", "number"))

Path: TypeAlias = tuple[str, ...]
"""Where a value goes: ("address", "city") in {"address": {"city": ...}}."""

_SCALARS: Mapping[str, Kind] = {
    "string": "text",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
}
_DEPTH = 4
"""How deep objects are followed; a schema may refer to itself."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a call. `choices` and `item` belong to the kinds of these names."""

    path: Path
    kind: Kind
    required: bool
    schema: Mapping[str, Any]
    choices: tuple[Any, ...] = ()
    item: Kind = "text"

    @property
    def name(self) -> str:
        return ".".join(self.path)


def parameters(schema: Mapping[str, Any]) -> list[Parameter]:
    """The values that a call by `schema` may hold, in its order.

    >>> found = parameters({"properties": {"n": {"type": "integer"}}, "required": ["n"]})
    >>> [(p.name, p.kind, p.required) for p in found]
    [('n', 'integer', True)]
    """
    return list(_properties(schema, schema, (), True))


def value_at(arguments: Mapping[str, Any], path: Path) -> Any:
    """The value at `path`, or None where there is none."""
    value: Any = arguments
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def nest(values: Mapping[Path, Any]) -> JSONObject:
    """The arguments that hold each value at its path."""
    arguments: JSONObject = {}
    for path, value in values.items():
        inner = arguments
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return arguments


def _properties(
    schema: Mapping[str, Any], root: Mapping[str, Any], path: Path, required: bool
) -> Iterator[Parameter]:
    properties = _mapping(schema.get("properties"))
    needed = schema.get("required") or ()
    for name in [*properties, *(name for name in needed if name not in properties)]:
        prop = properties.get(name, {})
        yield from _parameter(prop, root, (*path, name), required and name in needed)


def _parameter(
    prop: Any, root: Mapping[str, Any], path: Path, required: bool
) -> Iterator[Parameter]:
    schema = _resolve(prop, root)
    if _mapping(schema.get("properties")) and len(path) < _DEPTH:
        yield from _properties(schema, root, path, required)
        return
    kind, choices, item = _kind(schema, root)
    yield Parameter(path, kind, required, schema, choices, item)


def _kind(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Kind, tuple[Any, ...], Kind]:
    if "const" in schema:
        return "choice", (schema["const"],), "text"
    if isinstance(schema.get("enum"), Sequence) and schema["enum"]:
        return "choice", tuple(value for value in schema["enum"] if value is not None), "text"
    name = schema.get("type")
    if isinstance(name, str) and name in _SCALARS:
        return _SCALARS[name], (), "text"
    if name == "array":
        item = _kind(_resolve(schema.get("items", {}), root), root)[0]
        return (
            ("list", (), item) if item in ("text", "number", "integer") else ("unknown", (), item)
        )
    if name is None and not schema.keys() & {"properties", "items", "additionalProperties"}:
        return "text", (), "text"
    return "unknown", (), "text"


def _resolve(prop: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`prop` without references, and of its alternatives the first that is not null."""
    schema = _mapping(prop)
    for _ in range(_DEPTH):
        if isinstance(schema.get("$ref"), str):
            schema = {**_follow(schema["$ref"], root), **_without(schema, "$ref")}
        elif branches := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            real = [branch for branch in branches if _mapping(branch).get("type") != "null"]
            schema = {**_without(schema, "anyOf", "oneOf", "allOf"), **_mapping((real or [{}])[0])}
        elif isinstance(schema.get("type"), list):
            names = [name for name in schema["type"] if name != "null"]
            schema = {**schema, "type": names[0] if names else "null"}
        else:
            break
    return schema


def _follow(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    target: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        target = _mapping(target).get(key.replace("~1", "/").replace("~0", "~"))
    return _mapping(target)


def _without(schema: Mapping[str, Any], *keys: str) -> JSONObject:
    return {key: value for key, value in schema.items() if key not in keys}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
