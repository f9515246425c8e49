"""Types of other libraries, and the constraints that they put beside a type."""

# ruff: noqa: B008 - defaults are made by the libraries that are tested
from __future__ import annotations

import datetime
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import annotated_types as at
import msgspec
import pydantic
import pydantic.dataclasses
import pydantic_core
import pytest
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from typing_extensions import Doc

from axio import Field, HandlerError, Tool
from axio.schema import build_tool_schema, converter, property_schema, value_schema


class Address(pydantic.BaseModel):
    """Where a person lives."""

    street: str = pydantic.Field(description="With the number.", min_length=1)
    title: str = "home"


class Person(pydantic.BaseModel):
    name: str
    born: datetime.date
    addresses: list[Address] = []
    parent: Person | None = None


class Names(pydantic.RootModel[list[str]]):
    pass


class Point(msgspec.Struct):
    """A place."""

    x: int
    following: Point | None = None


class Row(msgspec.Struct, array_like=True):
    a: int
    b: str


@dataclass
class Mixed:
    person: Person
    point: Point


async def handler(person: Person, point: Point, mixed: Mixed | None = None) -> Any:
    return person, point, mixed


PERSON: dict[str, Any] = {
    "name": "Ada",
    "born": "1815-12-10",
    "addresses": [{"street": "1 Square"}],
}


async def test_models_and_structs_arrive_as_such() -> None:
    tool = Tool(name="t", handler=handler)
    person, point, mixed = await tool(
        person=PERSON,
        point={"x": 1, "following": {"x": 2}},
        mixed={"person": PERSON, "point": {"x": 3}},
    )
    assert person == Person(
        name="Ada", born=datetime.date(1815, 12, 10), addresses=[Address(street="1 Square")]
    )
    assert point == Point(1, Point(2))
    assert mixed == Mixed(person, Point(3))


async def test_ready_made_objects_and_json_strings_pass() -> None:
    tool = Tool(name="t", handler=handler)
    person = Person(name="Ada", born=datetime.date(1815, 12, 10))
    received = await tool(person=person, point=Point(1))
    assert received == (person, Point(1), None)
    received = await tool(person=person.model_dump_json(), point='{"x": 1}')
    assert received == (person, Point(1), None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"person": {**PERSON, "addresses": [{"street": ""}]}}, r"'person.addresses\[0\].street' "),
        ({"person": {"name": "x"}}, r"'person.born' is not valid: Field required"),
        ({"person": "x"}, r"'person' is not valid: .*, got 'x'"),
        ({"point": {"x": 1, "following": {"x": "2"}}}, r"'point.following.x' is not valid: Expect"),
        ({"point": {}}, r"'point' is not valid: Object missing required field `x`"),
        ({"mixed": {"person": PERSON, "point": {}}}, r"'mixed.point' is not valid"),
    ],
)
async def test_errors_name_the_place(arguments: dict[str, Any], message: str) -> None:
    complete: dict[str, Any] = {"person": PERSON, "point": {"x": 1}, **arguments}
    with pytest.raises(HandlerError, match=message):
        await Tool(name="t", handler=handler)(**complete)


async def test_a_class_that_fails_in_its_own_way_is_a_wrong_argument() -> None:
    class Moody(pydantic.BaseModel):
        x: int

        @pydantic.field_validator("x")
        @classmethod
        def check_x(cls, value: int) -> int:
            raise KeyError("not today")

    async def moody(it: Moody) -> None: ...

    moody.__annotations__["it"] = Moody
    with pytest.raises(HandlerError, match="Field 'it' is not valid: 'not today'") as caught:
        await Tool(name="t", handler=moody)(it={"x": 1})
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ValueError, match="Field 'value' is not valid: 'not today'"):
        converter(Moody)({"x": 1})


def test_their_schemas_are_taken_over_without_titles() -> None:
    assert property_schema(Address) == {
        "type": "object",
        "description": "Where a person lives.",
        "properties": {
            "street": {"type": "string", "description": "With the number.", "minLength": 1},
            "title": {"type": "string", "default": "home"},
        },
        "required": ["street"],
    }


def test_their_definitions_stand_at_the_root_and_resolve() -> None:
    schema = build_tool_schema(handler)
    assert set(schema["$defs"]) == {"Person", "Address", "Point"}
    validator = Draft202012Validator(schema)
    person = {**PERSON, "parent": {**PERSON, "parent": None}}
    assert validator.is_valid({"person": person, "point": {"x": 1, "following": {"x": 2}}})
    assert not validator.is_valid({"person": person, "point": {"x": 1, "following": {"x": "2"}}})
    wrong = {**PERSON, "parent": {"name": "x"}}
    assert not validator.is_valid({"person": wrong, "point": {"x": 1}})


