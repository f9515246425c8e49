"""Which parameters a tool has, and which handlers are refused because no call could reach them."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, Required, TypedDict, TypeVar

import attrs
import pytest
from hypothesis import given, strategies as st
from typing_extensions import Unpack

from axio import Field, HandlerError, Tool
from axio.schema import build_tool_schema, converter, property_schema

if TYPE_CHECKING:
    from somewhere import Report  # type: ignore[import-not-found]

T = TypeVar("T")
K = TypeVar("K")
Handler = Callable[..., Awaitable[Any]]

INTEGER = {"type": "integer"}
STRING = {"type": "string"}


def handler_of(annotation: Any) -> Handler:
    """A handler with one parameter `it` of this type."""

    async def handler(it: Any) -> Any:
        return it

    handler.__annotations__["it"] = annotation
    return handler


def properties(handler: Handler) -> dict[str, Any]:
    found: dict[str, Any] = Tool("t", handler).input_schema["properties"]
    return found


# ── Names ────────────────────────────────────────────────────────────────────────────────────────


def with_database(function: Handler) -> Handler:
    """Gives the function its `db`, which callers are not shown."""

    @functools.wraps(function)
    async def call(**arguments: Any) -> Any:
        return await function(db="the database", **arguments)

    signature = inspect.signature(function)
    shown = [p for p in signature.parameters.values() if p.name != "db"]
    call.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return call


@with_database
async def query(sql: str, db: str, limit: int = 3) -> Any:
    return sql, db, limit


async def test_a_parameter_that_a_decorator_hides_is_hidden() -> None:
    tool = Tool("query", query)
    assert tool.input_schema["properties"].keys() == {"sql", "limit"}
    assert tool.input_schema["required"] == ["sql"]
    assert await tool(sql="x", db="mine") == ("x", "the database", 3)
    with pytest.raises(HandlerError, match="'sql' requires str, got int"):
        await tool(sql=1)


@pytest.mark.parametrize("annotation", [int, "int", inspect.Parameter.empty])
async def test_the_annotation_in_a_signature_of_its_own_counts(annotation: Any) -> None:
    async def call(it: str) -> Any:
        return it

    parameter = inspect.Parameter("it", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    call.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    assert properties(call) == {"it": {} if annotation is inspect.Parameter.empty else INTEGER}


class Options(TypedDict, total=False):
    """How to look.

    Attributes:
        depth: How deep.
    """

    path: Required[str]
    depth: Annotated[int, Field(ge=1)]


async def scan(root: str, **options: Unpack[Options]) -> Any:
    return root, options


async def test_the_members_of_unpacked_keyword_arguments_are_parameters() -> None:
    tool = Tool("scan", scan)
    assert tool.input_schema == {
        "type": "object",
        "properties": {
            "root": STRING,
            "path": STRING,
            "depth": {"type": "integer", "minimum": 1, "description": "How deep."},
        },
        "required": ["root", "path"],
    }
    assert await tool(root="/", path="a", stray=1) == ("/", {"path": "a"})
    with pytest.raises(HandlerError) as caught:
        await tool(root="/", depth=0)
    assert str(caught.value) == (
        "Field 'depth' must be >= 1, got 0; Missing required field(s): path"
    )


async def test_other_names_are_checked_if_their_annotation_says_of_what_type_they_are() -> None:
    async def count(**numbers: int) -> Any:
        return numbers

    tool = Tool("count", count)
    assert tool.input_schema == {
        "type": "object",
        "properties": {},
        "additionalProperties": INTEGER,
    }
    assert await tool(b=2.0, a=1) == {"b": 2, "a": 1}
    with pytest.raises(HandlerError, match="Field 'b' requires int, got str"):
        await tool(a=1, b="2")


async def positional(a: int, /, b: int) -> None: ...
async def variable(a: int, *more: int) -> None: ...
async def hidden(a: int, _b: int) -> None: ...
async def unknown(a: int, b: Report) -> None: ...
async def no_syntax(a: int, b: "int or") -> None: ...  # type: ignore[valid-type] # noqa: F722


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (positional, r"parameter 'a' of positional\(\): .* positional-only: leave the / out"),
        (variable, r"parameter 'more' of variable\(\): .* take a list instead"),
        (hidden, r"parameter '_b' of hidden\(\): .* give it a default"),
        (unknown, r"parameter 'b' of unknown\(\): its annotation 'Report' .* 'Report' is not def"),
        (no_syntax, r"parameter 'b' of no_syntax\(\): its annotation .*int or.* cannot be"),
        (functools.partial(positional, b=1), r"parameter 'a' of positional\(\): .* positional"),
    ],
)
def test_a_parameter_that_no_call_could_reach_is_refused(handler: Handler, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tool("t", handler)
    assert Tool("t", handler, schema={"type": "object"}).input_schema  # type: ignore[arg-type]


async def test_names_that_begin_with_an_underscore_are_hidden() -> None:
    async def quiet(a: int, *_rest: int, _db: Report = "db", **_more: Report) -> Any:
        return a, _db, _more

    tool = Tool("quiet", quiet, schema={"type": "object", "properties": {"a": {}}})  # type: ignore[arg-type]
    assert await tool(a=1, _db="mine") == (1, "db", {})


async def test_the_annotation_of_the_result_is_not_needed() -> None:
    async def make(n: int) -> Report:
        return n

    assert await Tool("make", make)(n=1) == 1


def test_hints_that_are_given_are_used_instead() -> None:
    async def handler(a: int, b: Report, c=1) -> None:  # type: ignore[no-untyped-def]
        ...

    schema = build_tool_schema(handler, {"a": str, "extra": int})
    assert schema["properties"] == {"a": STRING, "c": {"default": 1}, "extra": INTEGER}
    assert schema["required"] == ["a", "extra"]


# ── Types that are refused ───────────────────────────────────────────────────────────────────────


class Unknown:
    def __init__(self, x: int) -> None:
        self.x = x


@dataclass
class Holder:
    """Holds one that is not known."""

    inside: list[Unknown]


class Tags(list[str]):
    pass


REFUSED = [Unknown, Callable[[int], int], type[int], Iterator[int], complex, Tags, Holder, [int], 5]


@pytest.mark.parametrize("annotation", REFUSED)
def test_a_type_that_nothing_in_json_becomes_is_refused_when_the_tool_is_made(
    annotation: Any,
) -> None:
    with pytest.raises(TypeError, match=r"parameter 'it' of handler_of.<locals>.handler\(\): "):
        Tool("t", handler_of(annotation))
    with pytest.raises(TypeError):
        converter(annotation)


def test_the_refusal_names_the_place_and_says_what_to_do() -> None:
    with pytest.raises(TypeError) as caught:
        Tool("t", handler_of(dict[str, Holder]))
    assert str(caught.value) == (
        "parameter 'it' of handler_of.<locals>.handler(): Holder.inside: nothing in JSON becomes a "
        "Unknown; take a dataclass, a TypedDict, a pydantic model or a type of JSON"
    )


KNOWN: list[Any] = [int, str, bool, float, list, dict, Any, object, None]


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        inner.map(lambda hint: list[hint])  # type: ignore[valid-type]
        | inner.map(lambda hint: dict[str, hint])  # type: ignore[valid-type]
        | inner.map(lambda hint: tuple[hint, ...])  # type: ignore[valid-type]
        | inner.map(lambda hint: tuple[int, hint])  # type: ignore[valid-type]
        | inner.map(lambda hint: Annotated[hint, Field("described")])
        | inner.map(lambda hint: Annotated[hint, {"an": "unhashable fact"}])
    )


@given(st.recursive(st.sampled_from(KNOWN), _around, max_leaves=4))
def test_known_types_make_a_tool_however_they_are_nested(annotation: Any) -> None:
    assert properties(handler_of(annotation)).keys() == {"it"}


@given(st.recursive(st.sampled_from(REFUSED[:-2]), _around, max_leaves=4))
def test_unknown_types_are_refused_wherever_they_stand(annotation: Any) -> None:
    with pytest.raises(TypeError, match="parameter 'it' of"):
        Tool("t", handler_of(annotation))
    property_schema(annotation)  # It has no opinion.


# ── Type arguments by inheritance ────────────────────────────────────────────────────────────────


@dataclass
class Pair(Generic[T, K]):
    first: T
    second: list[K]


@dataclass
class Half(Pair[int, T]):
    pass


@dataclass
class Whole(Half[str]):
    third: bool = False


@dataclass
class Swapped(Pair[K, T], Generic[T, K]):
    pass


class Row(NamedTuple, Generic[T]):
    cell: T


class NumberRow(Row[int]):
    pass


class Base(TypedDict, Generic[T]):
    value: T


class Derived(Base[list[K]], Generic[K]):
    other: K


class Concrete(Derived[int]):
    pass


@attrs.define
class Crate(Generic[T]):
    item: T


@attrs.define
class NumberCrate(Crate[int]):
    pass


@pytest.mark.parametrize(
    ("annotation", "members"),
    [
        (Pair[int, str], {"first": INTEGER, "second": {"type": "array", "items": STRING}}),
        (Half[str], {"first": INTEGER, "second": {"type": "array", "items": STRING}}),
        (
            Whole,
            {
                "first": INTEGER,
                "second": {"type": "array", "items": STRING},
                "third": {"type": "boolean", "default": False},
            },
        ),
        (Swapped[int, str], {"first": STRING, "second": {"type": "array", "items": INTEGER}}),
        (Half, {"first": INTEGER, "second": {"type": "array", "items": {}}}),
        (NumberRow, {"cell": INTEGER}),
        (Derived[int], {"value": {"type": "array", "items": INTEGER}, "other": INTEGER}),
        (Concrete, {"value": {"type": "array", "items": INTEGER}, "other": INTEGER}),
        (NumberCrate, {"item": INTEGER}),
        (Crate[str], {"item": STRING}),
    ],
)
def test_members_have_the_types_that_a_base_was_given(
    annotation: Any, members: dict[str, Any]
) -> None:
    assert property_schema(annotation)["properties"] == members
    wrong = {name: object() for name in members}
    with pytest.raises(ValueError, match="requires"):
        converter(annotation)(wrong)


@given(st.lists(st.booleans(), max_size=4), st.sampled_from([(int, 1, "x"), (str, "x", 1)]))
def test_a_type_argument_reaches_through_any_number_of_bases(
    plain: list[bool], kind: tuple[Any, Any, Any]
) -> None:
    argument, right, wrong = kind
    cls: Any = Crate
    generic: Any = Generic
    for step in plain:
        bases = (cls[T], generic[T]) if step else (cls[T],)
        cls = attrs.define(types.new_class("Step", bases))
    convert = converter(cls[argument])
    assert convert({"item": right}) == cls(right)
    with pytest.raises(ValueError, match="requires"):
        convert({"item": wrong})


# ── attrs ────────────────────────────────────────────────────────────────────────────────────────


@attrs.define
class Ticket:
    """A ticket for a train.

    Attributes:
        seat: Where to sit.
    """

    _number: int
    seat: str = "any"
    stops: list[str] = attrs.field(factory=list)
    made: int = attrs.field(init=False, default=0)
    next: Ticket | None = None


async def test_attrs_classes_are_records() -> None:
    tool = Tool("t", handler_of(Ticket))
    ticket = tool.input_schema["$defs"]["Ticket"]
    assert ticket["required"] == ["number"]
    assert list(ticket["properties"]) == ["number", "seat", "stops", "next"]
    assert ticket["properties"]["seat"] == {
        "type": "string",
        "default": "any",
        "description": "Where to sit.",
    }
    made = await tool(it={"number": 7, "next": {"number": 8, "seat": "3a"}})
    assert made == Ticket(7, next=Ticket(8, "3a"))
    with pytest.raises(HandlerError, match=r"'it.next.number' requires int, got str"):
        await tool(it={"number": 7, "next": {"number": "8"}})


def test_an_attrs_value_may_be_a_default() -> None:
    async def handler(it: Ticket = Ticket(7)) -> None:  # noqa: B008
        ...

    default = properties(handler)["it"]["default"]
    assert default == {"number": 7, "seat": "any", "stops": [], "made": 0, "next": None}
    assert converter(Ticket)(default) == Ticket(7)
