"""Checks against schemas of other authors, judged by jsonschema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from axio.schema.field import Mismatch
from axio.schema.given import SchemaCompiler


def check(schema: Any, value: Any) -> Any:
    return SchemaCompiler(schema if isinstance(schema, dict) else {}).node(schema).lenient(value)


NESTED = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"price": {"type": "number"}, "kind": {"enum": ["a", "b"]}},
                "required": ["price"],
                "additionalProperties": False,
            },
        }
    },
}
A_NUMBER = {"type": "object", "properties": {"a": {"type": "integer"}}}
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value"],
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "string"}, 1, "requires str, got int"),
        ({"type": "integer"}, True, "requires int, got bool"),
        ({"type": "integer"}, 1.5, "requires int, got float"),
        ({"type": ["string", "null"]}, 1, "requires str | None, got int"),
        ({"type": "string", "nullable": True}, 1, "requires str | None, got int"),
        ({"type": "array"}, "x", "requires list, got str"),
        ({"enum": ["a", 1]}, "b", "must be one of 'a', 1, got 'b'"),
        ({"enum": [1]}, True, "must be one of 1, got True"),
        ({"enum": [[1], {"a": 0}]}, [True], "must be one of [1], {'a': 0}, got list"),
        ({"const": {"a": 0}}, {"a": False}, "must be one of {'a': 0}, got dict"),
        ({"const": "a"}, "b", "must be one of 'a', got 'b'"),
        ({"minimum": 1}, 0, "must be >= 1, got 0"),
        ({"maximum": 1}, 2, "must be <= 1, got 2"),
        ({"exclusiveMinimum": 1}, 1, "must be > 1, got 1"),
        ({"exclusiveMaximum": 1}, 1, "must be < 1, got 1"),
        ({"minLength": 2}, "a", "must have at least 2 characters, got 1"),
        ({"maxLength": 2}, "abc", "must have at most 2 characters, got 3"),
        ({"minItems": 1}, [], "must have at least 1 elements, got 0"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 elements, got 2"),
        ({"items": {"type": "integer"}}, [1, "a"], "element 1 requires int, got str (at it[1])"),
        ({"items": [{"type": "integer"}]}, ["a"], "element 0 requires int"),
        ({"prefixItems": [{}, {"type": "integer"}]}, [1, "a"], "element 1 requires int"),
        ({"prefixItems": [{}], "items": False}, [1, 2], "'it[1]' is not allowed"),
        (NESTED, {"items": [{"price": 1}, {}]}, "'it.items[1].price' is required but missing"),
        (NESTED, {"items": [{"price": "1"}]}, "'it.items[0].price' requires float, got str"),
        (NESTED, {"items": [{"price": 1, "x": 1}]}, "'it.items[0].x' is not allowed"),
        (NESTED, {"items": [{"price": 1, "kind": "c"}]}, "'it.items[0].kind' must be one of"),
        (NESTED, {"items": []}, "'it.items' must have at least 1 elements"),
        ({"additionalProperties": {"type": "integer"}}, {"a": "x"}, "'it.a' requires int"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, "requires str | None, got int"),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, 1, "requires str | another value"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1.5, "int | str, got float"),
        ({"anyOf": [{"enum": [1], "type": "integer"}, {"type": "null"}]}, 2, "must be one of 1"),
        ({"oneOf": [{"type": "integer", "minimum": 3}]}, 1, "must be >= 3, got 1"),
        (
            {"anyOf": [{"type": "object", "required": [k]} for k in ("a", "b")]},
            {},
            "requires dict, got dict: Field 'it.a' is required but missing; Field 'it.b' is",
        ),
        (
            {"anyOf": [{"anyOf": [A_NUMBER, A_NUMBER]}, A_NUMBER | {"required": ["b"]}]},
            {"a": {}},
            "requires dict, got dict: Field 'it.a' requires int, got dict;",
        ),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 1, "must be >= 3"),
        (TREE, {"value": 1, "children": [{"value": "x"}]}, "'it.children[0].value' requires int"),
        ({"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "string"}}}, 1, "requires str"),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}}, 1, "requires str"),
        (False, 1, "is not allowed"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(schema: Any, value: Any, message: str) -> None:
    with pytest.raises(Mismatch) as caught:
        check(schema, value)
    assert message in caught.value.message("it")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (True, object()),
        ({}, True),
        ({"type": "number"}, 1),
        ({"type": ["integer", "null"]}, None),
        ({"type": "string", "nullable": True}, None),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, True),
        ({"minimum": 1}, "not a number"),
        ({"required": ["a"]}, []),
        ({"properties": {"a": {"type": "string"}}}, {"b": 1}),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"xa": 1}),
        (TREE, {"value": 1, "children": [{"value": 2, "children": []}]}),
    ],
)
def test_what_fits_comes_back_as_it_is(schema: Any, value: Any) -> None:
    assert check(schema, value) is value


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        "string",
        {"type": 5},
        {"type": {"a": 1}},
        {"type": []},
        {"type": "file"},
        {"type": ["string", 5]},
        {"enum": "abc"},
        {"enum": []},
        {"minimum": "1"},
        {"minimum": True},
        {"exclusiveMinimum": True},
        {"minLength": None},
        {"items": 5},
        {"prefixItems": 5},
        {"properties": []},
        {"properties": {"a": None}},
        {"required": True},
        {"required": "a"},
        {"required": [5]},
        {"additionalProperties": None},
        {"anyOf": []},
        {"anyOf": {}},
        {"anyOf": [None]},
        {"allOf": None},
        {"$ref": 5},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"pattern": "("},
        {"if": {}, "then": False, "unknown": object()},
    ],
)
def test_odd_schemas_accept_everything(schema: Any) -> None:
    for value in ("x", 1, 1.5, True, None, [], [1], {}, {"a": 1}):
        assert check(schema, value) is value


def test_a_whole_float_for_an_integer_becomes_one_without_changing_what_came() -> None:
    schema = {"items": {"properties": {"n": {"type": "integer"}}}}
    came: list[dict[str, Any]] = [{"n": 1}, {"n": 2.0, "other": 3.0}]
    made = check(schema, came)
    assert json.dumps(made) == '[{"n": 1}, {"n": 2, "other": 3.0}]'
    assert came[1]["n"] == 2.0
    assert isinstance(came[1]["n"], float)
    assert made[0] is came[0]


def test_json_in_a_string_is_taken_where_only_an_object_or_array_is_wanted() -> None:
    assert check({"type": "array"}, "[1]") == [1]
    assert check({"anyOf": [{"type": "object"}, {"type": "null"}]}, "{}") == {}
    assert check({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}, "{}") == {}
    assert check({"properties": {"a": {"type": "object"}}}, {"a": "{}"}) == {"a": {}}
    assert check({"type": ["array", "string"]}, "[1]") == "[1]"
    assert check({}, "[1]") == "[1]"


# ── Generated schemas and values ───────────────────────────────────────────────────────────────

texts = st.sampled_from(["", "a", "b", "ab", "abc"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 2.0, -1.5]) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
kinds = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
limits = st.integers(-2, 3)
sizes = st.integers(0, 3)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branches = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": kinds | st.lists(kinds, min_size=1, max_size=3, unique=True),
            "enum": st.lists(json_values, min_size=1, max_size=3),
            "const": json_values,
            "minimum": limits,
            "exclusiveMaximum": limits,
            "minLength": sizes,
            "maxItems": sizes,
            "items": inner,
            "prefixItems": branches,
            "properties": st.dictionaries(texts, inner, max_size=3),
            "required": st.lists(texts, max_size=2, unique=True),
            "additionalProperties": inner,
            "anyOf": branches,
            "allOf": branches,
            "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y"]),
            "format": st.just("date"),
        },
    )


schemas: st.SearchStrategy[Any] = st.recursive(st.booleans() | st.just({}), _schemas, max_leaves=6)


@settings(max_examples=250, deadline=None)
@given(
    schema=schemas.filter(lambda s: isinstance(s, dict)),
    x=schemas.map(lambda s: _without(s, "$ref")),
    y=schemas.map(lambda s: _without(s, "$ref")),
    value=json_values,
)
def test_checks_agree_with_jsonschema(schema: Any, x: Any, y: Any, value: Any) -> None:
    schema = {**schema, "$defs": {"x": x, "y": y}}
    try:
        made = check(schema, value)
    except Mismatch as mismatch:
        assert mismatch.message("it").startswith("Field 'it")
        assert not Draft202012Validator(schema).is_valid(value)
    else:
        assert Draft202012Validator(schema).is_valid(value)
        assert made == value


def _without(schema: Any, keyword: str) -> Any:
    if isinstance(schema, dict):
        return {k: _without(v, keyword) for k, v in schema.items() if k != keyword}
    return [_without(item, keyword) for item in schema] if isinstance(schema, list) else schema


oddities = st.recursive(
    json_values | kinds,
    lambda inner: st.dictionaries(
        st.sampled_from(
            [
                *("type", "enum", "const", "minimum", "maxLength", "items", "prefixItems", "$defs"),
                *("properties", "required", "additionalProperties", "anyOf", "allOf", "$ref"),
            ]
        ),
        inner | st.lists(inner, max_size=2) | st.sampled_from(["#", "#/$defs", "#/items"]),
        max_size=4,
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(schema=oddities, value=json_values)
def test_no_schema_breaks_the_check(schema: Any, value: Any) -> None:
    try:
        check(schema, value)
    except Mismatch as mismatch:
        assert mismatch.message("it")
    except RecursionError:
        # A schema that applies itself to the same value; the validator of a tool reports it.
        assert "#" in json.dumps(schema)
