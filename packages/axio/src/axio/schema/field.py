"""`Field`: what a parameter of a tool says about itself beyond its type.

The checks of plain values stand here too, with the error that all checks of arguments raise, so
that `FieldInfo.validate`, which converts nothing, and the conversion of a tool's arguments agree.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import isclose, isfinite
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeAlias,
    Union,
    get_args,
    get_origin,
)

__all__ = (  # of `axio.field`
    "MISSING",
    "PRIMITIVE_TYPES",
    "Field",
    "FieldInfo",
    "MissingSentinel",
    "StrictStr",
    "bare_type",
    "check_list_items",
    "check_scalar",
    "check_type",
    "get_field_info",
    "is_classvar",
    "unwrap_hint",
)

PRIMITIVE_TYPES: tuple[type, ...] = (str, int, float, bool)
_CHECKED_TYPES = (*PRIMITIVE_TYPES, list, dict)


class MissingSentinel:
    """The type of `MISSING`: no default was given, as opposed to a default of `None`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # There is one only: copies are it, too.


MISSING = MissingSentinel()


@dataclass(frozen=True)
class FieldInfo:
    """Facts about one parameter, put into its annotation: `Annotated[int, Field(ge=1)]`.

    `ge` and `le` bound a number, both ends included. With `strict` an `int` is not taken for a
    `float`. The default wins over the one in the signature.
    """

    description: str = ""
    default: Any = MISSING
    ge: float | None = None
    le: float | None = None
    strict: bool = False

    def __hash__(self) -> int:
        # Without the default, which may be a list: `typing` hashes what stands in a union.
        return hash((self.description, self.ge, self.le, self.strict))

    def validate(self, value: Any, name: str, hint: Any) -> None:
        """Raise `TypeError` or `ValueError`, naming the field, unless `value` fits `hint`.

        Nothing is converted. Types other than str, int, float, bool, list, dict, Literal and
        unions of them are not looked at.
        """
        try:
            _check(value, hint, self)
        except Mismatch as mismatch:
            raise mismatch.error(mismatch.message(name)) from None


def Field(
    description: str = "",
    default: Any = MISSING,
    ge: float | None = None,
    le: float | None = None,
) -> FieldInfo:
    """Describe and bound a parameter: `Annotated[int, Field("how many", ge=1, le=9)]`."""
    return FieldInfo(description=description, default=default, ge=ge, le=le)


StrictStr = Annotated[str, FieldInfo(strict=True)]


def get_field_info(annotation: Any) -> FieldInfo | None:
    """The first `FieldInfo` of an `Annotated`, or None."""
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, FieldInfo):
            return extra
    return None


# ── Hints ────────────────────────────────────────────────────────────────────────────────────────


def is_union(hint: Any) -> bool:
    origin = get_origin(hint)
    return origin is Union or origin is UnionType


def is_classvar(hint: Any) -> bool:
    return hint is ClassVar or get_origin(hint) is ClassVar


def unwrap_hint(hint: Any) -> tuple[Any, bool]:
    """The hint without `Annotated` and without None, and whether None was one of its branches."""
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            hint = hint.__origin__
        elif is_union(hint) and type(None) in get_args(hint):
            optional = True
            branches = tuple(branch for branch in get_args(hint) if branch is not type(None))
            hint = Union[branches]  # noqa: UP007
        else:
            return hint, optional


def bare_type(hint: Any) -> type:
    """The class behind a hint: `list` for `list[int] | None`; `object` when there is not one."""
    inner, _ = unwrap_hint(hint)
    inner = get_origin(inner) or inner
    # `Any` is a class since Python 3.11.
    return inner if isinstance(inner, type) and inner not in (UnionType, Any) else object


def type_name(hint: Any) -> str:
    """A hint as error messages name it."""
    if is_union(hint):
        return " | ".join(type_name(branch) for branch in get_args(hint))
    if hint is type(None):
        return "None"
    if get_origin(hint) is Annotated:
        return type_name(hint.__origin__)
    if get_origin(hint) is Literal:
        return repr(hint).removeprefix("typing.")
    return str(getattr(hint, "__name__", hint))


# ── Checks ───────────────────────────────────────────────────────────────────────────────────────


class Mismatch(Exception):
    """A value does not fit. Each container on the way out adds its part of the path."""

    def __init__(self, text: str, path: str = "", error: type[Exception] = ValueError) -> None:
        super().__init__(text)
        self.text = text
        self.error = error
        """For users of `Field`: `TypeError` if a value is of a type that is not wanted."""
        self._path = [path] if path else []
        """Innermost part first."""

    @property
    def wrong_type(self) -> bool:
        """True if it says only that the whole value is of a type that is not wanted."""
        return self.error is TypeError and not self._path

    def at(self, part: object) -> Mismatch:
        """Say that it happened at this index or key."""
        plain = isinstance(part, str) and part.isidentifier()
        self._path.append(f".{part}" if plain else f"[{part!r}]")
        return self

    def message(self, name: str) -> str:
        """The sentence for the model: "Field 'items[2].price' requires float, got str"."""
        outer = name + "".join(reversed(self._path[1:]))
        last = self._path[0] if self._path else ""
        if last[:1] == "[" and last[1:-1].isdigit() and self.text.startswith("requires"):
            return f"Field '{outer}' element {last[1:-1]} {self.text} (at {outer}{last})"
        return f"Field '{outer}{last}' {self.text}"


def requires(wanted: str, value: Any) -> Mismatch:
    return Mismatch(f"requires {wanted}, got {type(value).__name__}", error=TypeError)


def missing() -> Mismatch:
    return Mismatch("is required but missing")


def not_among(values: Any, value: Any) -> Mismatch:
    return Mismatch(f"must be one of {', '.join(map(repr, values))}, got {shown(value)}")


