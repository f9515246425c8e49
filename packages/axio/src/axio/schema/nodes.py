"""How one type is converted from JSON: `Node`, and the nodes of types that hold no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from axio.schema.field import Mismatch, check_limit, is_a, not_among, requires, shown
from axio.schema.foreign import Facts
from axio.schema.hints import TextType, json_choices

Convert = Callable[[Any], Any]
"""Takes a decoded JSON value, returns what the handler gets, raises `Mismatch`."""


_NULL = frozenset({type(None)})


@dataclass(slots=True, eq=False)
class Node:
    """How one type is converted.

    `takes` are the classes of decoded JSON that have a chance, None if any has. A value whose
    class is `exact` passes as it is. `tags` are the values by which a union may choose this record,
    for each member that has such.
    """

    convert: Convert
    takes: frozenset[type] | None = None
    exact: type | None = None
    tags: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def lenient(self, value: Any) -> Any:
        """Convert, also from JSON in a string where a string as such is not allowed."""
        if value.__class__ is str and self.takes and str not in self.takes:
            value = decoded(value, self.takes)
        return self.convert(value)


def decoded(text: str, wanted: frozenset[type]) -> Any:
    """The object or array that `text` holds if one is wanted, else `text`."""
    if list not in wanted and dict not in wanted:
        return text
    from json import loads  # Not at import: the maker of the arguments has loaded it.

    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (list, dict)) and type(value) in wanted else text


def in_words(error: Exception, name: str) -> str:
    """An error that a node raised for the value `name`, as a sentence for the model."""
    if isinstance(error, Mismatch):
        return error.message(name)
    if isinstance(error, RecursionError):
        return f"Field '{name}' is nested too deeply"
    return f"Field '{name}' is not valid: {error}"  # Of a class of the user's, which checks itself.


def any_node() -> Node:
    return Node(lambda value: value)


def first_fitting(
    nodes: Sequence[Node], value: Any, wanted: str, near: Sequence[Mismatch] = ()
) -> Any:
    """Convert the value with the first node that accepts it.

    If none does, the error names what is wanted, and the fault in each branch that takes this kind
    of value; `near` are the faults that the caller knows already. Where one branch alone takes
    objects, an object was meant for it, and the error names only its fault.
    """
    near = list(near)
    for node in nodes:
        try:
            return node.convert(value)
        except Mismatch as mismatch:
            if type(value) in (node.takes or ()):
                near.append(mismatch)
    only = sum(node.takes != _NULL for node in nodes) == 1  # Null would have been accepted.
    if len(near) == 1 and (only or type(value) is dict):
        raise near[0]
    other = requires(wanted, value)
    # That a branch wants another type has been said already.
    reasons = [mismatch.message("it") for mismatch in near if not mismatch.wrong_type]
    raise Mismatch(f"{other.text}: {'; '.join(reasons)}") if reasons else other


def primitive_node(cls: type, strict: bool) -> Node:
    def convert(value: Any) -> Any:
        if is_a(value, cls, strict):
            return value
        if cls is int and isinstance(value, float) and value.is_integer() and not strict:
            return int(value)
        raise requires(cls.__name__, value)

    takes = {int, float} if cls in (int, float) else {cls}
    return Node(convert, frozenset(takes), cls)


def instance_node(cls: Any, takes: type) -> Node:
    """Instances of `cls` as they are; `takes` is what of JSON may be one."""

    def convert(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        raise requires(cls.__name__, value)

    return Node(convert, frozenset({takes}), takes)


def limited_node(node: Node, said: Facts) -> Node:
    """The node with what stands beside its type in an `Annotated`."""

    def convert(value: Any) -> Any:
        value = node.convert(value)
        for keyword, limit in said.limits:
            check_limit(value, keyword, limit)
        for test in said.tests:
            if not test(value):
                name = getattr(test, "__name__", None) or repr(test)
                raise Mismatch(f"must pass {name}, got {shown(value)}")
        return value

    return Node(convert, node.takes)


def choice_node(members: Sequence[Any]) -> Node:
    """These members, and their names in JSON. 1 is 1.0, but is not true."""
    values = json_choices(members)
    table = {(member.__class__ is bool, member): member for member in members}
    for value, member in zip(values, members, strict=True):
        table[value.__class__ is bool, value] = member

    def convert(value: Any) -> Any:
        try:
            return table[value.__class__ is bool, value]
        except (KeyError, TypeError):
            raise not_among(values, value) from None

    return Node(convert, frozenset(map(type, values)))


def enum_node(cls: type[Enum]) -> Node:
    choice = choice_node(list(cls))

    def convert(value: Any) -> Any:
        try:
            return choice.convert(value)
        except Mismatch:
            if isinstance(value, bool):
                raise
            try:  # The class may have its own idea of what else is a member.
                return cls(value)
            except ValueError:
                pass
            raise

    return Node(convert, choice.takes)


def scalar_node(cls: Any, base: type) -> Node:
    """A subclass of `str`, `int` or `float`."""
    node = primitive_node(base, strict=False)

    def convert(value: Any) -> Any:
        return value if isinstance(value, cls) else cls(node.convert(value))

    return Node(convert, node.takes)


def text_node(cls: Any, text: TextType) -> Node:
    numeric = text.name == "Decimal"
    fits = re.compile(text.keywords.get("pattern", "")).search

    def convert(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        spelled = value
        if numeric and isinstance(value, (int, float)) and not isinstance(value, bool):
            spelled = repr(value)
        if isinstance(spelled, str) and fits(spelled):
            try:
                return text.parse(cls, spelled)
            except Exception:  # Each class has its own for a text that is none of its.
                pass
        raise Mismatch(f"requires {cls.__name__} like '{text.example}', got {shown(value)}")

    return Node(convert, frozenset({str, int, float} if numeric else {str}))
