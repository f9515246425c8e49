"""What a type annotation means: the one reading of it that schemas and conversion share.

A *record* is a type with named members: a dataclass, a NamedTuple or a TypedDict. A *text type* is
one that travels as a JSON string. Classes of optional modules are recognised only when the program
has imported the module, so nothing is imported for them here.
"""

from __future__ import annotations

import sys
from collections import abc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, is_dataclass
from enum import Enum
from inspect import Parameter as Slot, signature
from types import MemberDescriptorType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from axio.schema.field import (
    MISSING,
    PRIMITIVE_TYPES,
    FieldInfo,
    get_field_info,
    is_classvar,
    is_union,
)

ARRAYS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
    abc.Iterable: list,
    abc.Set: frozenset,
    abc.MutableSet: set,
}
"""Types that travel as JSON arrays, and what makes one of a list."""

MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
"""Types that travel as JSON objects with any keys."""


class Parameter(NamedTuple):
    """A parameter of a function or a member of a record. `default` is `MISSING` if unknown."""

    name: str
    hint: Any
    required: bool
    default: Any = MISSING
    description: str = ""


class Record(NamedTuple):
    cls: type
    members: tuple[Parameter, ...]
    description: str

    @property
    def is_typed_dict(self) -> bool:
        return issubclass(self.cls, dict)


class TextType(NamedTuple):
    """How a class travels as a JSON string.

    `constructor` names what makes one of a string ("" is the class itself) and raises `ValueError`
    for a wrong one. `format` and `pattern` are those of JSON Schema.
    """

    module: str
    name: str
    example: str
    constructor: str = ""
    format: str = ""
    pattern: str = ""


# Subclasses come before their bases.
_TEXT_TYPES = (
    TextType("datetime", "datetime", "2026-01-31T09:30:00Z", "fromisoformat", "date-time"),
    TextType("datetime", "date", "2026-01-31", "fromisoformat", "date"),
    TextType("datetime", "time", "09:30:00", "fromisoformat", "time"),
    TextType("uuid", "UUID", "123e4567-e89b-12d3-a456-426614174000", format="uuid"),
    TextType("decimal", "Decimal", "12.50", pattern=r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"),
    TextType("pathlib", "PurePath", "docs/index.md"),
)


def text_type(cls: type) -> TextType | None:
    """How `cls` travels as a string, None if it does not. Decimals may also be JSON numbers."""
    for text in _TEXT_TYPES:
        base = getattr(sys.modules.get(text.module), text.name, None)
        if base is not None and issubclass(cls, base):
            return text
    return None


def simplify(hint: Any) -> Any:
    """The hint without what says nothing about values: NewType, Required, TypeVar and the like."""
    while True:
        origin = get_origin(hint)
        if origin in (Required, NotRequired) or getattr(origin, "_name", "") == "ReadOnly":
            hint = get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, InitVar):
            hint = hint.type
        elif isinstance(hint, TypeVar):
            if hint.__constraints__:
                return Union[hint.__constraints__]  # noqa: UP007
            hint = hint.__bound__ or Any
        else:  # `x: [int]` is a mistake, but not one that needs to break a program.
            return hint if isinstance(hint, abc.Hashable) else Any


def alias_value(hint: Any) -> Any:
    """What a `type X = ...` alias stands for; `MISSING` when the hint is not one."""
    alias = get_origin(hint) or hint
    if type(alias).__name__ != "TypeAliasType":
        return MISSING
    return _substitute(
        alias.__value__, dict(zip(alias.__type_params__, get_args(hint), strict=False))
    )


def class_of(hint: Any) -> type | None:
    """The class of a hint that is one, parametrised or not, else None."""
    cls = get_origin(hint) or hint
    return cls if isinstance(cls, type) and cls is not Any else None


def is_model(cls: type) -> bool:
    """Whether this is a pydantic model."""
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return base is not None and issubclass(cls, base)


def is_struct(cls: type) -> bool:
    """Whether this is a msgspec struct."""
    base = getattr(sys.modules.get("msgspec"), "Struct", None)
    return base is not None and issubclass(cls, base)


def json_choices(members: Iterable[Any]) -> list[Any]:
    """How JSON names the members of an Enum or Literal.

    An Enum goes by its values if all are plain, else by its names.
    """
    return [_json_choice(member) for member in members]


def _json_choice(member: Any) -> Any:
    if not isinstance(member, Enum):
        return member
    values = (other.value for other in type(member))
    plain = all(value is None or isinstance(value, PRIMITIVE_TYPES) for value in values)
    return member.value if plain else member.name


