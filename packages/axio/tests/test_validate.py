"""The arguments of a call, seen through the tool that is called."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal, NewType

import pytest
from hypothesis import given, strategies as st

from axio import Field, HandlerError, PermissionGuard, StrictStr, Tool
from axio.field import FieldInfo
from axio.schema import compile_signature


def tool_of(handler: Callable[..., Any], schema: dict[str, Any] | None = None) -> Tool[Any]:
    return Tool(name="t", handler=handler, schema=MappingProxyType(schema or {}))


async def everything(**kwargs: Any) -> dict[str, Any]:
    return kwargs


@dataclass
class Item:
    price: float
    tags: list[str] = field(default_factory=list)


async def order(
    items: list[Item],
    count: Annotated[int, Field(ge=1, le=9)] = 1,
    mode: Literal["fast", "full"] = "fast",
    day: datetime.date | None = None,
    note: str = "",
) -> dict[str, Any]:
    return {"items": items, "count": count, "mode": mode, "day": day, "note": note}


async def test_the_handler_receives_converted_values_and_defaults() -> None:
    received = await tool_of(order)(items=[{"price": 1}], day="2026-01-31")
    assert received == {
        "items": [Item(1)],
        "count": 1,
        "mode": "fast",
        "day": datetime.date(2026, 1, 31),
        "note": "",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"Missing required field\(s\): items"),
        ({"items": [{"price": 1}, {"price": "1"}]}, r"'items\[1\].price' requires float, got str"),
        ({"items": [{}]}, r"'items\[0\].price' is required but missing"),
        ({"items": [], "count": 0}, "'count' must be >= 1"),
        ({"items": [], "count": 10}, "'count' must be <= 9"),
        ({"items": [], "count": True}, "'count' requires int, got bool"),
        ({"items": [], "mode": "slow"}, "'mode' must be one of"),
        ({"items": [], "day": "soon"}, "'day' requires date like '2026-01-31', got 'soon'"),
        ({"items": None}, "'items' requires list, got NoneType"),
        ({"items": [{"price": 1, "tags": [1]}]}, r"'items\[0\].tags' element 0 requires str"),
    ],
)
async def test_wrong_arguments_are_handler_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(HandlerError, match=message):
        await tool_of(order)(**arguments)


async def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(HandlerError) as caught:
        await tool_of(order)(count="x", mode="slow")
    assert str(caught.value) == (
        "Field 'count' requires int, got str; "
        "Field 'mode' must be one of 'fast', 'full', got 'slow'; "
        "Missing required field(s): items"
    )


async def test_null_where_it_is_not_allowed_counts_as_left_out() -> None:
    received = await tool_of(order)(items=[], count=None, note=None)
    assert (received["count"], received["note"]) == (1, "")


Mode = NewType("Mode", Annotated[Literal["fast", "full"], Field("how")])  # type: ignore[valid-newtype]


async def test_null_is_no_choice_and_no_strict_value_even_if_there_is_a_default() -> None:
    async def handler(
        mode: Literal["fast"] = "fast",
        other: Mode = "full",  # type: ignore[assignment]
        name: StrictStr = "s",
        exact: Annotated[float, FieldInfo(strict=True)] = 1.0,
    ) -> None: ...

    with pytest.raises(HandlerError) as caught:
        await tool_of(handler)(mode=None, other=None, name=None, exact=None)
    assert str(caught.value) == (
        "Field 'mode' must be one of 'fast', got None; "
        "Field 'other' must be one of 'fast', 'full', got None; "
        "Field 'name' requires str, got NoneType; "
        "Field 'exact' requires float, got NoneType"
    )


async def test_null_is_accepted_where_the_type_or_the_default_says_so() -> None:
    async def handler(
        a: Literal["x"] | None = "x",
        b: StrictStr | None = "s",
        c: Literal["x"] = None,  # type: ignore[assignment]  # noqa: RUF013
    ) -> Any:
        return a, b, c

    assert await tool_of(handler)(a=None, b=None, c=None) == (None, None, None)


async def test_a_default_of_none_may_be_given_as_null() -> None:
    async def handler(x: str = None) -> Any:  # type: ignore[assignment]  # noqa: RUF013
        return x

    assert await tool_of(handler)(x=None) is None
    assert await tool_of(handler)() is None


async def test_strays_are_dropped_unless_the_handler_takes_them() -> None:
    async def closed(a: int) -> Any:
        return a

    async def open_(a: int, **rest: Any) -> Any:
        return a, rest

    assert await tool_of(closed)(a=1, b=2) == 1
    assert await tool_of(open_)(a=1, b="unchecked") == (1, {"b": "unchecked"})
    assert "rest" not in tool_of(open_).input_schema["properties"]


async def test_a_parameter_without_annotation_is_passed() -> None:
    async def handler(a, b=2, *, c):  # type: ignore[no-untyped-def]
        return a, b, c

    assert await tool_of(handler)(a=True, c=[1]) == (True, 2, [1])
    with pytest.raises(HandlerError, match="Missing required field"):
        await tool_of(handler)(a=1)


async def test_a_bool_is_a_value_for_any_object_and_literal() -> None:
    async def handler(a: Any, b: object, c: Literal[True, "x"]) -> Any:
        return a, b, c

    assert await tool_of(handler)(a=True, b=False, c=True) == (True, False, True)


async def test_a_default_in_field_is_injected_fresh_for_each_call() -> None:
    async def handler(tags: Annotated[list[str], Field(default=[])]) -> list[str]:
        tags.append("x")
        return tags

    tool = tool_of(handler)
    assert await tool() == ["x"]
    assert await tool() == ["x"]


async def test_strict_strings_are_strings() -> None:
    async def handler(s: StrictStr) -> str:
        return s

    assert await tool_of(handler)(s="x") == "x"
    with pytest.raises(HandlerError, match="requires str, got int"):
        await tool_of(handler)(s=1)


async def test_replace_keeps_every_check() -> None:
    """`dataclasses.replace` is how guards are attached to a tool."""
    tool = dataclasses.replace(tool_of(order), name="other")
    with pytest.raises(HandlerError, match="must be >= 1"):
        await tool(items=[], count=0)
    assert (await tool(items=[{"price": 1}]))["items"] == [Item(1)]


class Spoiler(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        self.saw = kwargs
        return {**kwargs, "extra": 1, "count": "not checked again"}


async def test_guards_see_complete_arguments_and_what_they_add_is_filtered() -> None:
    guard = Spoiler()
    received = await Tool(name="t", handler=order, guards=(guard,))(items=[], stray=1)
    assert guard.saw == {"items": [], "count": 1, "mode": "fast", "day": None, "note": ""}
    assert received["count"] == "not checked again"
    assert "extra" not in received


# ── Explicit schemas ───────────────────────────────────────────────────────────────────────────

EXPLICIT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "q": {"type": "string", "minLength": 1},
        "limit": {"type": "integer", "minimum": 1, "default": 5},
        "filter": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "untyped": {},
        "either": {"anyOf": [{"type": "string"}, {"type": "boolean"}]},
        "odd": {"type": ["integer", "null"]},
        "ids": {"type": "array", "items": {"$ref": "#/$defs/id"}, "default": []},
    },
    "required": ["q"],
    "$defs": {"id": {"enum": [1, 2]}},
}


async def test_an_explicit_schema_decides_alone() -> None:
    tool = tool_of(everything, EXPLICIT)
    assert tool.input_schema == EXPLICIT
    assert await tool(
        q="x", stray=1, untyped=True, either=False, odd=None, filter='{"n": 2.0}'
    ) == {
        "q": "x",
        "limit": 5,
        "untyped": True,
        "either": False,
        "odd": None,
        "filter": {"n": 2},
        "ids": [],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"Missing required field\(s\): q"),
        ({"q": 1}, "'q' requires str, got int"),
        ({"q": None}, r"'q' requires str, got NoneType"),
        ({"q": ""}, "'q' must have at least 1 characters"),
        ({"q": "x", "limit": 0}, "'limit' must be >= 1"),
        ({"q": "x", "limit": True}, "requires int, got bool"),
        ({"q": "x", "filter": {}}, "'filter.n' is required"),
        ({"q": "x", "either": 1}, r"requires str \| bool, got int"),
        ({"q": "x", "odd": "x"}, r"requires int \| None, got str"),
        ({"q": "x", "ids": [1, 3]}, r"'ids\[1\]' must be one of 1, 2, got 3"),
    ],
)
async def test_an_explicit_schema_is_enforced(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(HandlerError, match=message):
        await tool_of(everything, EXPLICIT)(**arguments)


async def test_defaults_of_an_explicit_schema_are_not_shared_between_calls() -> None:
    tool = tool_of(everything, EXPLICIT)
    (await tool(q="x"))["ids"].append(1)
    assert (await tool(q="x"))["ids"] == []
    assert tool.input_schema == EXPLICIT


async def test_a_required_field_never_gets_its_default() -> None:
    schema = {"type": "object", "properties": {"a": {"default": 1}}, "required": ["a"]}
    with pytest.raises(HandlerError, match="Missing required field"):
        await tool_of(everything, schema)()


async def test_null_for_an_optional_property_that_cannot_be_null_is_left_out() -> None:
    assert await tool_of(everything, EXPLICIT)(q="x", filter=None, limit=None) == {
        "q": "x",
        "limit": 5,
        "ids": [],
    }


async def test_without_properties_everything_is_kept_and_with_none_nothing() -> None:
    assert await tool_of(everything, {"type": "object"})(a=1) == {"a": 1}
    assert await tool_of(everything, {"type": "object", "properties": {}})(a=1) == {}
    required = {"type": "object", "required": ["a"]}
    assert await tool_of(everything, required)(a=1, b=2) == {"a": 1, "b": 2}
    with pytest.raises(HandlerError, match=r"Missing required field\(s\): a"):
        await tool_of(everything, required)(b=2)


async def test_keywords_for_all_arguments_together_are_enforced() -> None:
    choice = {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    tool = tool_of(everything, {"type": "object", "properties": {"a": {}, "b": {}}, **choice})
    assert await tool(b=1) == {"b": 1}
    with pytest.raises(HandlerError, match="arguments"):
        await tool()
    open_ = tool_of(everything, {"type": "object", "additionalProperties": {"type": "integer"}})
    assert await open_(a=1.0) == {"a": 1}
    with pytest.raises(HandlerError, match=r"'arguments.a' requires int, got str"):
        await open_(a="x")
    referred = {"$ref": "#/$defs/args", "$defs": {"args": {"required": ["a"]}}}
    with pytest.raises(HandlerError, match=r"'arguments.a' is required"):
        await tool_of(everything, referred)(b=1)


async def test_a_schema_that_applies_itself_for_ever_is_reported_and_does_not_crash() -> None:
    loop = {"allOf": [{"$ref": "#/$defs/a"}]}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": {"a": loop}}
    with pytest.raises(HandlerError, match="'x' is nested too deeply"):
        await tool_of(everything, schema)(x=1)


@given(
    st.dictionaries(
        st.sampled_from(["type", "properties", "required", "anyOf", "$ref", "$defs", "items"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["a", "type", "anyOf", "default"]), inner)
            ),
            max_leaves=6,
        ),
        min_size=1,
    )
)
def test_no_explicit_schema_crashes_a_tool(schema: dict[str, Any]) -> None:
    validator = compile_signature(everything, schema)
    try:
        bound = validator.bind({"a": 1, "b": "x"})
    except HandlerError as error:
        assert str(error)
    else:
        assert validator.keep(bound) == bound
