# ruff: noqa: UP007, UP045 - both spellings of a union are meant
from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, Optional, Union

import pytest

from axio.field import (
    MISSING,
    PRIMITIVE_TYPES,
    Field,
    FieldInfo,
    StrictStr,
    bare_type,
    check_list_items,
    check_scalar,
    check_type,
    get_field_info,
    is_classvar,
    unwrap_hint,
)


class Colour(Enum):
    red = "r"


def test_missing_is_falsy_one_of_a_kind_and_says_its_name() -> None:
    assert not MISSING
    assert repr(MISSING) == "MISSING"
    assert copy.deepcopy(MISSING) is copy.copy(MISSING) is MISSING
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING


def test_field_has_the_documented_defaults() -> None:
    info = Field()
    assert info == FieldInfo("", MISSING, None, None, False)
    assert Field("what", 3, 1, 9) == FieldInfo(description="what", default=3, ge=1, le=9)
    with pytest.raises(FrozenInstanceError):
        info.ge = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Field(strict=True)  # type: ignore[call-arg]


def test_a_field_with_a_list_for_default_can_stand_in_a_union() -> None:
    hint = Union[Annotated[list[str], Field(default=[])], int, Annotated[list[str], Field()]]
    assert bare_type(hint) is object


def test_get_field_info_finds_the_first_one() -> None:
    first, second = Field("first"), Field("second")
    assert get_field_info(Annotated[int, "other", first, second]) is first
    assert get_field_info(Annotated[int, "other"]) is None
    assert get_field_info(int) is None
    assert get_field_info(StrictStr) == FieldInfo(strict=True)


@pytest.mark.parametrize(
    ("hint", "bare"),
    [
        (int, int),
        (Optional[int], int),
        (int | None, int),
        (Annotated[int, Field()], int),
        (Annotated[int, Field()] | None, int),
        (Annotated[str | None, Field()], str),
        (list[int], list),
        (dict[str, int] | None, dict),
        (int | str, object),
        (Any, object),
        (Literal["a"], object),
        ("forward", object),
        (Colour, Colour),
    ],
)
def test_bare_type_is_the_class_behind_a_hint(hint: Any, bare: type) -> None:
    assert bare_type(hint) is bare


def test_unwrap_hint_takes_off_annotated_and_none() -> None:
    assert unwrap_hint(int) == (int, False)
    assert unwrap_hint(Optional[int]) == (int, True)
    assert unwrap_hint(Annotated[Annotated[int, 1] | None, 2]) == (int, True)
    assert unwrap_hint(int | str | None) == (Union[int, str], True)


def test_classvars_are_known_with_and_without_a_type() -> None:
    assert is_classvar(ClassVar)
    assert is_classvar(ClassVar[int])
    assert not is_classvar(int)


def test_primitive_types_are_four() -> None:
    assert set(PRIMITIVE_TYPES) == {str, int, float, bool}


ACCEPTED: list[tuple[Any, Any]] = [
    (None, Optional[int]),
    (None, int | str | None),
    (None, Any),
    ("x", str),
    ("", str),
    (1, int),
    (1, float),
    (1.5, float),
    (True, bool),
    (True, Any),
    (True, object),
    (True, Literal[True]),
    (True, int | bool),
    ([], list),
    ([1, "a"], list),
    ([1, 2], list[int]),
    (["ok", None], list[str | None]),
    ([1, "a", [1]], list[int | str | list[int]]),
    ([["a"]], list[list[str]]),
    ([1, 2.5], list[float]),
    ([{}], list[Any]),
    ({}, dict),
    ({"a": "not an int"}, dict[str, int]),
    ("a", Literal["a", "b"]),
    (1.0, Literal[1]),
    (1, int | str),
    ([1], str | list[int]),
    ("anything", Colour),
    ("x", Annotated[str, Field("text")]),
]


@pytest.mark.parametrize(("value", "hint"), ACCEPTED)
def test_values_that_fit_pass(value: Any, hint: Any) -> None:
    assert FieldInfo().validate(value, "f", hint) is None  # type: ignore[func-returns-value]


