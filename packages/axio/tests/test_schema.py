# ruff: noqa: UP045 - both spellings of a union are meant
from __future__ import annotations

import datetime
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from axio.field import Field, FieldInfo, StrictStr
from axio.schema import (
    SCHEMA_JSON_TYPE_MAP,
    AutomaticSchema,
    arguments_schema,
    build_tool_schema,
    hint_from_json_schema,
    json_value,
    property_schema,
    value_schema,
)

T = TypeVar("T")
Number = TypeVar("Number", int, float)
UserId = NewType("UserId", int)


class Colour(Enum):
    red = "r"
    green = "g"


class Level(IntEnum):
    low = 1
    high = 2


class Mixed(Enum):
    one = 1
    two = "two"


class Opaque(Enum):
    a = object()
    b = (1, 2)


class Slug(str):
    pass


class Meters(float):
    pass


class Plain:
    pass


@dataclass
class Point:
    """A place on the map.

    Attributes:
        x: East.
    """

    x: int
    y: Annotated[int, Field("North.", ge=0)] = 0


@dataclass(slots=True)
class Slotted:
    a: int
    b: list[Point] = field(default_factory=list)
    made: InitVar[str] = "now"
    hidden: int = field(init=False, default=1)
    shared: ClassVar[int] = 2


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)


@dataclass
class Ping:
    pong: Pong | None = None


@dataclass
class Pong:
    ping: Ping | None = None


@dataclass
class Page(Generic[T]):
    items: list[T]
    following: Page[T] | None = None


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Movie(TypedDict, total=False):
    title: Required[str]
    year: int


class Song(TypedDict):
    title: str
    year: NotRequired[Annotated[int, Field("of its release")]]


