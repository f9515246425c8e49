"""The parameters of a function that have names, and the members of a record.

A *record* is a type with named members: a dataclass, an attrs class, a NamedTuple or a TypedDict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import partial
from inspect import Parameter as Slot, get_annotations, signature
from types import MemberDescriptorType, SimpleNamespace
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    NotRequired,
    Protocol,
    Required,
    get_args,
    get_origin,
    get_type_hints,
)

from axio.schema.field import MISSING, FieldInfo, is_classvar
from axio.schema.foreign import facts, is_marker
from axio.schema.hints import class_of, is_special, simplify, substitute


class Parameter(NamedTuple):
    """A parameter of a function or a member of a record. `default` is `MISSING` if unknown.

    `factory` makes a default for each call.
    """

    name: str
    hint: Any
    required: bool
    default: Any = MISSING
    description: str = ""
    factory: Callable[[], Any] | None = None


class Record(NamedTuple):
    cls: type
    members: tuple[Parameter, ...]
    description: str

    @property
    def is_typed_dict(self) -> bool:
        return issubclass(self.cls, dict)


# ── Functions ────────────────────────────────────────────────────────────────────────────────────


def parameters(fn: Any, hints: Mapping[str, Any] | None = None) -> list[Parameter]:
    """The parameters of a function or class that are passed by name, in order of declaration.

    Left out are `*args`, `**kwargs`, ClassVars, names with a leading underscore, and what a
    `functools.partial` has bound. A parameter without annotation has the hint `Any`. `hints` are
    used instead of the annotations of `fn`; a parameter that is annotated but not among them is
    left out.
    """
    slots = _slots(fn)
    if isinstance(fn, type):
        return _members(fn, slots, _member_hints(fn, fn) if hints is None else hints)
    if hints is None:
        hints = _hints(fn, slots)
    made = _made(fn, slots, {**_named(slots, hints), **hints})
    return [*made, *_unpacked(hints.get(_rest(slots)))]


def other_names(fn: Any) -> Any:
    """The annotation of `**kwargs`, `Any` without one; `MISSING` if every name is known."""
    slots = _slots(fn)
    name = _rest(slots)
    if not name:
        return MISSING
    hint = _hints(fn, {name: slots[name]}).get(name, Any)
    return MISSING if is_special(hint, "Unpack") else hint


def refuse_unnamed(fn: Any) -> None:
    """Raise `TypeError` for a parameter that cannot be passed by name, as a call does."""
    for name, slot in _slots(fn).items():
        hidden = name.startswith("_")
        if slot.kind is Slot.VAR_POSITIONAL and not hidden:
            reason = f"arguments come by name, and *{name} has none: take a list instead"
        elif slot.kind is Slot.POSITIONAL_ONLY:
            reason = "arguments come by name, and it is positional-only: leave the / out"
        elif hidden and slot.default is Slot.empty and slot.kind not in _UNNAMED:
            reason = "the model is not shown a name that begins with _: give it a default"
        else:
            continue
        raise TypeError(f"parameter {name!r} of {function_name(fn)}: {reason}")


def function_name(fn: Any) -> str:
    return f"{getattr(unbound(fn), '__qualname__', repr(fn))}()"


def unbound(fn: Any) -> Any:
    """The function of a `functools.partial`, which has no name or docstring of its own."""
    while isinstance(fn, partial):
        fn = fn.func
    return fn


_UNNAMED = (Slot.POSITIONAL_ONLY, Slot.VAR_POSITIONAL, Slot.VAR_KEYWORD)


def _slots(fn: Any) -> Mapping[str, Slot]:
    try:
        slots = signature(fn).parameters
    except (TypeError, ValueError):  # Some classes and built-ins have none.
        return {}
    bound: set[str] = set()
    for inner in _chain(fn):
        if "__signature__" in getattr(inner, "__dict__", ()):
            break
        bound.update(inner.keywords if isinstance(inner, partial) else ())
    return {name: slot for name, slot in slots.items() if name not in bound}


def _chain(fn: Any) -> Iterator[Any]:
    """The function, and those that it wraps."""
    while fn is not None:
        yield fn
        fn = fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)


def _named(slots: Mapping[str, Slot], hints: Mapping[str, Any]) -> dict[str, Any]:
    """The hints in the order of the parameters, `Any` for those without annotation."""
    return {
        name: hints.get(name, Any)
        for name, slot in slots.items()
        if name in hints or slot.annotation is Slot.empty
    }


def _rest(slots: Mapping[str, Slot]) -> str:
    return next((name for name, slot in slots.items() if slot.kind is Slot.VAR_KEYWORD), "")


def _hints(fn: Any, slots: Mapping[str, Slot]) -> dict[str, Any]:
    """The annotations of the parameters, strings resolved."""
    *_, innermost = _chain(fn)
    scope = getattr(innermost, "__globals__", {})
    found: dict[str, Any] = {}
    for name, slot in slots.items():
        if slot.annotation is Slot.empty:
            continue
        holder = SimpleNamespace(
            __annotations__={name: slot.annotation},
            __type_params__=getattr(innermost, "__type_params__", ()),
        )
        try:
            found |= get_type_hints(holder, globalns=scope, include_extras=True)
        except Exception as error:
            raise TypeError(
                f"parameter {name!r} of {function_name(fn)}: its annotation {slot.annotation!r}"
                f" cannot be resolved: {error}; import at module level what it names"
            ) from error
    return found


def _unpacked(hint: Any) -> tuple[Parameter, ...]:
    """The members of `**kwargs: Unpack[SomeTypedDict]`."""
    found = record(get_args(hint)[0]) if is_special(hint, "Unpack") else None
    return found.members if found else ()


def _made(fn: Any, slots: Mapping[str, Slot], hints: Mapping[str, Any]) -> list[Parameter]:
    descriptions = _descriptions(unbound(fn))
    return [
        _parameter(fn, name, hint, slots.get(name), descriptions.get(name, ""))
        for name, hint in hints.items()
        if not name.startswith("_")
        and name != "return"
        and not is_classvar(hint)
        and not (name in slots and slots[name].kind in _UNNAMED)
    ]


def _parameter(fn: Any, name: str, hint: Any, slot: Slot | None, description: str) -> Parameter:
    default = MISSING if slot is None or slot.default is Slot.empty else slot.default
    if isinstance(default, FieldInfo) or is_marker(default):  # `x: int = Field(...)`
        hint, default = Annotated[hint, default], MISSING
    optional = default is not MISSING
    if isinstance(fn, type) and slot is None:
        value = getattr(fn, name, MISSING)
        optional = value is not MISSING and not isinstance(value, MemberDescriptorType)
    return _described(name, hint, default, optional, description)


def _described(name: str, hint: Any, default: Any, optional: bool, description: str) -> Parameter:
    """A parameter with what its annotation says, which wins."""
    said = facts(hint)
    if said.default is not MISSING or said.factory is not None:
        default, optional = said.default, True
    return Parameter(
        name, hint, not optional, default, said.description or description, said.factory
    )


# ── Records ──────────────────────────────────────────────────────────────────────────────────────


def record(hint: Any) -> Record | None:
    """The members of a dataclass, attrs class, NamedTuple or TypedDict; None for other types."""
    cls = class_of(hint)
    if cls is None:
        return None
    if issubclass(cls, dict) and hasattr(cls, "__total__"):
        members = _typed_dict_members(cls, _member_hints(hint, cls))
    elif _is_constructed(cls):
        members = _members(cls, _slots(cls), _member_hints(hint, cls))
    else:
        return None
    return Record(cls, tuple(members), _own_summary(cls))


def _is_constructed(fn: Any) -> bool:
    """True for a class whose constructor takes its members by name."""
    is_named_tuple = isinstance(fn, type) and issubclass(fn, tuple) and hasattr(fn, "_fields")
    is_attrs = hasattr(fn, "__attrs_attrs__")
    return isinstance(fn, type) and (is_dataclass(fn) or is_named_tuple or is_attrs)


def _members(cls: type, slots: Mapping[str, Slot], hints: Mapping[str, Any]) -> list[Parameter]:
    """The members of a class: by its constructor if that takes them, else by its annotations."""
    if not _is_constructed(cls):
        return _made(cls, slots, hints)
    # attrs may call a parameter of its constructor otherwise than the attribute.
    aliases = {field.name: field.alias for field in getattr(cls, "__attrs_attrs__", ())}
    known = {aliases.get(name, name): hint for name, hint in hints.items()}
    return _made(cls, slots, _named(slots, known))


def _typed_dict_members(cls: Any, hints: Mapping[str, Any]) -> list[Parameter]:
    descriptions = _descriptions(cls)
    members = []
    for name, hint in hints.items():
        # With postponed annotations `__required_keys__` does not know of the wrappers.
        origin = get_origin(hint)
        optional = origin is NotRequired or (
            origin is not Required and name not in cls.__required_keys__
        )
        description = descriptions.get(name, "")
        members.append(_described(name, simplify(hint), MISSING, optional, description))
    return members


def _member_hints(hint: Any, cls: type) -> dict[str, Any]:
    """The annotations of a class, with the type arguments that it and its bases were given."""
    hints = _class_hints(cls)
    arguments = _type_arguments(hint, {})
    # The annotations of a TypedDict hold those of its bases, which are none for Python.
    owners = [*reversed(arguments)] if issubclass(cls, dict) else cls.__mro__
    for name in hints:
        owner = next((o for o in owners if name in get_annotations(o)), cls)
        hints[name] = substitute(hints[name], arguments.get(owner, {}))
    return hints


def _type_arguments(
    hint: Any, found: dict[type, Mapping[Any, Any]]
) -> dict[type, Mapping[Any, Any]]:
    """For a class and each of its bases: its type variables and their values."""
    cls = class_of(hint)
    if cls is not None and cls not in found:
        given = dict(zip(getattr(cls, "__parameters__", ()), get_args(hint), strict=False))
        found[cls] = given
        for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
            if get_origin(base) not in (Generic, Protocol):  # They only declare the variables.
                _type_arguments(substitute(base, given), found)
    return found


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
