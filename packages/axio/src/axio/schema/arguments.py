"""The arguments of a call against the schema of its tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias, get_origin

from axio.exceptions import HandlerError
from axio.schema.convert import Compiler
from axio.schema.field import MISSING, unwrap_hint
from axio.schema.foreign import facts
from axio.schema.hints import alias_value, simplify
from axio.schema.nodes import Convert, Node, any_node, in_words
from axio.schema.signature import function_name, other_names, parameters, refuse_unnamed
from axio.types import JSONObject


class _Field(NamedTuple):
    name: str
    node: Node
    required: bool
    default: Callable[[], Any] | None
    """Makes one for each call, whose handler may change it; None if there is none."""
    null_is_absent: bool


Schema: TypeAlias = Mapping[str, Any]


class Validator:
    """Checks and converts the arguments of calls. It holds nothing of a call and may be shared."""

    __slots__ = ("_count", "_fields", "_others", "_plain", "_whole", "names")

    def __init__(
        self, fields: list[_Field], *, others: Node | None = None, whole: Node | None = None
    ) -> None:
        self._fields = fields
        self.names = frozenset(field.name for field in fields)
        """Of the arguments that are known."""
        self._others = others
        """Takes the arguments of other names, which else are left out."""
        self._whole = whole
        """The check of all arguments together."""
        self._plain = [(field.name, field.node.exact) for field in fields]
        self._count = len(fields) if whole is None and others is None else -1

    def bind(self, kwargs: JSONObject) -> dict[str, Any]:
        """Arguments checked, converted and completed with defaults; strays are left out.

        `HandlerError` names everything that is wrong, for a model to mend in one go. Null for a
        field that may be left out but not be null counts as left out, unless it is strict or a
        choice of literals.
        """
        if len(kwargs) == self._count:  # Most calls: each argument is given, and of a plain type.
            for name, exact in self._plain:
                if type(kwargs.get(name)) is not exact:
                    break
            else:
                return kwargs
        return self._bind(kwargs)

    def _bind(self, kwargs: JSONObject) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        unbound: list[tuple[str, Convert, Any]] = []
        missing: list[str] = []
        for name, node, required, default, null_is_absent in self._fields:
            value = kwargs.get(name, MISSING)
            if value.__class__ is node.exact:
                bound[name] = value
            elif value is not MISSING and not (value is None and null_is_absent):
                unbound.append((name, node.lenient, value))
            elif required:
                missing.append(name)
            elif default is not None:
                bound[name] = default()
        if self._others is not None:
            take = self._others.lenient
            unbound += ((n, take, value) for n, value in kwargs.items() if n not in self.names)
        problems: list[str] = []
        cause: Exception | None = None
        for name, convert, value in unbound:
            try:
                bound[name] = convert(value)
            except Exception as error:
                problems.append(in_words(error, name))
                cause = error
        if missing:
            problems.append(f"Missing required field(s): {', '.join(missing)}")
        if self._whole is not None and not problems:
            try:
                bound = self._whole.convert(bound)
            except Exception as error:
                problems.append(in_words(error, "arguments"))
                cause = error
        if problems:
            raise HandlerError("; ".join(problems)) from cause
        return bound

    def keep(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """These arguments without strays; nothing is checked."""
        if self._others is not None or kwargs.keys() <= self.names:
            return kwargs
        return {name: value for name, value in kwargs.items() if name in self.names}


def compile_signature(handler: Any, explicit: Schema | None) -> Validator:
    """The validator of a tool: by an explicit schema if there is one, else by the signature.

    `TypeError` names the parameter that no argument can be passed to. Against an explicit schema
    values are checked and not converted, except that a whole float for an integer becomes an int.
    """
    return _from_signature(handler) if explicit is None else _from_schema(explicit)


def _from_signature(handler: Any) -> Validator:
    refuse_unnamed(handler)
    compiler = Compiler()

    def node(name: str, hint: Any) -> Node:
        try:
            return compiler.node(hint)
        except TypeError as error:
            where = f"parameter {name!r} of {function_name(handler)}"
            raise TypeError(f"{where}: {error}") from error

    fields = [
        _field(p.name, node(p.name, p.hint), p.required, p.default, p.factory, _is_strict(p.hint))
        for p in parameters(handler)
    ]
    others = other_names(handler)
    return Validator(fields, others=None if others is MISSING else node("**", others))


def _from_schema(schema: Schema) -> Validator:
    from axio.schema.given import SchemaCompiler, as_list  # For tools that bring a schema only.

    compiler = SchemaCompiler(schema)
    properties = schema.get("properties")
    described = properties if isinstance(properties, Mapping) else {}
    required = [name for name in as_list(schema.get("required")) if isinstance(name, str)]
    known = {**described, **{name: True for name in required if name not in described}}
    fields = [
        _field(name, compiler.node(part), name in required, _default(part))
        for name, part in known.items()
    ]
    is_open = not isinstance(properties, Mapping)
    keywords = (*_OF_THE_WHOLE, "additionalProperties") if is_open else _OF_THE_WHOLE
    rest = {keyword: schema[keyword] for keyword in keywords if keyword in schema}
    return Validator(
        fields,
        others=any_node() if is_open else None,
        whole=compiler.node(rest) if rest else None,
    )


_OF_THE_WHOLE = ("$ref", "allOf", "anyOf", "oneOf")


def _default(prop: Any) -> Any:
    return prop.get("default", MISSING) if isinstance(prop, Mapping) else MISSING


def _is_strict(hint: Any) -> bool:
    """True for a Literal or a strict type, for which null is a wrong value like others."""
    hint = simplify(hint)
    if (value := alias_value(hint)) is not MISSING:
        return _is_strict(value)
    inner, _ = unwrap_hint(hint)
    return get_origin(inner) is Literal or facts(hint).strict


def _field(
    name: str,
    node: Node,
    required: bool,
    default: Any,
    factory: Callable[[], Any] | None = None,
    strict: bool = False,
) -> _Field:
    null_is_absent = False
    if not required and (default is None or not strict):
        try:
            node.convert(None)
        except Exception:
            null_is_absent = True
    if default is not MISSING:
        own = type(default) in (list, dict)
        factory = partial(deepcopy, default) if own else lambda: default
    return _Field(name, node, required, factory, null_is_absent)