INTEGER = {"type": "integer"}
STRING = {"type": "string"}
NULL = {"type": "null"}
POINT = {
    "type": "object",
    "description": "A place on the map.",
    "properties": {
        "x": {"type": "integer", "description": "East."},
        "y": {"type": "integer", "description": "North.", "minimum": 0, "default": 0},
    },
    "required": ["x"],
}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, STRING),
        (int, INTEGER),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (list, {}),
        (list[str], {"type": "array", "items": STRING}),
        (list[list[int]], {"type": "array", "items": {"type": "array", "items": INTEGER}}),
        (list[Any], {"type": "array", "items": {}}),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object"}),
        (dict[str, Any], {"type": "object"}),
        (dict[str, list[dict[str, int | None]]], {"type": "object"}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Optional[int], {"anyOf": [INTEGER, NULL]}),
        (int | None, {"anyOf": [INTEGER, NULL]}),
        (None | int | str, {"anyOf": [INTEGER, STRING, NULL]}),
        (int | str, {"anyOf": [INTEGER, STRING]}),
        (Annotated[int, Field("n", 3, ge=1, le=9)], {
            "type": "integer", "description": "n", "default": 3, "minimum": 1, "maximum": 9
        }),
        (Annotated[int, Field(default=None)], {"type": "integer", "default": None}),
        (Annotated[int, Field()], INTEGER),
        (Annotated[int, "no field"], INTEGER),
        (Annotated[int | None, Field("d")], {"anyOf": [INTEGER, NULL], "description": "d"}),
        (StrictStr, STRING),
        (Annotated[float, FieldInfo(strict=True)], {"type": "number"}),
        (Any, {}),
        (object, {}),
        (type(None), {}),
        (Plain, {}),
        (type[Plain], {}),
    ],
)  # fmt: skip
def test_known_types_have_the_agreed_schema(annotation: Any, schema: dict[str, Any]) -> None:
    assert property_schema(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Colour, {"type": "string", "enum": ["r", "g"]}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (Mixed, {"enum": [1, "two"]}),
        (Opaque, {"type": "string", "enum": ["a", "b"]}),
        (Literal[Colour.red, "x"], {"enum": ["r", "x"]}),
        (datetime.date, {"type": "string", "format": "date"}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (datetime.time, {"type": "string", "format": "time"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Path, STRING),
        (datetime.timedelta, {"type": "string", "format": "duration"}),
        (bytes, {"type": "string", "contentEncoding": "base64"}),
        (IPv4Address, {"type": "string", "format": "ipv4"}),
        (IPv6Network, STRING),
        (Slug, STRING),
        (Meters, {"type": "number"}),
        (deque, {"type": "array", "items": {}}),
        (tuple, {"type": "array", "items": {}}),
        (tuple[int, ...], {"type": "array", "items": INTEGER}),
        (tuple[int, str], {
            "type": "array",
            "prefixItems": [INTEGER, STRING],
            "items": {},
            "minItems": 2,
            "maxItems": 2,
        }),
        (set, {"type": "array", "items": {}, "uniqueItems": True}),
        (frozenset[int], {"type": "array", "items": INTEGER, "uniqueItems": True}),
        (dict[str, Literal[Colour.red]], {
            "type": "object", "additionalProperties": {"enum": ["r"]}
        }),
        (Sequence[int], {"type": "array", "items": INTEGER}),
        (Mapping[str, int], {"type": "object"}),
        (dict[str, Point], {"type": "object", "additionalProperties": POINT}),
        (dict[Colour, int], {
            "type": "object",
            "propertyNames": {"type": "string", "enum": ["r", "g"]},
            "additionalProperties": INTEGER,
        }),
        (UserId, INTEGER),
        (Number, {"anyOf": [INTEGER, {"type": "number"}]}),
        (T, {}),
        (Point, POINT),
        (list[Point], {"type": "array", "items": POINT}),
        (Pair, {
            "type": "object",
            "properties": {"left": INTEGER, "right": {"type": "string", "default": "r"}},
            "required": ["left"],
        }),
        (Movie, {
            "type": "object",
            "properties": {"title": STRING, "year": INTEGER},
            "required": ["title"],
        }),
        (Song, {
            "type": "object",
            "properties": {
                "title": STRING,
                "year": {"type": "integer", "description": "of its release"},
            },
            "required": ["title"],
        }),
        (Slotted, {
            "type": "object",
            "properties": {
                "a": INTEGER,
                "b": {"type": "array", "items": POINT},
                "made": {"type": "string", "default": "now"},
            },
            "required": ["a"],
        }),
    ],
)  # fmt: skip
def test_structured_types_have_a_full_schema(annotation: Any, schema: dict[str, Any]) -> None:
    assert property_schema(annotation) == schema
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (dict, {"type": "object"}),
        (dict[str, Any], {"type": "object"}),
        (dict[Any, object], {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": INTEGER}),
        (dict[int, str], {"type": "object", "additionalProperties": STRING}),
        (dict[Colour, Any], {
            "type": "object",
            "propertyNames": {"type": "string", "enum": ["r", "g"]},
            "additionalProperties": {},
        }),
        (list[dict[str, Annotated[int, Field(ge=0)]]], {
            "type": "array",
            "items": {
                "type": "object", "additionalProperties": {"type": "integer", "minimum": 0}
            },
        }),
        (None, NULL),
        (list, {}),
    ],
)  # fmt: skip
def test_a_tool_is_told_what_dicts_hold(annotation: Any, schema: dict[str, Any]) -> None:
    async def handler(it: Any) -> None: ...

    handler.__annotations__["it"] = annotation
    assert value_schema(annotation) == schema
    assert arguments_schema(handler)["properties"]["it"] == schema


def test_a_decimal_is_a_number_or_a_text_of_one() -> None:
    validator = Draft202012Validator(property_schema(Decimal))
    assert all(map(validator.is_valid, [1, 1.5, "1", "-1.50", "1e3"]))
    assert not any(map(validator.is_valid, ["", "one", "1,5", True, None]))


def test_a_recursive_type_is_an_object_at_the_top_that_refers_to_its_definition() -> None:
    tree = {
        "type": "object",
        "properties": {
            "value": INTEGER,
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
        },
        "required": ["value"],
    }
    assert property_schema(Tree) == {**tree, "$defs": {"Tree": tree}}
    described = property_schema(Annotated[Tree, Field("an oak")])
    assert described == {**tree, "description": "an oak", "$defs": {"Tree": tree}}
    Draft202012Validator.check_schema(described)


def test_types_that_hold_each_other_end_in_one_definition() -> None:
    schema = property_schema(list[Ping])
    assert list(schema["$defs"]) == ["Ping"]
    validator = Draft202012Validator(schema)
    assert validator.is_valid([{"pong": {"ping": {"pong": None}}}])
    assert not validator.is_valid([{"pong": {"ping": {"pong": 1}}}])


def test_generic_records_are_described_for_their_arguments() -> None:
    schema = property_schema(dict[str, Page[int] | Page[str]])
    assert len(schema["$defs"]) == 2
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"a": {"items": [1], "following": {"items": [2]}}})
    assert validator.is_valid({"a": {"items": ["x"], "following": {"items": ["y"]}}})
    assert not validator.is_valid({"a": {"items": [1], "following": {"items": ["y"]}}})