def is_plain(hint: Any) -> bool:
    """Whether JSON values of this type need no conversion.

    The contents of a dict are described, checked and converted only if they are not plain.
    """
    hint = simplify(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return is_plain(hint.__origin__)
    if is_union(hint) or origin in (list, dict):
        return all(map(is_plain, args))
    if origin is Literal:
        return not any(isinstance(member, Enum) for member in args)
    return hint in (*PRIMITIVE_TYPES, list, dict, Any, object, type(None))


def record(hint: Any) -> Record | None:
    """The members of a dataclass, NamedTuple or TypedDict; None for every other type."""
    cls = class_of(hint)
    if cls is None:
        return None
    if issubclass(cls, dict) and hasattr(cls, "__total__"):
        members = _typed_dict_members(cls)
    elif _is_constructed(cls):
        members = parameters(cls, _class_hints(cls))
    else:
        return None
    arguments = dict(zip(getattr(cls, "__parameters__", ()), get_args(hint), strict=False))
    if arguments:
        members = [m._replace(hint=_substitute(m.hint, arguments)) for m in members]
    return Record(cls, tuple(members), _own_summary(cls))


def parameters(fn: Any, hints: Mapping[str, Any] | None = None) -> list[Parameter]:
    """What can be passed to a function or class by name, in order of declaration.

    Left out are `*args`, `**kwargs`, ClassVars and names with a leading underscore. A parameter
    without annotation has the hint `Any`. `hints` are used instead of the annotations of `fn`;
    a parameter that is annotated but not among them is left out.
    """
    if hints is None:
        hints = get_type_hints(fn, include_extras=True)
    slots = _slots(fn)
    found: dict[str, Any] = {}
    if not isinstance(fn, type) or _is_constructed(fn):
        for name, slot in slots.items():
            if name in hints or slot.annotation is Slot.empty:
                found[name] = hints.get(name, Any)
    if not _is_constructed(fn):
        found = {**found, **hints}
    descriptions = _descriptions(fn)
    return [
        _parameter(fn, name, hint, slots.get(name), descriptions.get(name, ""))
        for name, hint in found.items()
        if not name.startswith("_")
        and name != "return"
        and not is_classvar(hint)
        and not (name in slots and slots[name].kind in _UNNAMED)
    ]


def takes_any_name(fn: Any) -> bool:
    """Whether a function has `**kwargs`."""
    return any(slot.kind is Slot.VAR_KEYWORD for slot in _slots(fn).values())


def _is_constructed(fn: Any) -> bool:
    """Whether this is a class whose constructor takes its members by name."""
    is_named_tuple = isinstance(fn, type) and issubclass(fn, tuple) and hasattr(fn, "_fields")
    return isinstance(fn, type) and (is_dataclass(fn) or is_named_tuple)


_UNNAMED = (Slot.POSITIONAL_ONLY, Slot.VAR_POSITIONAL, Slot.VAR_KEYWORD)


def _slots(fn: Any) -> Mapping[str, Slot]:
    try:
        return signature(fn).parameters
    except (TypeError, ValueError):  # Some classes and built-ins have none.
        return {}


def _parameter(fn: Any, name: str, hint: Any, slot: Slot | None, description: str) -> Parameter:
    default = MISSING if slot is None or slot.default is Slot.empty else slot.default
    if isinstance(default, FieldInfo):  # `x: int = Field(...)`, as other libraries write it.
        hint, default = Annotated[hint, default], MISSING
    optional = default is not MISSING
    if (stated := field_default(hint)) is not MISSING:
        default, optional = stated, True
    elif isinstance(fn, type) and slot is None:
        value = getattr(fn, name, MISSING)
        optional = value is not MISSING and not isinstance(value, MemberDescriptorType)
    return Parameter(name, hint, not optional, default, description)


def field_default(hint: Any) -> Any:
    """The default that a `Field` in the annotation gives, or `MISSING`."""
    info = get_field_info(hint)
    return MISSING if info is None else info.default


def _typed_dict_members(cls: type) -> list[Parameter]:
    descriptions = _descriptions(cls)
    members = []
    for name, hint in _class_hints(cls).items():
        # With postponed annotations `__required_keys__` does not know of the wrappers.
        origin = get_origin(hint)
        required = origin is Required or (
            origin is not NotRequired and name in cls.__required_keys__  # type: ignore[attr-defined]
        )
        hint = simplify(hint)
        default = field_default(hint)
        required = required and default is MISSING
        members.append(Parameter(name, hint, required, default, descriptions.get(name, "")))
    return members


def _descriptions(fn: Any) -> dict[str, str]:
    from axio.schema.docstrings import parameter_descriptions  # Its patterns take time to compile.

    return parameter_descriptions(fn.__doc__)


def _class_hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError:
        pass
    try:  # A class inside a function may still name itself.
        return get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"cannot resolve the annotations of {cls.__qualname__}: {error};"
            " define what they name at module level"
        ) from error


def _own_summary(cls: type) -> str:
    from axio.schema.docstrings import summary

    doc = cls.__dict__.get("__doc__") or ""
    # Dataclasses and named tuples without a docstring get their signature for one.
    return "" if doc.startswith(f"{cls.__name__}(") else summary(doc)


def _substitute(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return arguments.get(hint, hint)
    inner = () if isinstance(hint, type) else getattr(hint, "__parameters__", ())
    return hint[tuple(arguments.get(p, p) for p in inner)] if inner else hint
