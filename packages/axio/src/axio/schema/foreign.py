"""Facts beside a type in `Annotated`, and types that other libraries judge.

Understood are our own `Field`, the constraints of annotated_types and msgspec, and pydantic's
`Field`; pydantic and msgspec convert what only they can. A library is known once the program has
imported it: nothing is imported for it. As PEP 593 asks, anything else in an `Annotated` is
ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import reduce
from sys import modules
from typing import Annotated, Any, NamedTuple, get_origin

from axio.schema.field import MISSING, FieldInfo, Mismatch, shown
from axio.schema.hints import Unsupported, class_of
from axio.types import JSONObject

# ── Facts ────────────────────────────────────────────────────────────────────────────────────────


class Facts(NamedTuple):
    """All that stands beside a type."""

    description: str = ""
    default: Any = MISSING
    factory: Callable[[], Any] | None = None
    strict: bool = False
    limits: tuple[tuple[str, Any], ...] = ()
    """Keywords of JSON Schema and their values."""
    tests: tuple[Callable[[Any], Any], ...] = ()
    judge: bool = False
    """True if only pydantic can tell which values are right."""
    problem: str = ""
    """Words about a constraint that cannot be checked here."""

    def fresh_default(self) -> Any:
        """The default, which the one who gets it may change; `MISSING` if there is none."""
        return self.factory() if self.factory is not None else deepcopy(self.default)

    def also(self, other: Facts) -> Facts:
        """Both; where they disagree, the first."""
        has_default = self.default is not MISSING or self.factory is not None
        return Facts(
            self.description or other.description,
            self.default if has_default else other.default,
            self.factory if has_default else other.factory,
            self.strict or other.strict,
            self.limits + other.limits,
            self.tests + other.tests,
            self.judge or other.judge,
            self.problem or other.problem,
        )


_NONE = Facts()
_LIBRARIES = ("annotated_types", "msgspec", "pydantic", "typing_extensions")
_SILENT = ("Unit", "Tag", "Discriminator", "Doc", "DocInfo")
_LIMITS = {
    "ge": ("minimum",),
    "gt": ("exclusiveMinimum",),
    "le": ("maximum",),
    "lt": ("exclusiveMaximum",),
    "multiple_of": ("multipleOf",),
    "min_length": ("minLength", "minItems", "minProperties"),
    "max_length": ("maxLength", "maxItems", "maxProperties"),
    "pattern": ("pattern",),
}


def facts(hint: Any) -> Facts:
    """All that stands beside the type in an `Annotated`."""
    if get_origin(hint) is not Annotated:
        return _NONE
    return reduce(Facts.also, map(fact, hint.__metadata__))


def fact(extra: Any) -> Facts:
    """The facts in one object that stands in an `Annotated`, or in place of a default."""
    if isinstance(extra, FieldInfo):
        limits = (("minimum", extra.ge), ("maximum", extra.le))
        given = tuple(limit for limit in limits if limit[1] is not None)
        return Facts(extra.description, extra.default, None, extra.strict, given)
    if is_marker(extra):
        default = MISSING if extra.is_required() or extra.default_factory else extra.default
        own = Facts(extra.description or "", default, extra.default_factory)
        return reduce(Facts.also, map(fact, extra.metadata), own)
    if _library(extra) not in _LIBRARIES:
        return Facts(judge=_speaks_pydantic(extra))
    if hasattr(extra, "__is_annotated_types_grouped_metadata__"):
        return reduce(Facts.also, map(fact, extra), _NONE)
    return _library_fact(extra)


def is_marker(value: Any) -> bool:
    """True for pydantic's `Field(...)`, which may stand where a default stands."""
    marker = getattr(modules.get("pydantic.fields"), "FieldInfo", None)
    return marker is not None and isinstance(value, marker)


def _library(extra: Any) -> str:
    return type(extra).__module__.partition(".")[0]


def _library_fact(extra: Any) -> Facts:
    limits = tuple(
        (keyword, getattr(limit, "pattern", limit))  # A pattern may be compiled.
        for name, keywords in _LIMITS.items()
        if (limit := getattr(extra, name, None)) is not None
        for keyword in keywords
    )
    description = getattr(extra, "description", None) or getattr(extra, "documentation", None)
    found = Facts(
        description or "",
        strict=getattr(extra, "strict", None) is True,
        limits=limits,
    )
    if _library(extra) == "pydantic":  # Its markers of one word, and those that do more than check.
        says = getattr(extra, "__dict__", {}).keys()
        return found._replace(judge=not says or not says <= {*_LIMITS, "strict"})
    if (test := getattr(extra, "func", None)) is not None:
        found = found._replace(tests=(test,))
    if getattr(extra, "tz", None) is not None or (found == _NONE and not _says_nothing(extra)):
        found = found._replace(problem=f"{extra!r} cannot be checked")
    return found


def _says_nothing(extra: Any) -> bool:
    return _library(extra) == "msgspec" or type(extra).__name__ in _SILENT


# ── Types ────────────────────────────────────────────────────────────────────────────────────────


class Foreign(NamedTuple):
    """A type whose library makes the schema and judges values."""

    schema: JSONObject
    convert: Callable[[Any], Any]
    takes: frozenset[type] | None


def foreign(hint: Any, judge: bool = False) -> Foreign | None:
    """How a type travels that pydantic or msgspec knows, else None.

    With `judge` pydantic is asked although it is not a type of its own.
    """
    cls = class_of(hint)
    if judge or (cls is not None and _speaks_pydantic(cls)):
        return _pydantic(hint, cls)
    if cls is not None and is_struct(cls):
        return _msgspec(hint, cls)
    return None


def is_struct(cls: type) -> bool:
    base = getattr(modules.get("msgspec"), "Struct", None)
    return base is not None and issubclass(cls, base)


def is_model(cls: type) -> bool:
    base = getattr(modules.get("pydantic"), "BaseModel", None)
    return base is not None and issubclass(cls, base)


def _speaks_pydantic(value: Any) -> bool:
    hooks = ("__get_pydantic_core_schema__", "__pydantic_core_schema__")
    return "pydantic" in modules and any(hasattr(value, hook) for hook in hooks)


def _pydantic(hint: Any, cls: type | None) -> Foreign:
    pydantic = modules["pydantic"]
    try:
        adapter = pydantic.TypeAdapter(hint)
        schema = adapter.json_schema()
    except Exception as error:  # It has many kinds, and some are not children of one another.
        raise Unsupported(f"pydantic has no schema for it: {_first_line(error)}") from error

    def convert(value: Any) -> Any:
        try:
            return adapter.validate_python(value)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            said = f"is not valid: {first['msg']}, got {shown(first['input'])}"
            raise _at(Mismatch(said), first["loc"]) from None

    is_object = cls is not None and is_model(cls) and not getattr(cls, "__pydantic_root_model__", 0)
    return Foreign(schema, convert, frozenset({dict}) if is_object else None)


def _at(mismatch: Mismatch, place: Iterable[Any]) -> Mismatch:
    for part in reversed(tuple(place)):
        mismatch.at(part)
    return mismatch


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _msgspec(hint: Any, cls: Any) -> Foreign:
    msgspec = modules["msgspec"]
    try:
        schema = msgspec.json.schema(hint)
    except TypeError as error:
        raise Unsupported(f"msgspec has no schema for it: {_first_line(error)}") from error

    def convert(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            raise Mismatch(f"is not valid: {text}", path.rstrip("`")) from None

    takes = frozenset({list if cls.__struct_config__.array_like else dict})
    return Foreign(schema, convert, takes)
