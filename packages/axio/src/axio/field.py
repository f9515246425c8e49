"""`Field`: what a parameter of a tool says about itself beyond its type, and the check of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

__all__ = (
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
    "literal_member",
    "type_name",
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

    def __copy__(self) -> MissingSentinel:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> MissingSentinel:
        return self

    def __reduce__(self) -> str:
        return "MISSING"


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
        inner, optional = unwrap_hint(hint)
        if value is None and optional:
            return
        check_type(value, name, inner, strict=self.strict)
        if isinstance(value, (int, float)):
            # `not >=` instead of `<`, so that NaN is within no bounds.
            if self.ge is not None and not value >= self.ge:
                raise ValueError(f"Field '{name}' must be >= {self.ge}, got {value}")
            if self.le is not None and not value <= self.le:
                raise ValueError(f"Field '{name}' must be <= {self.le}, got {value}")


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


def literal_member(value: Any, members: tuple[Any, ...]) -> Any:
    """The member equal to `value`, or `MISSING`. As in JSON, 1 is 1.0 but is not true."""
    for member in members:
        if member == value and isinstance(member, bool) == isinstance(value, bool):
            return member
    return MISSING


def check_scalar(value: Any, name: str, expected: type, *, strict: bool = False) -> None:
    """Raise `TypeError` unless `value` is an `expected`; an unknown class refuses bool only."""
    if isinstance(value, bool):
        fits = expected is bool or expected is object
    elif expected is float:
        fits = isinstance(value, float) or (isinstance(value, int) and not strict)
    else:
        fits = expected not in _CHECKED_TYPES or isinstance(value, expected)
    if not fits:
        raise TypeError(
            f"Field '{name}' requires {type_name(expected)}, got {type(value).__name__}"
        )


def check_list_items(value: list[Any], name: str, item: Any, *, strict: bool = False) -> None:
    """Raise `TypeError`, naming the index, unless every element is an `item` (a primitive)."""
    for index, element in enumerate(value):
        try:
            check_scalar(element, name, item, strict=strict)
        except TypeError:
            raise TypeError(
                f"Field '{name}' element {index} requires {type_name(item)},"
                f" got {type(element).__name__}"
            ) from None


def check_type(value: Any, name: str, inner: Any, *, strict: bool = False) -> None:
    """Raise `TypeError` or `ValueError` unless `value` fits `inner`, a hint without None."""
    origin = get_origin(inner)
    if is_union(inner):
        if not any(_fits(value, name, branch, strict) for branch in get_args(inner)):
            raise TypeError(
                f"Field '{name}' requires {type_name(inner)}, got {type(value).__name__}"
            )
    elif origin is Literal:
        if literal_member(value, get_args(inner)) is MISSING:
            wanted = ", ".join(repr(member) for member in get_args(inner))
            raise ValueError(f"Field '{name}' must be one of {wanted}, got {value!r}")
    else:
        check_scalar(value, name, bare_type(inner), strict=strict)
        if origin is list and get_args(inner)[0] in PRIMITIVE_TYPES:
            check_list_items(value, name, get_args(inner)[0], strict=strict)


def _fits(value: Any, name: str, branch: Any, strict: bool) -> bool:
    info = get_field_info(branch) or FieldInfo(strict=strict)
    try:
        info.validate(value, name, branch)
    except (TypeError, ValueError):
        return False
    return True
