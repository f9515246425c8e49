"""The arguments that a handler receives: conversion against the schema that the model was shown."""

from __future__ import annotations

import datetime
import json
import re
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, field, make_dataclass
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, LiteralString, NamedTuple, NotRequired, TypedDict, Union
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from axio.field import Field, FieldInfo
from axio.schema import converter, json_value, property_schema, value_schema


class Colour(Enum):
    red = "r"
    green = "g"


class Level(IntEnum):
    low = 1
    high = 2


class Access(IntFlag):
    read = 1
    write = 2


class Slug(str):
    """A text that is safe in an address."""


class Meters(float):
    pass


class Loose(StrEnum):
    yes = "yes"

    @classmethod
    def _missing_(cls, value: object) -> Loose | None:
        return cls.yes if str(value).lower() == "yes" else None


class Opaque(Enum):
    pair = (1, 2)


@dataclass(frozen=True)
class Point:
    x: int
    y: Annotated[int, Field(ge=0)] = 0


@dataclass
class Line:
    start: Point
    name: str = "line"
    stops: list[Point] = field(default_factory=list)


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)
    best: Tree | None = None


@dataclass
class Even:
    value: int

    def __post_init__(self) -> None:
        if self.value % 2:
            raise ValueError(f"{self.value} is odd")


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Movie(TypedDict):
    title: str
    day: NotRequired[datetime.date]


@dataclass
class Cat:
    kind: Literal["cat"]
    lives: int = 9


@dataclass
class Dog:
    kind: Literal["dog", "wolf"]
    name: str = "Rex"


Pet = Cat | Dog


# Null for a member with another default is forgiven, so these have none.
@dataclass
class Branch:
    value: int
    next: Branch | None = None


@dataclass
class Ball:
    kind: Literal["ball"]
    size: int | None = None


@dataclass
class Thing:
    kind: Literal["bone", "car"]
    name: str | None = None


Toy = Ball | Thing


@dataclass
class Stated:
    a: Annotated[int, Field(default=5)]


class StatedDict(TypedDict):
    a: Annotated[int, Field(default=5)]


MIDNIGHT = datetime.datetime(2026, 1, 31)