def test_definitions_of_one_name_stay_apart() -> None:
    def other() -> Any:
        class Address(pydantic.BaseModel):
            number: int
            following: Address | None = None

        return Address

    schema = property_schema(tuple[other(), Person])  # type: ignore[misc]
    validator = Draft202012Validator(schema)
    assert validator.is_valid([{"number": 1, "following": {"number": 2}}, PERSON])
    assert not validator.is_valid([{"number": 1}, {**PERSON, "addresses": [{"number": 1}]}])


async def test_models_that_are_arrays_take_arrays() -> None:
    async def rows(names: Names, row: Row) -> Any:
        return names.root, row

    tool = Tool(name="t", handler=rows)
    assert await tool(names=["a"], row=[1, "b"]) == (["a"], Row(1, "b"))
    assert await tool(names=["a"], row='[1, "b"]') == (["a"], Row(1, "b"))


def test_a_default_object_appears_in_the_schema() -> None:
    async def placed(
        address: Address = Address(street="x"),
        point: Point = Point(1),
    ) -> None: ...

    properties = build_tool_schema(placed)["properties"]
    assert properties["address"]["default"] == {"street": "x", "title": "home"}
    assert properties["point"]["default"] == {"x": 1, "following": None}


# ── Constraints ──────────────────────────────────────────────────────────────────────────────────


CONSTRAINED: list[tuple[Any, dict[str, Any], list[Any], list[Any]]] = [
    (
        Annotated[int, pydantic.Field(gt=0, le=10, description="how many")],
        {"type": "integer", "exclusiveMinimum": 0, "maximum": 10, "description": "how many"},
        [1, 10],
        [0, 11, "5", True],
    ),
    (Annotated[int, at.Ge(3)], {"type": "integer", "minimum": 3}, [3], [2]),
    (Annotated[int, at.Interval(gt=1, lt=4)], {
        "type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 4
    }, [2, 3], [1, 4]),
    (Annotated[float, at.MultipleOf(0.1)], {"type": "number", "multipleOf": 0.1}, [0.3], [0.25]),
    (pydantic.PositiveInt, {"type": "integer", "exclusiveMinimum": 0}, [1], [0]),
    (Annotated[int | None, at.Gt(0)], {
        "anyOf": [{"type": "integer"}, {"type": "null"}], "exclusiveMinimum": 0
    }, [None, 1], [0]),
    (Annotated[str, at.Len(1, 3)], {"type": "string", "minLength": 1, "maxLength": 3}, ["a"], [""]),
    (Annotated[list[int], at.MinLen(1)], {
        "type": "array", "items": {"type": "integer"}, "minItems": 1
    }, [[1]], [[]]),
    (Annotated[dict[str, int], at.MaxLen(1)], {
        "type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 1
    }, [{}, {"a": 1}], [{"a": 1, "b": 2}]),
    (Annotated[str | list[str], at.MinLen(2)], {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "minLength": 2,
        "minItems": 2,
    }, ["ab", ["a", "b"]], ["a", ["a"]]),
    (Annotated[bytes, at.MaxLen(3)], {
        "type": "string", "contentEncoding": "base64"
    }, ["YWJj"], ["YWJjZA=="]),
    (Annotated[str, pydantic.Field(pattern="^a+$")], {
        "type": "string", "pattern": "^a+$"
    }, ["aa"], ["b"]),
    (Annotated[str, pydantic.Field(pattern=re.compile("^a+$"))], {
        "type": "string", "pattern": "^a+$"
    }, ["aa"], ["b"]),
    (pydantic.StrictFloat, {"type": "number"}, [1.5], [1]),
    (Annotated[int, msgspec.Meta(ge=1, description="n", title="T")], {
        "type": "integer", "minimum": 1, "description": "n"
    }, [1], [0]),
    (Annotated[str, msgspec.Meta(pattern="^x")], {"type": "string", "pattern": "^x"}, ["x"], ["a"]),
    (Annotated[Decimal, at.Gt(Decimal("0.5"))], property_schema(Decimal), ["0.6"], ["0.5", 0.1]),
    (Annotated[date, at.Gt(date(2026, 1, 1))], property_schema(date), ["2026-01-02"], [
        "2026-01-01"
    ]),
    (Annotated[str, at.Predicate(str.islower)], {"type": "string"}, ["a"], ["A"]),
    (Annotated[int, Doc("documented")], {"type": "integer", "description": "documented"}, [1], []),
    (Annotated[float, at.Unit("m")], {"type": "number"}, [1.5], ["x"]),
    (Annotated[int, Field("ours", ge=1), at.Le(3)], {
        "type": "integer", "minimum": 1, "maximum": 3, "description": "ours"
    }, [1, 3], [0, 4]),
    (Annotated[int, "a word", object()], {"type": "integer"}, [1], ["1"]),
    (list[pydantic.PositiveInt], {
        "type": "array", "items": {"type": "integer", "exclusiveMinimum": 0}
    }, [[1]], [[0]]),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "schema", "right", "wrong"), CONSTRAINED)
