"""The meaning of type annotations, and the form in which values of a type travel as JSON.

A *text type* is one that travels as a JSON string.
"""

from __future__ import annotations

import sys
from binascii import a2b_base64, b2a_base64
from collections import abc, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar
from enum import Enum
from types import MappingProxyType
from typing import (
    Annotated,
    Any,
    Literal,
    LiteralString,
    NamedTuple,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from axio.schema.field import MISSING, PRIMITIVE_TYPES, is_union

ARRAYS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    deque: deque,
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

ANYTHING = (Any, object)


class Unsupported(TypeError):
    """An annotation that no JSON value can be checked and converted to."""


# ── Annotations ──────────────────────────────────────────────────────────────────────────────────


def simplify(hint: Any) -> Any:
    """The hint without what says nothing about values: NewType, Required, TypeVar and the like."""
    while True:
        if get_origin(hint) in (Required, NotRequired) or is_special(hint, "ReadOnly"):
            hint = get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, InitVar):
            hint = hint.type
        elif isinstance(hint, TypeVar):
            if hint.__constraints__:
                return Union[hint.__constraints__]  # noqa: UP007
            hint = hint.__bound__ or Any
        elif hint is None:  # as in `list[None]`
            return type(None)
        else:
            return str if hint is LiteralString else hint


def is_special(hint: Any, name: str) -> bool:
    """True for a special form that `typing_extensions` may have had before `typing`."""
    return getattr(get_origin(hint), "_name", "") == name


def alias_value(hint: Any) -> Any:
    """The annotation that a `type X = ...` alias stands for; `MISSING` when the hint is not one."""
    alias = get_origin(hint) or hint
    if type(alias).__name__ != "TypeAliasType":
        return MISSING
    return substitute(
        alias.__value__, dict(zip(alias.__type_params__, get_args(hint), strict=False))
    )


def substitute(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """The hint with its type variables replaced."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, hint)
    inner = () if isinstance(hint, type) else getattr(hint, "__parameters__", ())
    return hint[tuple(arguments.get(p, p) for p in inner)] if inner else hint


def class_of(hint: Any) -> type | None:
    """The class of a hint that is one, parametrised or not, else None."""
    cls = get_origin(hint) or hint
    return cls if isinstance(cls, type) and cls is not Any else None


def scalar_base(cls: type) -> type | None:
    """The class of JSON values that a subclass of `str`, `int` or `float` is made of."""
    return next((base for base in (str, int, float) if issubclass(cls, base)), None)


def is_plain(hint: Any) -> bool:
    """True if JSON values of this type need no conversion, and a schema says no more than so."""
    hint = simplify(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return is_plain(hint.__origin__)
    if is_union(hint) or origin in (list, dict):
        return all(map(is_plain, args))
    if origin is Literal:
        return not any(isinstance(member, Enum) for member in args)
    return hint in (*PRIMITIVE_TYPES, list, dict, *ANYTHING, type(None))


def holds_anything(args: tuple[Any, ...]) -> bool:
    """True if a mapping with these arguments may have any values, with texts for keys."""
    key, item = map(simplify, args or (Any, Any))
    return key in (str, *ANYTHING) and item in ANYTHING


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


# ── Text types ───────────────────────────────────────────────────────────────────────────────────


class TextType(NamedTuple):
    """How a class travels as a JSON string.

    `parse` takes the class and the text, and raises an `Exception` for a wrong one; `form` is the
    way back. `keywords` stand beside the type in a schema.
    """

    module: str
    name: str
    example: str
    parse: Callable[[Any, str], Any] = lambda cls, text: cls(text)
    form: Callable[[Any], str] = str
    keywords: Mapping[str, Any] = MappingProxyType({})


def _parse_iso(cls: Any, text: str) -> Any:
    return cls.fromisoformat(text)


def _iso_form(value: Any) -> str:
    return str(value.isoformat())


_DURATION = (
    r"(?P<sign>[+-]?)P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d{1,6})?)S)?)?"
)


def _parse_duration(cls: Any, text: str) -> Any:
    """ISO 8601. Years and months are refused, since they have no fixed length."""
    import re

    found = re.fullmatch(_DURATION, text, re.ASCII)
    if found is None:
        raise ValueError(f"not a duration: {text!r}")
    sign, *numbers = found.groups("0")
    units = ("weeks", "days", "hours", "minutes", "seconds")
    parts = dict(zip(units, (float(number.replace(",", ".")) for number in numbers), strict=True))
    return -cls(**parts) if sign == "-" else cls(**parts)


def _duration_form(value: Any) -> str:
    if value.days < 0:
        return "-" + _duration_form(-value)
    seconds = f"{value.seconds}.{value.microseconds:06}".rstrip("0").rstrip(".")
    days = f"{value.days}D" if value.days else ""
    return f"P{days}T{seconds}S" if seconds != "0" or not days else f"P{days}"


def _parse_base64(cls: Any, text: str) -> Any:
    return cls(a2b_base64(text, strict_mode=bool(text)))


def _base64_form(value: Any) -> str:
    return b2a_base64(value, newline=False).decode()


# Subclasses come before their bases.
_TEXT_TYPES = (
    *(
        TextType("datetime", name, example, _parse_iso, _iso_form, {"format": format_})
        for name, example, format_ in (
            ("datetime", "2026-01-31T09:30:00Z", "date-time"),
            ("date", "2026-01-31", "date"),
            ("time", "09:30:00", "time"),
        )
    ),
    TextType(
        *("datetime", "timedelta", "P1DT2H30M"),
        *(_parse_duration, _duration_form, {"format": "duration"}),
    ),
    TextType("uuid", "UUID", "123e4567-e89b-12d3-a456-426614174000", keywords={"format": "uuid"}),
    TextType(
        *("decimal", "Decimal", "12.50"),
        keywords={"pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"},
    ),
    TextType("pathlib", "PurePath", "docs/index.md"),
    TextType("ipaddress", "IPv4Interface", "192.0.2.5/24"),
    TextType("ipaddress", "IPv6Interface", "2001:db8::5/64"),
    TextType("ipaddress", "IPv4Address", "192.0.2.5", keywords={"format": "ipv4"}),
    TextType("ipaddress", "IPv6Address", "2001:db8::5", keywords={"format": "ipv6"}),
    TextType("ipaddress", "IPv4Network", "192.0.2.0/24"),
    TextType("ipaddress", "IPv6Network", "2001:db8::/32"),
    *(
        TextType(
            *("builtins", name, "aGVsbG8="),
            *(_parse_base64, _base64_form, {"contentEncoding": "base64"}),
        )
        for name in ("bytes", "bytearray")
    ),
)


def text_type(cls: type) -> TextType | None:
    """How `cls` travels as a string, None if it does not. Decimals may also be JSON numbers.

    A class is recognised once the program has imported its module: nothing is imported for it.
    """
    for text in _TEXT_TYPES:
        base = getattr(sys.modules.get(text.module), text.name, None)
        if base is not None and issubclass(cls, base):
            return text
    return None
