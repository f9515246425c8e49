"""Checks against a JSON Schema that was written elsewhere, such as an MCP server's.

Checked are type, enum, const, the bounds of numbers, strings and arrays, items, prefixItems,
properties, required, additionalProperties, anyOf, oneOf (as anyOf), allOf, and `$ref` within the
schema. Anything else, and anything odd, accepts every value: the author of the schema judges in
the end. `pattern` is not checked since its regular expressions are of another dialect than ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from axio.schema.describe import SCHEMA_JSON_TYPE_MAP
from axio.schema.field import LIMITS, Mismatch, check_limit, equal, missing, not_among, requires
from axio.schema.nodes import Convert, Node, any_node, first_fitting, in_words

Schema: TypeAlias = Mapping[str, Any]
Maker: TypeAlias = "Callable[[SchemaCompiler, Any, Schema], Convert | None]"

_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int, float}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
    "null": frozenset({type(None)}),
}


def checker(schema: Schema, name: str = "value") -> Convert:
    """A function that checks decoded JSON against the schema, or raises `ValueError`.

    Values come back as they are, except that a whole float for an integer becomes an int.
    """
    node = SchemaCompiler(schema).node(schema)

    def checked(value: Any) -> Any:
        try:
            return node.lenient(value)
        except Exception as error:
            raise ValueError(in_words(error, name)) from error

    return checked


class SchemaCompiler:
    """Makes nodes of schemas that may refer to parts of `root`."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._references: dict[str, Node] = {}

    def node(self, schema: Any) -> Node:
        if schema is False:
            return Node(_never)
        if not isinstance(schema, Mapping):
            return any_node()
        made = (
            make(self, schema[keyword], schema)
            for keyword, make in _KEYWORDS.items()
            if keyword in schema
        )
        checks = [check for check in made if check is not None]
        return Node(_one_by_one(checks), self._takes(schema))

    def reference(self, reference: str) -> Node:
        """The node of a `$ref`; one that leads nowhere, or in a circle, accepts everything."""
        if reference not in self._references:
            self._references[reference] = node = any_node()
            if not self._is_circle(reference):
                made = self.node(self._resolved(reference))
                node.convert, node.takes = made.convert, made.takes
        return self._references[reference]

    def _takes(self, schema: Schema) -> frozenset[type] | None:
        if kinds := _kinds(schema):
            return frozenset().union(*(_TYPES[kind] for kind in kinds))
        for keyword in ("anyOf", "oneOf"):
            branches = [self.node(branch).takes for branch in as_list(schema.get(keyword))]
            known = [takes for takes in branches if takes is not None]
            if branches:
                return frozenset().union(*known) if len(known) == len(branches) else None
        reference = schema.get("$ref")
        return self.reference(reference).takes if isinstance(reference, str) else None

    def _resolved(self, reference: str) -> Any:
        if not reference.startswith("#"):
            return None
        if "%" in reference:
            from urllib.parse import unquote  # Rare, and dear to import.

            reference = unquote(reference)
        target: Any = self._root
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        return target

    def _is_circle(self, reference: Any) -> bool:
        """True if following references from here never meets anything else."""
        seen: list[Any] = []
        while isinstance(reference, str) and reference not in seen:
            seen.append(reference)
            target = self._resolved(reference)
            reference = target.get("$ref") if isinstance(target, Mapping) else None
        return reference in seen


# ── One maker a keyword: its value, and the schema around it, give a check; None if it is odd. ────


def _one_by_one(checks: Sequence[Convert]) -> Convert:
    def convert(value: Any) -> Any:
        for check in checks:
            value = check(value)
        return value

    return convert


def _ref(compiler: SchemaCompiler, reference: Any, _: Schema) -> Convert | None:
    if not isinstance(reference, str):
        return None
    node = compiler.reference(reference)
    return lambda value: node.convert(value)  # The node may be unfinished now.


def _type(_: SchemaCompiler, __: Any, schema: Schema) -> Convert | None:
    kinds = _kinds(schema)
    classes = tuple({cls for kind in kinds for cls in _TYPES[kind]})
    whole = "integer" in kinds and "number" not in kinds

    def check(value: Any) -> Any:
        if isinstance(value, bool):
            fits = bool in classes
        else:
            fits = isinstance(value, classes)
            if fits and whole and isinstance(value, float):
                fits = value.is_integer()
                value = int(value) if fits else value
        if not fits:
            raise requires(_wanted(schema), value)
        return value

    return check if kinds else None


