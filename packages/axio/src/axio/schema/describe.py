"""JSON Schema of annotations and of the arguments of a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from enum import Enum
from inspect import unwrap
from typing import Annotated, Any, Literal, Optional, TypeAlias, get_args, get_origin

from axio.schema.field import LIMITS, MISSING, is_union, type_name
from axio.schema.foreign import facts, foreign
from axio.schema.hints import (
    ANYTHING,
    ARRAYS,
    MAPPINGS,
    alias_value,
    class_of,
    holds_anything,
    is_plain,
    json_choices,
    scalar_base,
    simplify,
    text_type,
)
from axio.schema.signature import Parameter, other_names, parameters, record
from axio.schema.titles import untitled
from axio.schema.values import json_value
from axio.types import JSONObject

JSONSchema: TypeAlias = JSONObject

SCHEMA_JSON_TYPE_MAP: dict[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}

_PRIMITIVES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def property_schema(annotation: Any) -> JSONSchema:
    """The JSON Schema of one annotation.

    A type that we do not know gives `{}`. Recursive types are referred to as `#/$defs/<name>`,
    with the definitions under `$defs` of the result.
    """
    builder = _Builder()
    return builder.finish(builder.schema(annotation))


def value_schema(annotation: Any) -> JSONSchema:
    """The JSON Schema of the values that `converter` takes: as `property_schema`, but it also says
    what dicts hold."""
    builder = _Builder(whole=True)
    return builder.finish(builder.schema(annotation))


def arguments_schema(handler: Callable[..., Any]) -> JSONSchema:
    """The JSON Schema of the arguments that a tool takes by its signature."""
    builder = _Builder(whole=True)
    schema = builder.object(parameters(handler))
    others = other_names(handler)
    if others is not MISSING and simplify(others) not in ANYTHING:
        schema["additionalProperties"] = builder.schema(others)
    return builder.finish(schema)


def build_tool_schema(fn: Any, hints: Mapping[str, Any] | None = None) -> JSONSchema:
    """The JSON Schema of what can be passed to `fn`, a function or a class, by name.

    `hints` are used instead of its annotations. Defaults stand in the schema if JSON can hold
    them. Descriptions come from `Field`, else from the docstring.
    """
    builder = _Builder()
    return builder.finish(builder.object(parameters(fn, hints)))


def hint_from_json_schema(prop: Any) -> Any:
    """The annotation that comes nearest to a property's schema; `object` when none does.

    One `type`, or one beside null in a list of types or in `anyOf`, gives its Python type.
    """
    if not isinstance(prop, Mapping):
        return object
    kind = prop.get("type")
    branches = prop.get("anyOf")
    if isinstance(kind, str):
        return SCHEMA_JSON_TYPE_MAP.get(kind, object)
    if isinstance(kind, list):
        branches = [{"type": name} for name in kind]
    if not isinstance(branches, list):
        return object
    hints = [hint_from_json_schema(branch) for branch in branches if branch != {"type": "null"}]
    if len(hints) != 1:
        return object
    return hints[0] if len(branches) == 1 else Optional[hints[0]]  # noqa: UP045


class AutomaticSchema(dict[str, Any]):
    """A schema that was built from a handler, not written by hand; a copy of it still says so."""

    def __init__(self, schema: Mapping[str, Any], handler: Callable[..., Any]) -> None:
        super().__init__(schema)
        self._handler = handler

    def is_of(self, handler: Callable[..., Any]) -> bool:
        """True if it was built from `handler`, or from a function with one signature with it."""
        return bool(unwrap(handler) == unwrap(self._handler))

    def copy(self) -> AutomaticSchema:
        return AutomaticSchema(self, self._handler)


class _Builder:
    """Turns annotations into schemas and collects the definitions that recursive ones need.

    If `whole`, it also says what dicts hold.
    """

    def __init__(self, whole: bool = False) -> None:
        self.definitions: dict[str, Any] = {}
        self._whole = whole
        self._names: dict[Any, str] = {}
        """Types being described, with "" until one turns out to hold itself; and defined ones."""

    def finish(self, schema: JSONSchema) -> JSONSchema:
        seen: set[str] = set()
        while (reference := schema.get("$ref", "")) and reference not in seen:
            # Providers want to see at the top that it is an object.
            seen.add(reference)
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self.definitions[reference.rpartition("/")[2]], **beside}
        return {**schema, "$defs": self.definitions} if self.definitions else schema

    def schema(self, hint: Any) -> JSONSchema:
        hint = simplify(hint)
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(hint)
        if is_union(hint):
            branches = [self.schema(branch) for branch in args if branch is not type(None)]
            if type(None) in args:
                branches.append({"type": "null"})
            return {"anyOf": branches}
        if origin is Literal:
            return {"enum": [value for value in json_choices(args) if _is_json(value)]}
        if not isinstance(hint, Hashable):  # `x: [int]` is not an annotation.
            return {}
        if origin is None and hint in _PRIMITIVES:
            return {"type": _PRIMITIVES[hint]}
        container = origin or hint
        if container in ARRAYS:
            return self._array(container, args)
        if container in MAPPINGS:
            return self._mapping(args)
        return self._named(hint)

    def object(self, members: Iterable[Parameter]) -> JSONSchema:
        members = list(members)
        schema: JSONSchema = {"type": "object", "properties": {}}
        for member in members:
            prop = dict(self.schema(member.hint))
            if member.description:
                prop["description"] = member.description
            if "default" not in prop and _is_json(member.default):
                prop["default"] = json_value(member.default)
            schema["properties"][member.name] = prop
        if required := [member.name for member in members if member.required]:
            schema["required"] = required
        return schema

    def _annotated(self, hint: Any) -> JSONSchema:
        said = facts(hint)
        if said.judge and (found := foreign(hint, judge=True)):
            schema = self._adopt(found.schema)
        else:
            schema = dict(self.schema(hint.__origin__))
        if said.description:
            schema["description"] = said.description
        kinds = _kinds(schema)
        for keyword, limit in said.limits:
            if LIMITS[keyword][0] in kinds and isinstance(limit, (int, float, str)):
                schema[keyword] = limit
        if _is_json(said.default):
            schema["default"] = json_value(said.default)
        return schema

    def _array(self, container: Any, args: tuple[Any, ...]) -> JSONSchema:
        if container is list and not args:
            return {}
        schema: JSONSchema = {"type": "array"}
        if container is tuple and args and args[-1] is not ...:
            items = [self.schema(item) for item in args]
            schema.update(prefixItems=items, minItems=len(items), maxItems=len(items))
        # Some providers refuse an array that does not say what it holds.
        schema["items"] = self.schema(args[0]) if args and "prefixItems" not in schema else {}
        if ARRAYS[container] in (set, frozenset):
            schema["uniqueItems"] = True
        return schema

    def _mapping(self, args: tuple[Any, ...]) -> JSONSchema:
        schema: JSONSchema = {"type": "object"}
        known = holds_anything(args) if self._whole else all(map(is_plain, args))
        if args and not known:
            names = self.schema(args[0])
            if names != {"type": "string"} and names.get("type") == "string":
                schema["propertyNames"] = names
            schema["additionalProperties"] = self.schema(args[1])
        return schema

    def _named(self, hint: Any) -> JSONSchema:
        """The schema of a class or alias, as a reference if it holds itself."""
        if hint not in self._names:
            self._names[hint] = ""
            schema = self._definition(hint)
            name = self._names.pop(hint)
            if not name:
                return schema
            self._names[hint] = name
            self.definitions[name] = schema
        elif not self._names[hint]:
            self._names[hint] = self._reserve(hint)
        return {"$ref": f"#/$defs/{self._names[hint]}"}

    def _definition(self, hint: Any) -> JSONSchema:
        if (value := alias_value(hint)) is not MISSING:
            return self.schema(value)
        if (judged := foreign(hint)) is not None:
            return self._adopt(judged.schema)
        if (found := record(hint)) is not None:
            schema = self.object(found.members)
            return {**schema, "description": found.description} if found.description else schema
        cls = class_of(hint)
        if cls is None:
            return {}
        if issubclass(cls, Enum):
            return _enum_schema(cls)
        if (text := text_type(cls)) is not None:
            schema = {"type": "string", **text.keywords}
            return {"anyOf": [{"type": "number"}, schema]} if text.name == "Decimal" else schema
        if (base := scalar_base(cls)) is not None:
            return {"type": _PRIMITIVES[base]}
        return {"type": "null"} if cls is type(None) and self._whole else {}

    def _reserve(self, hint: Any) -> str:
        name = re.sub(r"\W+", "_", type_name(hint)).strip("_")
        while name in self.definitions:
            name += "_"
        self.definitions[name] = {}
        return name

    def _adopt(self, schema: JSONSchema) -> JSONSchema:
        """Take over a schema made elsewhere, without its titles, and its definitions."""
        schema = untitled(schema)
        definitions: dict[str, Any] = schema.pop("$defs", {})
        names: dict[str, str] = {}
        for name, definition in definitions.items():
            names[name] = name
            while self.definitions.get(names[name], definition) != definition:
                names[name] += "_"
        for name, definition in definitions.items():
            self.definitions[names[name]] = untitled(definition, names)
        adopted: dict[str, Any] = untitled(schema, names)
        return adopted


def _kinds(schema: JSONSchema) -> set[str]:
    """The types that a schema names; all if it names none."""
    branches = [schema, *schema.get("anyOf", ())]
    kinds = {branch["type"] for branch in branches if "type" in branch} or {
        kind for kind, *_ in LIMITS.values()
    }
    if "integer" in kinds:
        kinds.add("number")
    # The length of base64 is not that of the bytes.
    return kinds - {"string"} if "contentEncoding" in schema else kinds


def _enum_schema(cls: type[Enum]) -> JSONSchema:
    values = json_choices(cls)
    for kind, name in _PRIMITIVES.items():
        if all(type(value) is kind for value in values):
            return {"type": name, "enum": values}
    return {"enum": values}


def _is_json(value: Any) -> bool:
    try:
        json_value(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