REFUSED: list[tuple[Any, Any, str]] = [
    (None, int, "requires int, got NoneType"),
    (None, list, "requires list, got NoneType"),
    ("1", int, "requires int, got str"),
    (1.0, int, "requires int, got float"),
    (1.5, int, "requires int, got float"),
    (1, str, "requires str, got int"),
    ("x", float, "requires float, got str"),
    (True, int, "requires int, got bool"),
    (True, float, "requires float, got bool"),
    (True, str, "requires str, got bool"),
    (True, list, "requires list, got bool"),
    (True, Colour, "requires Colour, got bool"),
    (True, int | str, r"requires int \| str, got bool"),
    (1, bool, "requires bool, got int"),
    ("[]", list, "requires list, got str"),
    ((1,), list[int], "requires list, got tuple"),
    ({}, list[int], "requires list, got dict"),
    ([], dict, "requires dict, got list"),
    ([1, "a"], list[int], "element 1 requires int"),
    ([True], list[int], "element 0 requires int, got bool"),
    ([None], list[str], "element 0 requires str"),
    (["ok", 42], list[str | None], "element 1 requires str, got int"),
    ([1, "a", 1.5], list[int | str], r"element 2 requires int \| str, got float"),
    ([], int | str, r"requires int \| str"),
    ([], int | str | None, r"requires int \| str, got list"),
    (["a"], str | list[int], r"requires str \| list"),
]


@pytest.mark.parametrize(("value", "hint", "message"), REFUSED)
def test_values_of_another_type_are_type_errors(value: Any, hint: Any, message: str) -> None:
    with pytest.raises(TypeError, match=rf"Field 'f' {message}"):
        FieldInfo().validate(value, "f", hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("c", Literal["a", "b"]),
        (None, Literal["a"]),
        (True, Literal[1]),
        (1, Literal[True]),
        ([], Literal["a"]),
    ],
)
def test_values_outside_a_literal_are_value_errors(value: Any, hint: Any) -> None:
    with pytest.raises(ValueError, match="Field 'f' must be one of"):
        FieldInfo().validate(value, "f", hint)


def test_strict_takes_no_int_for_a_float() -> None:
    strict = FieldInfo(strict=True)
    strict.validate(1.0, "f", float)
    strict.validate("x", "f", StrictStr)
    with pytest.raises(TypeError, match="requires float, got int"):
        strict.validate(1, "f", float)
    with pytest.raises(TypeError, match="element 0 requires float"):
        strict.validate([1], "f", list[float])


@pytest.mark.parametrize("value", [1, 5, 9, 1.0])
def test_bounds_include_both_ends(value: float) -> None:
    FieldInfo(ge=1, le=9).validate(value, "f", float)


def test_bounds_refuse_what_is_outside_and_nan() -> None:
    info = FieldInfo(ge=1, le=9)
    for value in (0, -1, 0.999, float("nan"), float("-inf")):
        with pytest.raises(ValueError, match="Field 'f' must be >= 1"):
            info.validate(value, "f", float)
    for value in (10, 9.001, float("inf")):
        with pytest.raises(ValueError, match="Field 'f' must be <= 9"):
            info.validate(value, "f", float)
    with pytest.raises(ValueError, match="must be >= 0"):
        FieldInfo(ge=0).validate(-1, "f", int | None)


def test_an_element_is_named_where_it_stands() -> None:
    with pytest.raises(TypeError, match=r"Field 'f\[1\]' element 0 requires str, got int"):
        FieldInfo().validate([["a"], [1]], "f", list[list[str]])
    with pytest.raises(ValueError, match=r"Field 'f\[1\]' must be >= 1, got 0"):
        FieldInfo().validate([1, 0], "f", list[Annotated[int, Field(ge=1)]])
    with pytest.raises(ValueError, match=r"Field 'f\[0\]' must be one of 'a', got 'b'"):
        FieldInfo().validate(["b"], "f", list[Literal["a"] | None])


def test_bounds_say_nothing_of_none_and_texts() -> None:
    FieldInfo(ge=1).validate(None, "f", Optional[int])
    FieldInfo(ge=1).validate("text", "f", int | str)


def test_a_bounded_branch_of_a_union_keeps_its_bounds() -> None:
    hint = Annotated[int, Field(ge=1)] | str
    FieldInfo().validate(1, "f", hint)
    with pytest.raises(TypeError, match=r"requires int \| str"):
        FieldInfo().validate(0, "f", hint)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_scalar(1, "f", str),
        lambda: check_scalar(1, "f", float, strict=True),
        lambda: check_list_items([1, "x"], "f", int),
        lambda: check_type([1, "x"], "f", list[int], strict=False),
        lambda: check_type("x", "f", int | float, strict=True),
    ],
)
def test_the_helpers_raise_type_errors_that_name_the_field(check: Callable[[], None]) -> None:
    with pytest.raises(TypeError, match="Field 'f'"):
        check()