def shown(value: Any) -> str:
    """A value as a message quotes it: long strings are cut, containers only named."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    plain = value is None or isinstance(value, (int, float))
    return repr(value) if plain else type(value).__name__


def is_a(value: Any, cls: type, strict: bool = False) -> bool:
    """True if `value` is one of these as JSON has them: no bool is a number, an int is a float."""
    if isinstance(value, bool):
        return cls is bool or cls is object
    if cls is float and not strict and isinstance(value, int):
        return True
    return isinstance(value, cls)


def equal(left: Any, right: Any) -> bool:
    """Equality as JSON has it: 1 is 1.0, but neither is true."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def literal_member(value: Any, members: tuple[Any, ...]) -> Any:
    """The member equal to `value`, or `MISSING`."""
    return next((member for member in members if equal(member, value)), MISSING)


def check_limit(value: Any, keyword: str, limit: Any) -> None:
    """Raise `Mismatch` if a value that `keyword` speaks of is outside of `limit`."""
    _, measure, holds, text = LIMITS[keyword]
    size = measure(value)
    try:
        # NaN is within no limits, since it compares as False.
        fits = size is None or holds(size, limit)
    except TypeError:  # A text is neither above nor below a number.
        return
    if not fits:
        raise Mismatch(f"{text.format(limit)}, got {size}")


def _ordered(value: Any) -> Any:
    return None if isinstance(value, bool) else value


def _number(value: Any) -> Any:
    number = isinstance(value, (int, float)) or type(value).__name__ == "Decimal"
    return value if number and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text_length(value: Any) -> int | None:
    return len(value) if isinstance(value, _TEXTS) else None


def _array_length(value: Any) -> int | None:
    is_array = isinstance(value, (Sequence, Set)) and not isinstance(value, _TEXTS)
    return len(value) if is_array else None


def _object_length(value: Any) -> int | None:
    return len(value) if isinstance(value, Mapping) else None


def _is_multiple(value: Any, step: Any) -> bool:
    if isinstance(value, float) or isinstance(step, float):
        # 0.3 is a multiple of 0.1, although Python's remainder says otherwise.
        quotient = value / step
        return isfinite(quotient) and isclose(quotient, round(quotient), rel_tol=1e-9)
    return bool(value % step == 0)


def _matches(text: str, pattern: str) -> bool:
    import re  # Not at import: a pattern is rare.

    return re.search(pattern, text) is not None


_TEXTS = (str, bytes, bytearray)

Limit: TypeAlias = tuple[str, Callable[[Any], Any], Callable[[Any, Any], bool], str]
"""The type of JSON that it speaks of, the measure of a value (None: not its business), the check,
the words."""

LIMITS: dict[str, Limit] = {
    "minimum": ("number", _ordered, operator.ge, "must be >= {}"),
    "maximum": ("number", _ordered, operator.le, "must be <= {}"),
    "exclusiveMinimum": ("number", _ordered, operator.gt, "must be > {}"),
    "exclusiveMaximum": ("number", _ordered, operator.lt, "must be < {}"),
    "multipleOf": ("number", _number, _is_multiple, "must be a multiple of {}"),
    "minLength": ("string", _text_length, operator.ge, "must have at least {} characters"),
    "maxLength": ("string", _text_length, operator.le, "must have at most {} characters"),
    "minItems": ("array", _array_length, operator.ge, "must have at least {} elements"),
    "maxItems": ("array", _array_length, operator.le, "must have at most {} elements"),
    "minProperties": ("object", _object_length, operator.ge, "must have at least {} members"),
    "maxProperties": ("object", _object_length, operator.le, "must have at most {} members"),
    "pattern": ("string", _text, _matches, "must match {}"),
}
"""By their keywords in JSON Schema."""


def check_scalar(value: Any, name: str, expected: type, *, strict: bool = False) -> None:
    """Raise `TypeError` unless `value` is an `expected`; an unknown class refuses bool only."""
    check_type(value, name, expected, strict=strict)


def check_list_items(value: list[Any], name: str, item: Any, *, strict: bool = False) -> None:
    """Raise `TypeError`, naming the index, unless every element is an `item`."""
    check_type(value, name, list[item], strict=strict)


def check_type(value: Any, name: str, inner: Any, *, strict: bool = False) -> None:
    """Raise `TypeError` or `ValueError` unless `value` fits `inner`, a hint without None."""
    FieldInfo(strict=strict).validate(value, name, inner)


def _check(value: Any, hint: Any, info: FieldInfo) -> None:
    inner, optional = unwrap_hint(hint)
    if value is None and optional:
        return
    origin, args = get_origin(inner), get_args(inner)
    if is_union(inner):
        if not any(_fits(value, branch, info.strict) for branch in args):
            raise requires(type_name(inner), value)
    elif origin is Literal:
        if literal_member(value, args) is MISSING:
            raise not_among(args, value)
    else:
        cls = bare_type(inner)
        known = cls in _CHECKED_TYPES or isinstance(value, bool)
        if known and not is_a(value, cls, info.strict):
            raise requires(type_name(cls), value)
        if origin is list:
            _check_items(value, args[0], info.strict)
    for keyword, limit in (("minimum", info.ge), ("maximum", info.le)):
        if limit is not None:
            check_limit(value, keyword, limit)


def _check_items(value: list[Any], item: Any, strict: bool) -> None:
    info = get_field_info(item) or FieldInfo(strict=strict)
    for index, element in enumerate(value):
        try:
            _check(element, item, info)
        except Mismatch as mismatch:
            raise mismatch.at(index) from None


def _fits(value: Any, branch: Any, strict: bool) -> bool:
    try:
        _check(value, branch, get_field_info(branch) or FieldInfo(strict=strict))
    except Mismatch:
        return False
    return True