@pytest.mark.parametrize(
    ("annotation", "given_", "received"),
    [
        (int, 3.0, 3),
        (float, 3, 3),
        (Annotated[float, FieldInfo(strict=True)], 3.0, 3.0),
        (int | float, 3.0, 3.0),
        (float | int, 3, 3),
        (Colour, "g", Colour.green),
        (Level, 2, Level.high),
        (Level, 2.0, Level.high),
        (Access, 3, Access.read | Access.write),
        (Loose, "YES", Loose.yes),
        (Opaque, "pair", Opaque.pair),
        (Literal["a", 1], 1.0, 1),
        (Literal[Colour.red, "x"], "r", Colour.red),
        (datetime.date, "2026-01-31", datetime.date(2026, 1, 31)),
        (datetime.datetime, "2026-01-31T00:00:00", MIDNIGHT),
        (datetime.datetime, "2026-01-31T00:00:00Z", MIDNIGHT.replace(tzinfo=datetime.UTC)),
        (datetime.time, "09:30", datetime.time(9, 30)),
        (UUID, str(UUID(int=7)), UUID(int=7)),
        (Path, "a/b", Path("a/b")),
        (PurePosixPath, "a/b", PurePosixPath("a/b")),
        (Decimal, "1.50", Decimal("1.50")),
        (Decimal, 0.1, Decimal("0.1")),
        (Decimal, 3, Decimal(3)),
        (Annotated[Decimal, Field(ge=0)], "0", Decimal(0)),
        (datetime.timedelta, "PT1H30M", datetime.timedelta(hours=1, minutes=30)),
        (datetime.timedelta, "-P1DT0,5S", -datetime.timedelta(days=1, seconds=0.5)),
        (datetime.timedelta, "P2W", datetime.timedelta(weeks=2)),
        (bytes, "aGVsbG8=", b"hello"),
        (bytes, "", b""),
        (bytearray, "aGVsbG8=", bytearray(b"hello")),
        (Annotated[bytes, Field("a picture")], "aGVsbG8=", b"hello"),
        (IPv4Address, "192.0.2.5", IPv4Address("192.0.2.5")),
        (IPv4Address | IPv6Address, "2001:db8::5", IPv6Address("2001:db8::5")),
        (IPv4Network, "192.0.2.0/24", IPv4Network("192.0.2.0/24")),
        (IPv4Interface, "192.0.2.5/24", IPv4Interface("192.0.2.5/24")),
        (Slug, "a-b", Slug("a-b")),
        (Meters, 3, Meters(3)),
        (LiteralString, "x", "x"),
        (deque[int], [1, 2.0], deque([1, 2])),
        (None, None, None),
        (list[None], [None], [None]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, Colour], [1, "r"], (1, Colour.red)),
        (tuple, [1], (1,)),
        (set[Colour], ["r", "r"], {Colour.red}),
        (frozenset[int], [1], frozenset({1})),
        (AbstractSet[int], [1], frozenset({1})),
        (Sequence[int], [1], [1]),
        (Iterable[Point], [{"x": 1}], [Point(1)]),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (dict[str, Point], {"a": {"x": 1}}, {"a": Point(1)}),
        (dict[Colour, int], {"r": 1}, {Colour.red: 1}),
        (dict[str, int], {"a": 2.0}, {"a": 2}),
        (dict[str, Any], {"a": "any"}, None),
        (dict[int, str], {"1": "x", "-2": "y"}, {1: "x", -2: "y"}),
        (dict[bool, int], {"true": 1}, {True: 1}),
        (dict[float | None, int], {"1.5": 1, "null": 2}, {1.5: 1, None: 2}),
        (dict[int | str, int], {"1": 1}, {"1": 1}),
        (dict[datetime.date, int], {"2026-01-31": 1}, {datetime.date(2026, 1, 31): 1}),
        (dict[Level, int], {"2": 1}, {Level.high: 1}),
        (dict[Any, int], {"1": 1}, {"1": 1}),
        (list, [1, "a"], None),
        (list[Any], [1, "a"], None),
        (Point, {"x": 1, "y": 2, "stray": 3}, Point(1, 2)),
        (Point, {"x": 1, "y": None}, Point(1)),
        (Line, {"start": {"x": 1}, "stops": [{"x": 2}]}, Line(Point(1), stops=[Point(2)])),
        (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(1, [Tree(2)])),
        (Tree, {"value": 1, "best": {"value": 2}}, Tree(1, best=Tree(2))),
        (Pair, {"left": 1}, Pair(1)),
        (
            Movie,
            {"title": "M", "day": "2026-01-31", "extra": 1},
            {"title": "M", "day": datetime.date(2026, 1, 31), "extra": 1},
        ),
        (Stated, {}, Stated(5)),
        (Stated, {"a": 1}, Stated(1)),
        (StatedDict, {}, {"a": 5}),
        (Pet, {"kind": "cat", "lives": 3}, Cat("cat", 3)),
        (Pet, {"kind": "wolf"}, Dog("wolf")),
        (Point | None, None, None),
        (datetime.date | str, "2026-01-31", datetime.date(2026, 1, 31)),
        (datetime.date | str, "soon", "soon"),
        (list[Pet] | str, "cats", "cats"),
    ],
)
def test_the_handler_receives_what_the_annotation_says(
    annotation: Any, given_: Any, received: Any
) -> None:
    made = converter(annotation)(given_)
    expected = given_ if received is None and given_ is not None else received
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Point, Point(1)),
        (list[Point], [Point(1)]),
        (Colour, Colour.red),
        (Literal[Colour.red], Colour.red),
        (datetime.date, datetime.date(2026, 1, 31)),
        (datetime.timedelta, datetime.timedelta(1)),
        (bytes, b"x"),
        (Slug, Slug("x")),
        (deque[int], deque([1])),
        (datetime.date, MIDNIGHT),
        (Path, Path("x")),
        (UUID, UUID(int=1)),
        (Decimal, Decimal(1)),
        (tuple[int, ...], (1, 2)),
        (set[int], {1}),
        (Access, Access.read | Access.write),
        (Mapping[str, int], {"a": 1}),
        (Path, Path("x")),
    ],
)
def test_a_value_that_is_already_right_passes(annotation: Any, value: Any) -> None:
    assert converter(annotation)(value) == value


