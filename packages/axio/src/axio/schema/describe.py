"""JSON Schema of annotations and of the arguments of a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from inspect import unwrap
from sys import modules
from typing import Annotated, Any, Literal, Optional, TypeAlias, get_args, get_origin

from axio.schema.field import MISSING, get_field_info, is_union, type_name
from axio.schema.hints import (
    ARRAYS,
    MAPPINGS,
    Parameter,
    alias_value,
    class_of,
    is_model,
    is_plain,
    is_struct,
    json_choices,
    parameters,
    record,
    simplify,
    text_type,
)
from axio.schema.values import json_value

JSONSchema: TypeAlias = dict[str, Any]

SCHEMA_JSON_TYPE_MAP: dict[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}

_PRIMITIVES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def property_schema(annotation: Any) -> dict[str, Any]:
    """The JSON Schema of one annotation.

    A type that we do not know gives `{}`. Recursive types are referred to as `#/$defs/<name>`,
    with the definitions under `$defs` of the result.
    """
    builder = _Builder()
    return builder.finish(builder.schema(annotation))


def build_tool_schema(fn: Any, hints: Mapping[str, Any] | None = None) -> dict[str, Any]:
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
    """A schema built from a handler, not written by somebody; a copy of it still says so."""

    def __init__(self, schema: Mapping[str, Any], handler: Callable[..., Any]) -> None:
        super().__init__(schema)
        self._handler = handler

    def is_of(self, handler: Callable[..., Any]) -> bool:
        """Whether it was built from `handler`, or from what that wraps and has the signature of."""
        return bool(unwrap(handler) == unwrap(self._handler))

    def copy(self) -> AutomaticSchema:
        return AutomaticSchema(self, self._handler)


class _Builder:
    """Turns annotations into schemas and collects the definitions that recursive ones need."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        """Types being described, with "" until one turns out to hold itself; and defined ones."""

    def finish(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {**schema, "$defs": self.definitions} if self.definitions else schema

    def schema(self, hint: Any) -> dict[str, Any]:
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
        if hint in _PRIMITIVES:
            return {"type": _PRIMITIVES[hint]}
        container = origin or hint
        if container in ARRAYS:
            return self._array(container, args)
        if container in MAPPINGS:
            return self._mapping(args)
        return self._named(hint)

    def object(self, members: Iterable[Parameter]) -> dict[str, Any]:
        members = list(members)
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        for member in members:
            prop = dict(self.schema(member.hint))
            info = get_field_info(member.hint)
            if member.description and not (info and info.description):
                prop["description"] = member.description
            if "default" not in prop and _is_json(member.default):
                prop["default"] = json_value(member.default)
            schema["properties"][member.name] = prop
        if required := [member.name for member in members if member.required]:
            schema["required"] = required
        return schema

    def _annotated(self, hint: Any) -> dict[str, Any]:
        schema = self.schema(hint.__origin__)
        if (info := get_field_info(hint)) is None:
            return schema
        extras: dict[str, Any] = {}
        if info.description:
            extras["description"] = info.description
        if info.ge is not None:
            extras["minimum"] = info.ge
        if info.le is not None:
            extras["maximum"] = info.le
        if _is_json(info.default):
            extras["default"] = json_value(info.default)
        return {**schema, **extras}

    def _array(self, container: Any, args: tuple[Any, ...]) -> dict[str, Any]:
        if container is list and not args:
            return {}
        schema: dict[str, Any] = {"type": "array"}
        if container is tuple and args and args[-1] is not ...:
            items = [self.schema(item) for item in args]
            schema.update(prefixItems=items, minItems=len(items), maxItems=len(items))
        elif args:
            schema["items"] = self.schema(args[0])
        if ARRAYS[container] in (set, frozenset):
            schema["uniqueItems"] = True
        return schema

    def _mapping(self, args: tuple[Any, ...]) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object"}
        if args and not all(map(is_plain, args)):
            if not is_plain(args[0]):
                schema["propertyNames"] = self.schema(args[0])
            schema["additionalProperties"] = self.schema(args[1])
        return schema

    def _named(self, hint: Any) -> dict[str, Any]:
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

    def _definition(self, hint: Any) -> dict[str, Any]:
        if (value := alias_value(hint)) is not MISSING:
            return self.schema(value)
        cls = class_of(hint)
        if cls is None:
            return {}
        if is_model(cls):
            return self._adopt(cls.model_json_schema())  # type: ignore[attr-defined]
        if is_struct(cls):
            return self._adopt(modules["msgspec"].json.schema(hint))
        if (found := record(hint)) is not None:
            schema = self.object(found.members)
            return {**schema, "description": found.description} if found.description else schema
        if issubclass(cls, Enum):
            return _enum_schema(cls)
        if (text := text_type(cls)) is None:
            return {}
        if text.pattern:
            return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": text.pattern}]}
        return {"type": "string", "format": text.format} if text.format else {"type": "string"}

    def _reserve(self, hint: Any) -> str:
        name = re.sub(r"\W+", "_", type_name(hint)).strip("_")
        while name in self.definitions:
            name += "_"
        self.definitions[name] = {}
        return name

    def _adopt(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Take over a schema made elsewhere, without its titles, and its definitions."""
        schema = _rewritten(schema, {})
        definitions: dict[str, Any] = schema.pop("$defs", {})
        names: dict[str, str] = {}
        for name, definition in definitions.items():
            names[name] = name
            while self.definitions.get(names[name], definition) != definition:
                names[name] += "_"
        for name, definition in definitions.items():
            self.definitions[names[name]] = _rewritten(definition, names)
        adopted: dict[str, Any] = _rewritten(schema, names)
        return adopted


def _enum_schema(cls: type[Enum]) -> dict[str, Any]:
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


_SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs")
_DATA = ("default", "enum", "const", "examples")


def _rewritten(schema: Any, names: Mapping[str, str]) -> Any:
    """A copy of a schema without its titles and with other names for definitions."""
    if isinstance(schema, list):
        return [_rewritten(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copy: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SCHEMAS_BY_NAME:
            copy[key] = {name: _rewritten(item, names) for name, item in value.items()}
        elif key in _DATA:
            copy[key] = value
        elif key == "$ref":
            prefix, _, name = value.rpartition("/")
            copy[key] = f"{prefix}/{names.get(name, name)}"
        elif key != "title":
            copy[key] = _rewritten(value, names)
    return copy
