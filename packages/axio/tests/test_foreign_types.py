"""Parameters that are pydantic models or msgspec structs of the user's."""

from __future__ import annotations

import datetime
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from axio import HandlerError, Tool
from axio.schema import build_tool_schema, converter, property_schema


class Address(pydantic.BaseModel):
    """Where somebody lives."""

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
        "description": "Where somebody lives.",
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
        address: Address = Address(street="x"),  # noqa: B008
        point: Point = Point(1),  # noqa: B008
    ) -> None: ...

    properties = build_tool_schema(placed)["properties"]
    assert properties["address"]["default"] == {"street": "x", "title": "home"}
    assert properties["point"]["default"] == {"x": 1, "following": None}


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