@pytest.mark.parametrize(
    ("annotation", "text", "received"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (list, "[1]", [1]),
        (dict, '{"a": 1}', {"a": 1}),
        (Point, '{"x": 1}', Point(1)),
        (Line, '{"start": "{\\"x\\": 1}"}', Line(Point(1))),
        (Point | None, '{"x": 1}', Point(1)),
        (Pet, '{"kind": "cat"}', Cat("cat")),
        (Tree, {"value": 1, "best": '{"value": 2}', "children": "[]"}, Tree(1, best=Tree(2))),
        (list[Point], ['{"x": 1}'], [Point(1)]),
        (tuple[Point, int], ['{"x": 1}', 2], (Point(1), 2)),
        (dict[str, Point], {"a": '{"x": 1}'}, {"a": Point(1)}),
    ],
)
def test_an_object_or_array_may_arrive_as_a_json_string(
    annotation: Any, text: Any, received: Any
) -> None:
    assert converter(annotation)(text) == received


@pytest.mark.parametrize(
    ("annotation", "text"),
    [(str, "[1]"), (str | list[int], "[1]"), (list[int] | str, "[1]"), (Any, "[1]")],
)
def test_a_string_stays_a_string_where_one_is_allowed(annotation: Any, text: str) -> None:
    assert converter(annotation)(text) == text


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "1", "Field 'it' requires int, got str"),
        (int, 1.5, "Field 'it' requires int, got float"),
        (int, True, "Field 'it' requires int, got bool"),
        (Annotated[float, FieldInfo(strict=True)], 1, "requires float, got int"),
        (list[int], "not json", "Field 'it' requires list, got str"),
        (list[int], '{"a": 1}', "Field 'it' requires list, got str"),
        (list[int], "[" * 100_000, "Field 'it' requires list, got str"),
        (list[int], [1, "a"], "Field 'it' element 1 requires int, got str (at it[1])"),
        (list[list[int]], [[1], ["a"]], "Field 'it[1]' element 0 requires int, got str"),
        (tuple[int, str], [1], "Field 'it' requires 2 elements, got 1"),
        (tuple[int, str], [1, "a", 2], "Field 'it' requires 2 elements, got 3"),
        (tuple[int, str], [1, 2], "Field 'it' element 1 requires str, got int (at it[1])"),
        (tuple[int, str], "x", "Field 'it' requires tuple, got str"),
        (set[Any], [[]], "Field 'it' cannot be made a set: "),
        (Point, {}, "Field 'it.x' is required but missing"),
        (Point, {"x": "1"}, "Field 'it.x' requires int, got str"),
        (Point, {"x": 1, "y": -1}, "Field 'it.y' must be >= 0, got -1"),
        (Point, [], "Field 'it' requires object (Point), got list"),
        (Line, {"start": {"x": 1}, "stops": [{"x": 1}, {"x": 1.5}]}, "Field 'it.stops[1].x' req"),
        (dict[str, Point], {"a b": {}}, "Field 'it['a b'].x' is required but missing"),
        (dict[str, int], {"b": "1"}, "Field 'it.b' requires int, got str"),
        (dict[str, Annotated[int, Field(ge=0)]], {"b": -1}, "Field 'it.b' must be >= 0, got -1"),
        (dict[str, list[int | None]], {"b": [1, "x"]}, "Field 'it.b' element 1 requires int, got"),
        (dict[int, str], {"one": "x"}, "Field 'it.one' requires int, got str"),
        (dict[int, str], {(1, 2): "x"}, "Field 'it[(1, 2)]' requires int, got tuple"),
        (dict[int, str], {"1.5": "x"}, "Field 'it['1.5']' requires int, got str"),
        (dict[Colour, int], {"b": 1}, "Field 'it.b' must be one of 'r', 'g', got 'b'"),
        (Even, {"value": 3}, "Field 'it' is not a valid Even: 3 is odd"),
        (Movie, {"title": "M", "day": "x"}, "Field 'it.day' requires date like '2026-01-31', got"),
        (Movie, {"title": None}, "Field 'it.title' requires str, got NoneType"),
        (Colour, "blue", "Field 'it' must be one of 'r', 'g', got 'blue'"),
        (Level, True, "Field 'it' must be one of 1, 2, got True"),
        (Colour, [], "Field 'it' must be one of 'r', 'g', got list"),
        (UUID, "x", "Field 'it' requires UUID like"),
        (Decimal, "1e99999999999999999999", "Field 'it' requires Decimal like '12.50'"),
        (Decimal, "NaN", "Field 'it' requires Decimal"),
        (Decimal, float("inf"), "Field 'it' requires Decimal"),
        (Decimal, True, "Field 'it' requires Decimal"),
        (Annotated[Decimal, Field(le=1)], "1.01", "Field 'it' must be <= 1, got 1.01"),
        (Path, 3, "Field 'it' requires"),
        (datetime.timedelta, "P1Y", "Field 'it' requires timedelta like 'P1DT2H30M', got 'P1Y'"),
        (datetime.timedelta, "P", "requires timedelta like"),
        (datetime.timedelta, "P1DT", "requires timedelta like"),
        (datetime.timedelta, "P٣D", "requires timedelta like"),
        (datetime.timedelta, "P99999999999D", "requires timedelta like"),
        (datetime.timedelta, 90, "requires timedelta like 'P1DT2H30M', got 90"),
        (bytes, "aGVsbG8", "Field 'it' requires bytes like 'aGVsbG8=', got 'aGVsbG8'"),
        (bytes, "a b", "requires bytes like"),
        (bytes, "é===", "requires bytes like"),
        (IPv4Address, "300.1.1.1", "requires IPv4Address like '192.0.2.5', got '300.1.1.1'"),
        (IPv4Address, 5, "requires IPv4Address like"),
        (Slug, 5, "Field 'it' requires str, got int"),
        (None, 0, "Field 'it' must be one of None, got 0"),
        (Pet, {"kind": "bird"}, "Field 'it.kind' must be one of 'cat', 'dog', 'wolf', got 'bird'"),
        (Pet, {"kind": "cat", "lives": "x"}, "Field 'it.lives' requires int, got str"),
        (Pet, {}, "Field 'it' requires Cat | Dog, got dict: "),
        (Pet, 1, "Field 'it' requires Cat | Dog, got int"),
        (Pet | str, {"kind": "bird"}, "Field 'it.kind' must be one of 'cat', 'dog', 'wolf', got"),
        (Pet | Point, {"kind": "bird"}, "Field 'it' requires Cat | Dog | Point, got dict: "),
        (Pet | Point, {"kind": "bird"}, "'bird'; Field 'it.x' is required but missing"),
        (Point | str | None, {}, "Field 'it.x' is required but missing"),
        (Annotated[int, Field(ge=1)] | None, 0, "Field 'it' must be >= 1, got 0"),
        (str, "x" * 1000, None),
        (Literal["a"], "x" * 1000, "got '" + "x" * 57 + "...'"),
    ],
)
def test_an_error_names_the_place_what_came_and_what_is_wanted(
    annotation: Any, value: Any, message: str | None
) -> None:
    convert = converter(annotation, "it")
    if message is None:
        assert convert(value) == value
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        convert(value)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int | str, 1.5, "requires int | str, got float"),
        (int | str | None, True, "requires int | str, got bool"),
        (
            list[int] | str,
            [1, "x"],
            "requires list | str, got list: Field 'it' element 1 requires int, got str (at it[1])",
        ),
        (
            list[Point] | str,
            [{}],
            "requires list | str, got list: Field 'it[0].x' is required but missing",
        ),
        (
            Annotated[int, Field(ge=1)] | str,
            0,
            "requires int | str, got int: Field 'it' must be >= 1, got 0",
        ),
        (
            Literal["auto"] | int,
            "x",
            "requires Literal['auto'] | int, got str: Field 'it' must be one of 'auto', got 'x'",
        ),
    ],
)
def test_an_error_hides_no_type_that_would_be_accepted(
    annotation: Any, value: Any, message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        converter(annotation, "it")(value)
    assert str(caught.value) == f"Field 'it' {message}"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` needs Python 3.12")
def test_an_alias_stands_for_its_value_also_within_itself() -> None:
    names: dict[str, Any] = {"Point": Point}
    exec(
        "type Shape = Point | list[Shape] | dict[str, Shape]\n"
        "type Many[T] = list[T]\n"
        "type Numbers = Many[int]",
        names,
    )
    shape = names["Shape"]
    assert converter(shape)([{"x": 1}, [{"x": 2}], {"a": {"x": 3}}]) == [
        Point(1),
        [Point(2)],
        {"a": Point(3)},
    ]
    schema = property_schema(shape)
    assert schema["$defs"]["Shape"] == {"anyOf": schema["anyOf"]}
    assert {"type": "array", "items": {"$ref": "#/$defs/Shape"}} in schema["anyOf"]
    assert converter(names["Numbers"])([1.0]) == [1]
    with pytest.raises(ValueError, match="element 0 requires int, got str"):
        converter(names["Many"][int])(["a"])
    assert property_schema(names["Numbers"]) == {"type": "array", "items": {"type": "integer"}}


def test_nesting_without_end_is_an_error_of_the_value() -> None:
    value: dict[str, Any] = {"value": 0}
    for _ in range(5000):
        value = {"value": 0, "best": value}
    with pytest.raises(ValueError, match="nested too deeply"):
        converter(Tree)(value)


# ── Generated types and values, judged by jsonschema ───────────────────────────────────────────

FORMATS = FormatChecker(formats=())


def _is_date(text: object) -> bool:
    return not isinstance(text, str) or bool(datetime.date.fromisoformat(text))


def _is_uuid(text: object) -> bool:
    return not isinstance(text, str) or bool(UUID(text).hex)


FORMATS.checks("date", raises=ValueError)(_is_date)
FORMATS.checks("uuid", raises=ValueError)(_is_uuid)


# A string that looks like a container is taken for one where one is wanted, on purpose.
texts = st.text(max_size=5).filter(lambda text: text.lstrip()[:1] not in ("[", "{"))
numbers = st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from([1e300, 2.0, -0.0])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.sampled_from(["r", "2026-01-31", "1.5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)

# Each annotation comes with a strategy for JSON values that should fit it.
Typed = tuple[Any, st.SearchStrategy[Any]]
LEAVES: list[Typed] = [
    (int, st.integers(-5, 5) | st.just(2.0)),
    (float, numbers),
    (str, texts),
    (bool, st.booleans()),
    (Any, json_values),
    (Colour, st.sampled_from(["r", "g"])),
    (Level, st.sampled_from([1, 2, 2.0])),
    (Literal["a", 1, True, None], st.sampled_from(["a", 1, True, None])),
    (Annotated[int, Field("n", ge=-1, le=3)], st.integers(-1, 3)),
    (Annotated[float, Field(ge=0)] | None, st.none() | st.floats(0, 5)),
    (datetime.date, st.dates().map(str)),
    (UUID, st.uuids().map(str)),
    (Decimal, st.integers(-9, 9) | st.sampled_from(["1.5", "-3", 0.25])),
    (Branch, st.just({"value": 1, "next": {"value": 2, "next": None}})),
    (Toy, st.sampled_from([{"kind": "ball"}, {"kind": "bone", "name": "x"}, {"kind": "car"}])),
]


def _of(generic: Any, *arguments: Any) -> Any:
    return generic[arguments]


def _either(*branches: Any) -> Any:
    return _of(Union, *branches)


def _set(item: Typed) -> Typed:
    # Uniqueness is asked of the model, but a repetition is forgiven.
    return _of(set, item[0]), st.lists(item[1], max_size=3, unique_by=repr)


def _list(item: Typed) -> Typed:
    return _of(list, item[0]), st.lists(item[1], max_size=3)


def _long_tuple(item: Typed) -> Typed:
    return _of(tuple, item[0], ...), st.lists(item[1], max_size=3)


def _pair(items: tuple[Typed, Typed]) -> Typed:
    (first, firsts), (second, seconds) = items
    return _of(tuple, first, second), st.tuples(firsts, seconds).map(list)


def _optional(item: Typed) -> Typed:
    return _either(item[0], None), item[1] | st.none()


def _union(items: tuple[Typed, Typed]) -> Typed:
    (first, firsts), (second, seconds) = items
    return _either(first, second), firsts | seconds


def _dict(item: Typed) -> Typed:
    return _of(dict, str, item[0]), st.dictionaries(st.sampled_from(["a", "b"]), item[1])


def _record(members: list[Typed]) -> Typed:
    """A dataclass whose last member may be left out."""
    *required, optional = zip(["a", "b", "c"], members, strict=False)
    specs: list[Any] = [(name, hint) for name, (hint, _) in required]
    name, (hint, values) = optional
    return (
        make_dataclass("Made", [*specs, (name, _either(hint, None), None)]),
        st.fixed_dictionaries(
            {name: values for name, (_, values) in required}, optional={name: values}
        ),
    )


def _wrapped(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    two = st.tuples(inner, inner)
    return st.one_of(
        *(inner.map(wrap) for wrap in (_list, _long_tuple, _optional, _dict)),
        *(two.map(wrap) for wrap in (_pair, _union)),
        st.lists(inner, min_size=1, max_size=3).map(_record),
        st.sampled_from(LEAVES[:3] + LEAVES[5:7]).map(_set),
    )


@st.composite
def _spoilt(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    """A fitting value in which one part, at any depth, is something else."""

    def spoil(value: Any) -> Any:
        if isinstance(value, list) and value and draw(st.booleans()):
            at = draw(st.integers(0, len(value) - 1))
            return [spoil(item) if i == at else item for i, item in enumerate(value)]
        if isinstance(value, dict) and value and draw(st.booleans()):
            key = draw(st.sampled_from(sorted(value)))
            if draw(st.booleans()):
                return {k: spoil(item) if k == key else item for k, item in value.items()}
            return {k: item for k, item in value.items() if k != key}
        return draw(json_values)

    return spoil(draw(values))


typed = st.recursive(st.sampled_from(LEAVES), _wrapped, max_leaves=5)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_conversion_accepts_exactly_what_the_schema_accepts(data: st.DataObject) -> None:
    annotation, fitting = data.draw(typed)
    schema = value_schema(annotation)
    json.dumps(schema, allow_nan=False)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    value = data.draw(fitting | json_values | _spoilt(fitting))
    before = json.dumps(value)
    try:
        converter(annotation)(value)
        accepted, reason = True, ""
    except ValueError as error:
        accepted, reason = False, str(error)
    assert json.dumps(value) == before, "the value that came in was changed"
    valid = validator.is_valid(value)
    forgiven = accepted and not valid and _is_forgiven(validator, value)
    assert accepted == valid or forgiven, (annotation, value, reason)


def _is_forgiven(validator: Any, value: Any) -> bool:
    """True if a set may hold things twice, and nothing else is wrong."""

    def lenient(schema: Any) -> Any:
        if isinstance(schema, dict):
            return {k: lenient(v) for k, v in schema.items() if k != "uniqueItems"}
        return [lenient(item) for item in schema] if isinstance(schema, list) else schema

    return bool(validator.evolve(schema=lenient(validator.schema)).is_valid(value))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_fits_is_converted_and_converting_again_changes_nothing(data: st.DataObject) -> None:
    annotation, fitting = data.draw(typed)
    convert = converter(annotation)
    made = convert(data.draw(fitting))
    assert convert(made) == made


TEXTS: dict[Any, st.SearchStrategy[Any]] = {
    datetime.datetime: st.datetimes(timezones=st.none() | st.just(datetime.UTC)),
    datetime.date: st.dates(),
    datetime.time: st.times(),
    datetime.timedelta: st.timedeltas(),
    UUID: st.uuids(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    bytes: st.binary(),
    bytearray: st.binary().map(bytearray),
    IPv4Address: st.ip_addresses(v=4),
    IPv6Address: st.ip_addresses(v=6),
}


@pytest.mark.parametrize("annotation", TEXTS)
def test_what_travels_as_text_comes_back_the_same(annotation: Any) -> None:
    convert = converter(annotation)
    validator = Draft202012Validator(property_schema(annotation))

    @given(TEXTS[annotation])
    def check(value: Any) -> None:
        text = json_value(value)
        assert isinstance(text, str)
        assert validator.is_valid(text)
        made = convert(text)
        assert made == value
        assert type(made) is type(value)

    check()


@pytest.mark.parametrize("annotation", TEXTS)
def test_no_text_breaks_a_text_type(annotation: Any) -> None:
    convert = converter(annotation)

    @given(st.text() | st.from_regex(r"[-+P0-9TDHMSW.,:Z=]{1,12}", fullmatch=True))
    def check(text: str) -> None:
        try:
            made = convert(text)
        except ValueError as error:
            assert f"requires {annotation.__name__} like" in str(error)
        else:
            assert isinstance(made, annotation)

    check()