def test_two_types_of_one_name_get_two_definitions() -> None:
    def make(inner: type) -> Any:
        @dataclass
        class Node:
            value: inner  # type: ignore[valid-type]
            child: Any = None

        Node.__annotations__.update(value=inner, child=Node | None)
        return Node

    schema = property_schema(tuple[make(int), make(str)])  # type: ignore[misc]
    assert len(schema["$defs"]) == 2
    assert Draft202012Validator(schema).is_valid([{"value": 1}, {"value": "x"}])
    assert not Draft202012Validator(schema).is_valid([{"value": 1}, {"value": 1}])


def test_definitions_stand_at_the_root_of_a_tool_schema() -> None:
    async def plant(tree: Tree, other: Tree | None = None) -> None: ...

    schema = build_tool_schema(plant)
    assert list(schema["$defs"]) == ["Tree"]
    assert schema["properties"]["tree"] == {"$ref": "#/$defs/Tree"}
    assert "$defs" not in json.dumps(schema["properties"])[:-1].replace("#/$defs", "")


def test_a_record_whose_annotations_cannot_be_resolved_says_so() -> None:
    @dataclass
    class Broken:
        other: Unknown  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match=r"Broken.*Unknown.*module level"):
        property_schema(Broken)


def test_a_local_class_may_name_itself() -> None:
    @dataclass
    class Link:
        following: Link | None = None

    assert "Link" in property_schema(Link)["$defs"]


def test_an_annotation_that_is_no_type_accepts_anything() -> None:
    assert property_schema([int]) == {}
    assert property_schema(5) == {}


async def search(
    query: str,
    limit: int = 10,
    exact: bool | None = None,
    tags: list[str] | None = None,
    *,
    mode: Literal["fast", "full"],
) -> str:
    """Search."""
    return query


def test_a_tool_schema_lists_parameters_defaults_and_what_is_required() -> None:
    assert build_tool_schema(search) == {
        "type": "object",
        "properties": {
            "query": STRING,
            "limit": {"type": "integer", "default": 10},
            "exact": {"anyOf": [{"type": "boolean"}, NULL], "default": None},
            "tags": {"anyOf": [{"type": "array", "items": STRING}, NULL], "default": None},
            "mode": {"enum": ["fast", "full"]},
        },
        "required": ["query", "mode"],
    }


def test_without_parameters_there_is_no_required() -> None:
    async def nothing() -> None: ...

    assert build_tool_schema(nothing) == {"type": "object", "properties": {}}


def test_optional_without_default_is_required() -> None:
    async def handler(x: int | None) -> None: ...

    assert build_tool_schema(handler)["required"] == ["x"]


def test_private_names_return_and_variable_arguments_are_skipped() -> None:
    async def handler(a: int, *args: int, _hidden: int = 1, **kwargs: int) -> str:
        return ""

    assert build_tool_schema(handler) == {
        "type": "object",
        "properties": {"a": INTEGER},
        "required": ["a"],
    }


def test_parameters_without_annotation_accept_anything() -> None:
    async def handler(a, b: int, c=3):  # type: ignore[no-untyped-def]
        ...

    assert build_tool_schema(handler) == {
        "type": "object",
        "properties": {"a": {}, "b": INTEGER, "c": {"default": 3}},
        "required": ["a", "b"],
    }


def test_a_default_in_field_makes_a_parameter_optional_and_wins() -> None:
    async def handler(
        a: Annotated[int, Field(default=1)], b: Annotated[int, Field(default=2)] = 3
    ) -> None: ...

    assert build_tool_schema(handler) == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "default": 1},
            "b": {"type": "integer", "default": 2},
        },
    }


def test_field_may_stand_where_the_default_stands() -> None:
    async def handler(
        a: int = Field("first", ge=1),  # type: ignore[assignment]
        b: int = Field(default=2),  # type: ignore[assignment]
    ) -> None: ...

    assert build_tool_schema(handler) == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "first", "minimum": 1},
            "b": {"type": "integer", "default": 2},
        },
        "required": ["a"],
    }


