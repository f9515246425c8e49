"""The arguments of a call against the schema of its tool."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal, NamedTuple, get_origin

from axio.exceptions import HandlerError
from axio.schema.convert import nodes_for
from axio.schema.field import MISSING, Mismatch, get_field_info, unwrap_hint
from axio.schema.hints import alias_value, parameters, simplify, takes_any_name
from axio.schema.nodes import Node


class _Field(NamedTuple):
    name: str
    exact: type | None
    node: Node
    required: bool
    default: Any
    null_is_absent: bool


class Validator:
    """What `compile_signature` makes: cheap to ask, holds nothing of a call, may be shared."""

    __slots__ = ("_count", "_fields", "_names", "_open", "_plain", "_whole")

    def __init__(self, fields: list[_Field], *, open_: bool, whole: Node | None = None) -> None:
        self._fields = fields
        self._names = frozenset(field.name for field in fields)
        self._open = open_
        """Whether names that are no fields are kept."""
        self._whole = whole
        """What must hold for all arguments together."""
        self._plain = [(field.name, field.exact) for field in fields]
        self._count = len(fields) if whole is None and not open_ else -1

    def bind(self, kwargs: dict[str, Any]) -> dict[str, Any]:
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

    def _bind(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        problems: list[str] = []
        missing: list[str] = []
        cause: Exception | None = None
        get = kwargs.get
        for name, exact, node, required, default, null_is_absent in self._fields:
            value = get(name, MISSING)
            if value.__class__ is exact:
                bound[name] = value
            elif value is MISSING or (value is None and null_is_absent):
                if required:
                    missing.append(name)
                elif default is not MISSING:
                    # A handler that changes its default must not change the next call's.
                    bound[name] = deepcopy(default) if type(default) in (list, dict) else default
            else:
                try:
                    bound[name] = node.lenient(value)
                except Mismatch as mismatch:
                    problems.append(mismatch.message(name))
                except RecursionError:
                    problems.append(f"Field '{name}' is nested too deeply")
                except Exception as error:  # Of a class of the user's, which checks itself.
                    cause = error
                    problems.append(f"Field '{name}' is not valid: {error}")
        if self._open:
            bound |= {name: value for name, value in kwargs.items() if name not in self._names}
        if missing:
            problems.append(f"Missing required field(s): {', '.join(missing)}")
        if self._whole is not None and not problems:
            try:
                bound = self._whole.convert(bound)
            except Mismatch as mismatch:
                problems.append(mismatch.message("arguments"))
            except RecursionError:
                problems.append("The arguments are nested too deeply")
        if problems:
            raise HandlerError("; ".join(problems)) from cause
        return bound

    def keep(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """These arguments without strays; nothing is checked."""
        if self._open or kwargs.keys() <= self._names:
            return kwargs
        return {name: value for name, value in kwargs.items() if name in self._names}


def compile_signature(
    handler: Any, hints: Mapping[str, Any] | None, explicit: Mapping[str, Any] | None
) -> Validator:
    """The validator of a tool: by an explicit schema if there is one, else by the signature.

    Against an explicit schema values are checked and not converted, except that a whole float for
    an integer becomes an int.
    """
    return _from_signature(handler, hints) if explicit is None else _from_schema(explicit)


def _from_signature(handler: Any, hints: Mapping[str, Any] | None) -> Validator:
    found = parameters(handler, hints)
    nodes = nodes_for(parameter.hint for parameter in found)
    fields = [
        _field(p.name, node, p.required, p.default, strict=_is_strict(p.hint))
        for p, node in zip(found, nodes, strict=True)
    ]
    return Validator(fields, open_=takes_any_name(handler))


def _from_schema(schema: Mapping[str, Any]) -> Validator:
    from axio.schema.given import SchemaCompiler, as_list  # For tools that bring a schema only.

    compiler = SchemaCompiler(schema)
    properties = schema.get("properties")
    described = properties if isinstance(properties, Mapping) else {}
    required = [name for name in as_list(schema.get("required")) if isinstance(name, str)]
    fields = [
        _field(name, compiler.node(prop), name in required, _default(prop))
        for name, prop in described.items()
    ]
    fields += [
        _field(name, compiler.node(True), True, MISSING)
        for name in required
        if name not in described
    ]
    open_ = not isinstance(properties, Mapping)
    keywords = (*_OF_THE_WHOLE, "additionalProperties") if open_ else _OF_THE_WHOLE
    rest = {keyword: schema[keyword] for keyword in keywords if keyword in schema}
    return Validator(fields, open_=open_, whole=compiler.node(rest) if rest else None)


_OF_THE_WHOLE = ("$ref", "allOf", "anyOf", "oneOf")


def _default(prop: Any) -> Any:
    return prop.get("default", MISSING) if isinstance(prop, Mapping) else MISSING


def _is_strict(hint: Any) -> bool:
    """Whether this is a Literal or a strict type, for which null is a wrong value like others."""
    hint = simplify(hint)
    if (value := alias_value(hint)) is not MISSING:
        return _is_strict(value)
    info = get_field_info(hint)
    inner, _ = unwrap_hint(hint)
    return get_origin(inner) is Literal or (info is not None and info.strict)


def _field(name: str, node: Node, required: bool, default: Any, strict: bool = False) -> _Field:
    null_is_absent = False
    if not required and (default is None or not strict):
        try:
            node.convert(None)
        except Exception:
            null_is_absent = True
    return _Field(name, node.exact, node, required, default, null_is_absent)
