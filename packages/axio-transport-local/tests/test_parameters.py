"""Schemas as lists of values, and what they allow."""

from __future__ import annotations

from typing import Any

import pytest

from axio_transport_local.limits import allows
from axio_transport_local.parameters import nest, parameters, value_at

ANY: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("prop", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "integer"}, "integer"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"enum": ["a", "b"]}, "choice"),
        ({"const": "a"}, "choice"),
        ({"type": "array", "items": {"type": "string"}}, "list"),
        ({"type": "array", "items": {"type": "integer"}}, "list"),
        ({"type": "array", "items": {"type": "object"}}, "unknown"),
        ({"type": "object"}, "unknown"),
        ({"type": "null"}, "unknown"),
        ({"type": ["integer", "null"]}, "integer"),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "number"),
        ({"oneOf": [{"enum": ["x"]}, {"type": "null"}]}, "choice"),
        ({"$ref": "#/$defs/Size"}, "choice"),
        ({"$ref": "#/$defs/Lost"}, "text"),
        (ANY, "text"),
        (True, "text"),
    ],
)
def test_the_kind_of_a_parameter(prop: Any, kind: str) -> None:
    schema = {"properties": {"x": prop}, "$defs": {"Size": {"enum": ["S", "M"]}}}
    assert [parameter.kind for parameter in parameters(schema)] == [kind]


def test_objects_are_taken_apart_and_put_together_again() -> None:
    address = {
        "type": "object",
        "properties": {"street": {"type": "string"}, "zip": {"type": "string"}},
        "required": ["street"],
    }
    found = parameters(
        {"properties": {"to": address, "n": {"type": "integer"}}, "required": ["to"]}
    )
    assert [(p.name, p.required) for p in found] == [
        ("to.street", True),
        ("to.zip", False),
        ("n", False),
    ]
    values = {("to", "street"): "Elm", ("n",): 2}
    assert nest(values) == {"to": {"street": "Elm"}, "n": 2}
    assert value_at(nest(values), ("to", "street")) == "Elm"
    assert value_at(nest(values), ("to", "zip")) is None


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    schema = {"type": "object", "properties": {"inner": {"$ref": "#"}}}
    assert [parameter.kind for parameter in parameters(schema)] == ["unknown"]


def test_a_required_name_without_a_schema_is_a_parameter() -> None:
    assert [(p.name, p.required) for p in parameters({"required": ["q"]})] == [("q", True)]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"pattern": r"^\d{5}$"}, "12345", "123"),
        ({"pattern": "("}, None, "anything"),
        ({"minLength": 2, "maxLength": 3}, "abc", "abcd"),
        ({"format": "email"}, "a@b.c", "Ann"),
        ({"format": "date"}, "2027-01-09", "tomorrow"),
        ({"format": "unheard-of"}, "x", None),
        ({"minimum": 1, "maximum": 9}, 9, 10),
        ({"exclusiveMinimum": 0}, 0.1, 0),
        ({"multipleOf": 5}, 15, 16),
        ({"multipleOf": 0.1}, 0.3, 0.35),
        ({"minItems": 2, "uniqueItems": True}, ["a", "b"], ["a", "a"]),
        ({"not": {"type": "string"}}, None, "x"),
        ({"minimum": 5}, True, None),
    ],
)
def test_what_a_schema_allows(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert good is None or allows(schema, good)
    assert bad is None or not allows(schema, bad)