def test_defaults_appear_as_json_has_them_and_only_if_it_has() -> None:
    async def handler(
        colour: Colour = Colour.red,
        day: datetime.date = datetime.date(2026, 1, 31),
        place: Point = Point(1, 2),  # noqa: B008
        path: Path = Path("x"),
        pair: tuple[int, str] = (1, "a"),
        far: float = float("inf"),
        thing: Any = object(),  # noqa: B008
    ) -> None: ...

    schema = build_tool_schema(handler)
    defaults = {n: p.get("default", "none") for n, p in schema["properties"].items()}
    assert defaults == {
        "colour": "r",
        "day": "2026-01-31",
        "place": {"x": 1, "y": 2},
        "path": "x",
        "pair": [1, "a"],
        "far": "none",
        "thing": "none",
    }
    assert "required" not in schema
    json.dumps(schema, allow_nan=False)


def test_hints_override_the_annotations() -> None:
    async def handler(a: str, b: str = "x") -> None: ...

    assert build_tool_schema(handler, {"a": int}) == {
        "type": "object",
        "properties": {"a": INTEGER},
        "required": ["a"],
    }
    assert build_tool_schema(handler, {"z": int, "return": str, "_p": int}) == {
        "type": "object",
        "properties": {"z": INTEGER},
        "required": ["z"],
    }


def test_a_class_is_described_by_its_attributes() -> None:
    class Handler:
        path: str
        limit: int = 10
        shared: ClassVar[int] = 0
        _private: int

    schema = build_tool_schema(Handler, {"path": str, "limit": int, "shared": ClassVar[int]})
    assert schema["required"] == ["path"]
    assert list(schema["properties"]) == ["path", "limit"]
    assert build_tool_schema(Slotted)["required"] == ["a"]


def test_a_bound_method_is_described_without_self() -> None:
    class Service:
        async def call(self, x: int) -> None: ...

    assert build_tool_schema(Service().call)["properties"] == {"x": INTEGER}


def test_docstrings_describe_parameters_unless_field_does() -> None:
    async def handler(a: int, b: Annotated[int, Field("from field")], point: Point) -> None:
        """Do.

        Args:
            a: From the docstring.
            b: From the docstring.
            point: Where to go.
            c: No parameter.
        """

    properties = build_tool_schema(handler)["properties"]
    assert properties == {
        "a": {"type": "integer", "description": "From the docstring."},
        "b": {"type": "integer", "description": "from field"},
        "point": {**POINT, "description": "Where to go."},
    }


def test_no_schema_has_a_title() -> None:
    assert "title" not in property_schema(Point)
    assert "title" in property_schema(Movie)["properties"]


class Mode(StrEnum):
    fast = "fast"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Mode.fast, "fast"),
        (Opaque.b, "b"),
        (Pair(1), {"left": 1, "right": "r"}),
        ({"a": (1, {2})}, {"a": [1, [2]]}),
        ({"c", "a", "b"}, ["a", "b", "c"]),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_json_value_gives_what_json_would_carry(value: Any, expected: Any) -> None:
    made = json_value(value)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    "value", [object(), float("nan"), {(1,): 2}, {1: 2, "1": 3}, 1j, [object()], Point]
)
def test_json_value_refuses_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(TypeError, match="JSON"):
        json_value(value)


@pytest.mark.parametrize(
    ("prop", "hint"),
    [
        *(({"type": name}, hint) for name, hint in SCHEMA_JSON_TYPE_MAP.items()),
        ({"type": "null"}, object),
        ({"type": "unknown"}, object),
        ({}, object),
        ({"type": ["string", "null"]}, Optional[str]),
        ({"type": ["string"]}, str),
        ({"type": ["string", "integer"]}, object),
        ({"type": []}, object),
        ({"type": [{"odd": 1}]}, object),
        ({"type": {"odd": 1}}, object),
        ({"anyOf": [{"type": "integer"}]}, int),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, Optional[int]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}, object),
        ({"anyOf": "odd"}, object),
        ({"$ref": "#/x"}, object),
        (True, object),
        (None, object),
    ],
)
def test_hints_come_from_the_type_of_a_property(prop: Any, hint: Any) -> None:
    assert hint_from_json_schema(prop) == hint


def test_a_copy_of_an_automatic_schema_is_one() -> None:
    schema = AutomaticSchema({"type": "object"}, print)
    assert isinstance(schema.copy(), AutomaticSchema)
    assert schema.copy().is_of(print)
    assert schema.copy() == {"type": "object"}