def _enum(_: SchemaCompiler, values: Any, __: Schema) -> Convert | None:
    members = tuple(as_list(values))

    def check(value: Any) -> Any:
        if not any(equal(value, member) for member in members):
            raise not_among(members, value)
        return value

    return check if members else None


def _const(compiler: SchemaCompiler, value: Any, schema: Schema) -> Convert | None:
    return _enum(compiler, [value], schema)


def _limit(keyword: str) -> Maker:
    def make(_: SchemaCompiler, limit: Any, __: Schema) -> Convert | None:
        def check(value: Any) -> Any:
            check_limit(value, keyword, limit)
            return value

        odd = isinstance(limit, bool) or not isinstance(limit, (int, float))
        return None if odd or (keyword == "multipleOf" and limit <= 0) else check

    return make


def _all_of(compiler: SchemaCompiler, schemas: Any, _: Schema) -> Convert:
    return _one_by_one([compiler.node(schema).convert for schema in as_list(schemas)])


def _any_of(compiler: SchemaCompiler, schemas: Any, _: Schema) -> Convert | None:
    nodes = [compiler.node(schema) for schema in as_list(schemas)]
    wanted = " | ".join(dict.fromkeys(map(_wanted, as_list(schemas))))
    return (lambda value: first_fitting(nodes, value, wanted)) if nodes else None


def _prefix_items(compiler: SchemaCompiler, schemas: Any, _: Schema) -> Convert:
    nodes = [compiler.node(schema) for schema in as_list(schemas)]
    return _inside(list, lambda value: enumerate(nodes[: len(value)]))


def _items(compiler: SchemaCompiler, items: Any, schema: Schema) -> Convert:
    if isinstance(items, list):  # How a tuple was written before draft 2020-12.
        return _prefix_items(compiler, items, schema)
    node, start = compiler.node(items), len(as_list(schema.get("prefixItems")))
    return _inside(list, lambda value: ((i, node) for i in range(start, len(value))))


def _properties(compiler: SchemaCompiler, props: Any, _: Schema) -> Convert | None:
    if not isinstance(props, Mapping):
        return None
    nodes = {name: compiler.node(schema) for name, schema in props.items()}
    return _inside(dict, lambda value: ((k, node) for k, node in nodes.items() if k in value))


def _additional(compiler: SchemaCompiler, extra: Any, schema: Schema) -> Convert | None:
    if "patternProperties" in schema:
        return None
    known = schema.get("properties")
    names = frozenset(known if isinstance(known, Mapping) else ())
    node = compiler.node(extra)
    return _inside(dict, lambda value: ((name, node) for name in value if name not in names))


def _required(_: SchemaCompiler, names: Any, __: Schema) -> Convert:
    wanted = [name for name in as_list(names) if isinstance(name, str)]

    def check(value: Any) -> Any:
        for name in wanted:
            if isinstance(value, dict) and name not in value:
                raise missing().at(name)
        return value

    return check


def _inside(kind: Any, places: Callable[[Any], Iterable[tuple[Any, Node]]]) -> Convert:
    """The check of what a list or dict holds at some places; it is copied only if that changes."""

    def check(value: Any) -> Any:
        if type(value) is not kind:
            return value
        changed: dict[Any, Any] = {}
        for place, node in places(value):
            try:
                made = node.lenient(value[place])
            except Mismatch as mismatch:
                raise mismatch.at(place) from None
            if made is not value[place]:
                changed[place] = made
        if changed:
            value = value.copy()
            for place, made in changed.items():
                value[place] = made
        return value

    return check


_KEYWORDS: dict[str, Maker] = {
    "type": _type,
    "$ref": _ref,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _any_of,
    "enum": _enum,
    "const": _const,
    **{keyword: _limit(keyword) for keyword in LIMITS if keyword != "pattern"},
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "prefixItems": _prefix_items,
    "items": _items,
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _kinds(schema: Schema) -> list[str]:
    """The types that a schema allows; empty when it does not say, or says something odd."""
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else as_list(kind)
    if not all(isinstance(name, str) and name in _TYPES for name in kinds):
        return []
    return [*kinds, "null"] if kinds and schema.get("nullable") is True else kinds


def _wanted(schema: Any) -> str:
    """A schema as an error message names it."""
    kinds = _kinds(schema) if isinstance(schema, Mapping) else []
    names = ["None" if kind == "null" else SCHEMA_JSON_TYPE_MAP[kind].__name__ for kind in kinds]
    return " | ".join(names) or "another value"


def _never(value: Any) -> Any:
    raise Mismatch("is not allowed")
