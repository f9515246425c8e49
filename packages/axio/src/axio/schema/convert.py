"""JSON values into what an annotation says.

Values that already are what is wanted pass. Nothing is guessed: "5" is not an int. Two things are
forgiven because models do them: a whole float for an int, and an object or array that arrives as a
JSON string where a string is not allowed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from enum import Enum
from itertools import repeat
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from axio.schema.field import (
    MISSING,
    PRIMITIVE_TYPES,
    Mismatch,
    is_union,
    literal_member,
    missing,
    not_among,
    requires,
    type_name,
    unwrap_hint,
)
from axio.schema.foreign import facts, foreign
from axio.schema.hints import (
    ANYTHING,
    ARRAYS,
    MAPPINGS,
    Unsupported,
    alias_value,
    class_of,
    holds_anything,
    json_choices,
    scalar_base,
    simplify,
    text_type,
)
from axio.schema.nodes import (
    Convert,
    Node,
    any_node,
    choice_node,
    enum_node,
    first_fitting,
    in_words,
    instance_node,
    limited_node,
    primitive_node,
    scalar_node,
    text_node,
)
from axio.schema.signature import Parameter, Record, record

_ARRAY: frozenset[type] = frozenset({list})
_OBJECT: frozenset[type] = frozenset({dict})


def converter(annotation: Any, name: str = "value") -> Convert:
    """A function that turns decoded JSON into an `annotation`, or raises `ValueError`.

    The message names the place below `name`, what came and what is wanted. An annotation that
    nothing in JSON becomes is a `TypeError` at once.
    """
    node = Compiler().node(annotation)

    def checked(value: Any) -> Any:
        try:
            return node.lenient(value)
        except Exception as error:
            raise ValueError(in_words(error, name)) from error

    return checked


def _unfinished(value: Any) -> Any:
    raise AssertionError("a type that is still being read")


class Compiler:
    """Makes the nodes of annotations; a type that holds itself meets its own node again.

    That node may be unfinished, so nodes are asked for `convert` only when there is a value.
    """

    def __init__(self) -> None:
        self._named: dict[Any, Node] = {}

    def node(self, hint: Any, strict: bool = False) -> Node:
        hint = simplify(hint)
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(hint, strict)
        if is_union(hint):
            return self._union(args, strict)
        if origin is Literal:
            return choice_node(args)
        if not isinstance(hint, Hashable):
            raise Unsupported(f"{hint!r} is not a type")
        if hint in ANYTHING:
            return any_node()
        if origin is None and hint in PRIMITIVE_TYPES:
            return primitive_node(hint, strict)
        container = origin or hint
        if container in ARRAYS:
            return self._array(container, args, strict)
        if container in MAPPINGS:
            return self._mapping(container, args)
        if hint not in self._named:
            value = alias_value(hint)
            is_class = value is MISSING
            self._named[hint] = node = Node(_unfinished, _OBJECT if is_class else None)
            made = self._class(hint) if is_class else self.node(value)
            node.convert, node.takes, node.tags = made.convert, made.takes, made.tags
        return self._named[hint]

    def _annotated(self, hint: Any, strict: bool) -> Node:
        said = facts(hint)
        if said.problem:
            raise Unsupported(said.problem)
        if said.judge and (judged := foreign(hint, judge=True)) is not None:
            return Node(judged.convert, judged.takes)
        node = self.node(hint.__origin__, strict or said.strict)
        return limited_node(node, said) if said.limits or said.tests else node

    def _class(self, hint: Any) -> Node:
        if (judged := foreign(hint)) is not None:
            return Node(judged.convert, judged.takes)
        if (found := record(hint)) is not None:
            return self._record(found)
        cls = class_of(hint) or object
        if cls is type(None):
            return choice_node([None])
        if issubclass(cls, Enum):
            return enum_node(cls)
        if (text := text_type(cls)) is not None:
            return text_node(cls, text)
        if (base := scalar_base(cls)) is not None:
            return scalar_node(cls, base)
        raise Unsupported(
            f"nothing in JSON becomes a {type_name(hint)}; take a dataclass, a TypedDict,"
            " a pydantic model or a type of JSON"
        )

    def _array(self, container: Any, args: tuple[Any, ...], strict: bool) -> Node:
        if container is tuple and args and args[-1] is not ...:
            return _fixed_tuple([self.node(item, strict) for item in args])
        if container is list and (not args or simplify(args[0]) in ANYTHING):
            return instance_node(list, list)
        build = ARRAYS[container]
        item = self.node(args[0] if args else Any, strict)
        accepts: Any = (list,) if container is list else (list, tuple, build)
        if build in (set, frozenset):
            accepts = (list, tuple, set, frozenset)

        def convert(value: Any) -> Any:
            if not isinstance(value, accepts):
                raise requires(build.__name__, value)
            items = _elements(zip(repeat(item), value))
            try:
                return items if build is list else build(items)
            except TypeError as error:  # An element that cannot be in a set.
                raise Mismatch(f"cannot be made a {build.__name__}: {error}") from None

        return Node(convert, _ARRAY)

    def _mapping(self, container: Any, args: tuple[Any, ...]) -> Node:
        if holds_anything(args):
            return instance_node(container, dict)
        key, item = map(self.node, args)

        def convert(value: Any) -> Any:
            if not isinstance(value, Mapping):
                raise requires("dict", value)
            items = {}
            for name, element in value.items():
                try:
                    items[_key(key, name)] = item.lenient(element)
                except Mismatch as mismatch:
                    raise mismatch.at(name) from None
            return items

        return Node(convert, _OBJECT)

    def _record(self, found: Record) -> Node:
        cls, is_typed_dict = found.cls, found.is_typed_dict
        members = [
            (m.name, self._member(found, m), m.required, facts(m.hint)) for m in found.members
        ]

        def convert(value: Any) -> Any:
            if not is_typed_dict and isinstance(value, cls):
                return value
            if not isinstance(value, Mapping):
                raise requires(f"object ({cls.__name__})", value)
            # A TypedDict may hold more than it names; a class has no place for that.
            values = dict(value) if is_typed_dict else {}
            for name, node, required, said in members:
                element = value.get(name, MISSING)
                try:
                    if element.__class__ is node.exact:
                        values[name] = element
                    elif element is not MISSING:
                        values[name] = node.lenient(element)
                    elif required:
                        raise missing()
                    elif (default := said.fresh_default()) is not MISSING:
                        values[name] = default
                except Mismatch as mismatch:
                    # Null where a class has a default means "not given".
                    if required or is_typed_dict or element is not None:
                        raise mismatch.at(name) from None
            try:
                return values if is_typed_dict else cls(**values)
            except Exception as error:
                raise Mismatch(f"is not a valid {cls.__name__}: {error}") from error

        tags = {m.name: values for m in found.members if (values := _literal_values(m.hint))}
        return Node(convert, _OBJECT, tags=tags)

    def _member(self, found: Record, member: Parameter) -> Node:
        try:
            return self.node(member.hint)
        except Unsupported as error:
            raise Unsupported(f"{found.cls.__name__}.{member.name}: {error}") from error

    def _union(self, args: tuple[Any, ...], strict: bool) -> Node:
        branches = tuple(branch for branch in args if branch is not type(None))
        nodes = [self.node(branch, strict) for branch in branches]
        # A whole float is a float first, wherever the int stands.
        floats_first = sorted(nodes, key=lambda node: node.exact is not float)
        optional = len(branches) < len(args)
        wanted = type_name(Union[branches])  # noqa: UP007
        tag, by_tag = _tagged(nodes)

        def convert(value: Any) -> Any:
            if value is None and optional:
                return None
            if not (by_tag and isinstance(value, dict) and tag in value):
                some = floats_first if value.__class__ is float else nodes
                return first_fitting(some, value, wanted)
            member = literal_member(value[tag], tuple(by_tag))
            if member is not MISSING:
                return by_tag[member].convert(value)
            untagged = [node for node in nodes if not node.tags]
            return first_fitting(untagged, value, wanted, [not_among(by_tag, value[tag]).at(tag)])

        takes: frozenset[type] | None = frozenset({type(None)} if optional else ())
        for node in nodes:
            takes = None if takes is None or node.takes is None else takes | node.takes
        return Node(convert, takes, nodes[0].exact)


def _key(node: Node, name: Any) -> Any:
    """The key of a dict. One that is not text stands in the text as its JSON: "1" is 1."""
    try:
        return node.convert(name)
    except Mismatch:
        if not isinstance(name, str):
            raise
        from json import loads

        try:
            return node.convert(loads(name))
        except (Mismatch, ValueError, RecursionError):
            pass
        raise


def _tagged(nodes: list[Node]) -> tuple[str, dict[Any, Node]]:
    """The member whose literal values tell the records of a union apart, and the record of each."""
    records = [node for node in nodes if node.tags]
    for name in records[0].tags if len(records) > 1 else ():
        table = {tag: node for node in records for tag in node.tags.get(name, ())}
        distinct = sum(len(node.tags.get(name, ())) for node in records) == len(table)
        if distinct and all(name in node.tags for node in records):
            return name, table
    return "", {}


def _literal_values(hint: Any) -> list[Any]:
    """The values of a Literal as JSON has them; empty for any other hint."""
    inner, _ = unwrap_hint(simplify(hint))
    return json_choices(get_args(inner)) if get_origin(inner) is Literal else []


def _fixed_tuple(nodes: list[Node]) -> Node:
    def convert(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise requires("tuple", value)
        if len(value) != len(nodes):
            raise Mismatch(f"requires {len(nodes)} elements, got {len(value)}")
        return tuple(_elements(zip(nodes, value, strict=True)))

    return Node(convert, _ARRAY)


def _elements(pairs: Iterable[tuple[Node, Any]]) -> list[Any]:
    """Elements of an array, each converted by its node."""
    items: list[Any] = []
    try:
        for node, element in pairs:
            # Not a comprehension: the length says where it stopped.
            items.append(element if element.__class__ is node.exact else node.lenient(element))
    except Mismatch as mismatch:
        raise mismatch.at(len(items)) from None
    return items