def test_constraints_of_other_libraries_are_told_and_held(
    annotation: Any, schema: dict[str, Any], right: list[Any], wrong: list[Any]
) -> None:
    assert value_schema(annotation) == schema
    Draft202012Validator.check_schema(schema)
    convert = converter(annotation)
    for value in right:
        convert(value)
    for value in wrong:
        with pytest.raises(ValueError, match="Field 'value"):
            convert(value)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Annotated[int, at.Gt(0)], 0, "Field 'value' must be > 0, got 0"),
        (Annotated[int, at.Lt(5)], 5, "Field 'value' must be < 5, got 5"),
        (Annotated[int, at.MultipleOf(2)], 3, "Field 'value' must be a multiple of 2, got 3"),
        (Annotated[str, at.MinLen(2)], "a", "Field 'value' must have at least 2 characters, got 1"),
        (Annotated[set[int], at.MaxLen(1)], [1, 2], "must have at most 1 elements, got 2"),
        (Annotated[dict[str, Any], at.MinLen(1)], {}, "must have at least 1 members, got 0"),
        (Annotated[str, pydantic.Field(pattern="^a$")], "b", "must match ^a$, got b"),
        (Annotated[str, at.Predicate(str.islower)], "B", "must pass islower, got 'B'"),
    ],
)
def test_a_broken_constraint_is_named(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        converter(annotation)(value)


def test_a_constraint_that_cannot_be_checked_is_refused() -> None:
    async def at_noon(when: Annotated[datetime.datetime, at.Timezone("Europe/Berlin")]) -> None: ...

    with pytest.raises(TypeError, match=r"parameter 'when' of .*Timezone.* cannot be checked"):
        Tool("t", at_noon)


# What pydantic adds must be judged by it: what it does to values has no words in a schema.
JUDGED: list[tuple[Any, Any, Any, Any]] = [
    (Annotated[int, pydantic.AfterValidator(lambda n: n * 2)], 2, 4, "x"),
    (Annotated[str, pydantic.StringConstraints(to_upper=True)], "a", "A", 1),
    (Annotated[Decimal, pydantic.Field(max_digits=2)], "1.5", Decimal("1.5"), "1.55"),
    (pydantic.UUID4, "12345678-1234-4234-8234-123456781234", UUID(
        "12345678-1234-4234-8234-123456781234"
    ), "12345678-1234-1234-8234-123456781234"),
    (pydantic.Base64Bytes, "aGk=", b"hi", 5),
    (pydantic.Json[list[int]], "[1]", [1], "["),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "value", "made", "wrong"), JUDGED)
async def test_types_and_validators_of_pydantic_are_its_own_business(
    annotation: Any, value: Any, made: Any, wrong: Any
) -> None:
    async def handler(it: Any, more: Any) -> Any:
        return it, more

    handler.__annotations__.update(it=annotation, more=list[annotation])
    tool = Tool("t", handler)
    assert tool.input_schema["properties"]["it"].get("type") != "object"
    assert await tool(it=value, more=[value]) == (made, [made])
    with pytest.raises(HandlerError, match=r"Field 'more\[0\]' is not valid: "):
        await tool(it=value, more=[wrong])


async def test_other_classes_that_speak_to_pydantic_are_converted_by_it() -> None:
    @pydantic.dataclasses.dataclass
    class Box:
        size: int = pydantic.Field(gt=0)

    class Even:
        def __init__(self, n: int) -> None:
            self.n = n

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            return pydantic_core.core_schema.no_info_after_validator_function(cls, handler(int))

    async def handler(
        box: Any, url: pydantic.HttpUrl, secret: pydantic.SecretStr, even: Any
    ) -> Any:
        return box, url, secret, even.n

    handler.__annotations__.update(box=Box, even=Even)
    tool = Tool("t", handler)
    properties = tool.input_schema["properties"]
    assert properties["box"]["properties"] == {"size": {"type": "integer", "exclusiveMinimum": 0}}
    assert properties["even"] == {"type": "integer"}
    got = await tool(box={"size": 1}, url="http://a.example/", secret="s", even=2)
    assert got[0] == Box(1)
    assert (str(got[1]), got[2].get_secret_value(), got[3]) == ("http://a.example/", "s", 2)
    with pytest.raises(HandlerError, match=r"Field 'box.size' is not valid: .*, got 0"):
        await tool(box={"size": 0}, url="http://a.example/", secret="s", even=2)


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    call: Callable[[int], int]


class Unfinished(pydantic.BaseModel):
    other: NotThere  # type: ignore[name-defined]  # noqa: F821


def _broken(*_: Any) -> Any:
    raise RuntimeError("no idea")


@pytest.mark.parametrize("annotation", [Loose, Unfinished, Annotated[object, pydantic.Field(
    json_schema_extra=None), pydantic.BeforeValidator(len), pydantic.GetPydanticSchema(_broken)
]])  # fmt: skip
def test_a_type_that_pydantic_cannot_describe_is_refused(annotation: Any) -> None:
    async def handler(it: Any) -> None: ...

    handler.__annotations__["it"] = annotation
    with pytest.raises(TypeError, match=r"parameter 'it' of .*handler\(\): pydantic has no schema"):
        Tool("t", handler)


async def test_pydantic_s_field_may_stand_where_the_default_stands() -> None:
    async def handler(
        needed: int = pydantic.Field(description="needed"),
        n: int = pydantic.Field(default=3, ge=1),
        tags: list[str] = pydantic.Field(default_factory=list),
        stated: Annotated[int, pydantic.Field(default=7)] = 8,
        many: Annotated[list[int], pydantic.Field(default_factory=list)] = [],  # noqa: B006
        dots: int = pydantic.Field(...),
    ) -> Any:
        tags.append("x")
        many.append(1)
        return n, tags, stated, many

    tool = Tool("t", handler)
    properties = tool.input_schema["properties"]
    assert tool.input_schema["required"] == ["needed", "dots"]
    assert properties["needed"] == {"type": "integer", "description": "needed"}
    assert properties["n"] == {"type": "integer", "minimum": 1, "default": 3}
    for _ in range(2):
        assert await tool(needed=1, dots=1) == (3, ["x"], 7, [1])
    with pytest.raises(HandlerError, match="'n' must be >= 1"):
        await tool(needed=1, dots=1, n=0)


@dataclass
class Marked:
    n: Annotated[int, pydantic.Field(default=3)]
    tags: Annotated[list[str], pydantic.Field(default_factory=list)]


def test_a_default_beside_the_type_of_a_member_counts() -> None:
    convert = converter(Marked)
    assert convert({}) == Marked(3, [])
    convert({}).tags.append("x")
    assert convert({"tags": ["a"]}) == Marked(3, ["a"])
    assert convert({}) == Marked(3, [])
    assert "required" not in property_schema(Marked)


BOUNDS = {"gt": at.Gt, "ge": at.Ge, "lt": at.Lt, "le": at.Le, "multiple_of": at.MultipleOf}
limits = st.integers(-4, 4)


@given(
    bounds=st.dictionaries(st.sampled_from(sorted(BOUNDS)), limits.filter(bool), max_size=3),
    kind=st.sampled_from([int, float]),
    value=st.integers(-6, 6) | st.floats(-6, 6).map(lambda n: round(n, 1)),
    through=st.sampled_from(["parts", "pydantic", "msgspec"]),
)
def test_numbers_are_held_to_what_pydantic_and_json_schema_hold_them_to(
    bounds: dict[str, int], kind: Any, value: float, through: str
) -> None:
    if "multiple_of" in bounds:
        bounds["multiple_of"] = abs(bounds["multiple_of"])
    said: Any = [BOUNDS[name](limit) for name, limit in bounds.items()]
    try:
        pydantic.TypeAdapter(Annotated[(kind, "a word", *said)]).validate_python(value)
        right = True
    except pydantic.ValidationError:
        right = False
    if through == "pydantic":
        said = [pydantic.Field(**bounds)]  # type: ignore[call-overload]
    elif through == "msgspec":
        with suppress(ValueError):  # It takes one limit at each end.
            said = [msgspec.Meta(**bounds)]  # type: ignore[call-overload]
    annotation: Any = Annotated[(kind, *said, "a word for others")]
    try:
        converter(annotation)(value)
        accepted = True
    except ValueError:
        accepted = False
    assert accepted == right
    assert Draft202012Validator(property_schema(annotation)).is_valid(value) == right


def test_neither_is_imported_for_a_tool_that_does_not_use_it() -> None:
    program = """if True:
        import sys
        from axio import Tool
        async def handler(x: int) -> None: ...
        Tool(name="t", handler=handler)
        print(sorted({"pydantic", "msgspec", "uuid", "decimal"} & sys.modules.keys()))
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
