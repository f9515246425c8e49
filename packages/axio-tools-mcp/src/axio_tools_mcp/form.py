"""A form that a server asks a person to fill in: its fields, and the answers that fit. Pure.

The protocol allows one level of texts, numbers, truth values and choices. What is described is a
stranger's word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ("FormField", "fields_of", "wants_a_secret")

_KINDS = ("string", "number", "integer", "boolean", "array")
_LIMITS = ("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")
_YES, _NO = ("yes", "y", "true"), ("no", "n", "false")
_FORMATS = {
    "email": (re.compile(r"[^@\s]+@[^@\s]+"), "an e-mail address"),
    "uri": (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+"), "an address with a scheme, as https://"),
    "date": (re.compile(r"\d{4}-\d\d-\d\d"), "a date, as 2026-01-31"),
    "date-time": (re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d\S*"), "a time, as 2026-01-31T12:00Z"),
}
_SECRET = re.compile(
    r"pass\s*word|passphrase|passcode|credential|(?:secret|private|api|access|recovery)[\s_-]*(?:key"
    r"|token|phrase)|(?:credit|debit)[\s_-]*card|card[\s_-]*number|\bcvv\b|\bone[\s_-]*time",
    re.I,
)
_SECRET_NAME = re.compile(
    r"passw|secret|token|credential|(?:^|[\s_-])(?:pin|otp)(?:$|[\s_-])", re.I
)


@dataclass(frozen=True, slots=True)
class FormField:
    """`choices` are the values that may be chosen, each with what is shown of it."""

    name: str
    kind: str
    schema: Mapping[str, Any]
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        return str(self.schema.get("title") or self.name)

    @property
    def hint(self) -> str:
        """The words on what fits, in part those of the stranger."""
        words = [_text(self.schema.get("description")), self._kind_words()]
        if "default" in self.schema:
            words.append(f"else {self.schema['default']!r}")
        elif not self.required:
            words.append("may be left empty")
        return "; ".join(word for word in words if word)

    def read(self, answer: str) -> Any:
        """The value that an answer means; None to leave the field out.

        Raises `ValueError`, whose words say what fits.
        """
        answer = answer.strip()
        if not answer and "default" in self.schema:
            return self.schema["default"]
        if not answer and not self.required:
            return None
        if not answer:
            raise ValueError("it needs an answer")
        if self.kind == "array":
            return self._many(answer)
        if self.choices:
            return self._one(answer)
        return _READERS[self.kind](answer, self.schema)

    def _one(self, answer: str) -> str:
        for value, shown in self.choices:
            if answer in (value, shown):
                return value
        raise ValueError(self._kind_words())

    def _many(self, answer: str) -> list[str]:
        values = [self._one(part.strip()) for part in answer.split(",") if part.strip()]
        least, most = self.schema.get("minItems", 0), self.schema.get("maxItems", len(values))
        if not least <= len(values) <= most:
            raise ValueError(f"from {least} to {most} of them")
        return values

    def _kind_words(self) -> str:
        shown = ", ".join(shown for _, shown in self.choices)
        if self.kind == "array":
            return f"some of: {shown}, with commas"
        if self.choices:
            return f"one of: {shown}"
        if self.kind == "boolean":
            return "yes or no"
        if self.kind == "string":
            return _FORMATS.get(str(self.schema.get("format")), (None, ""))[1]
        return _number_words(self.schema, self.kind)


def fields_of(schema: Mapping[str, Any]) -> list[FormField]:
    """The fields of a form, in their order. Raises `ValueError` for one that is no form."""
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    if not isinstance(properties, dict) or not isinstance(required, (list, tuple)):
        raise ValueError("it is not described as a form")
    fields = []
    for name, field in properties.items():
        kind = field.get("type") if isinstance(field, dict) else None
        if kind not in _KINDS or not all(_is_number(field.get(key, 0)) for key in _LIMITS):
            raise ValueError(f"it asks in {name!r} for something that cannot be typed")
        items = field.get("items") if kind == "array" else field
        choices = _choices(items) if isinstance(items, dict) else ()
        if kind == "array" and not choices:
            raise ValueError(f"it asks in {name!r} for something that cannot be typed")
        fields.append(FormField(name, kind, field, name in required, choices))
    return fields


def wants_a_secret(message: str, fields: list[FormField]) -> str:
    """The words of a form by which it asks for a password, a key or the like; "" if it does not.

    The protocol forbids to ask for those in a form.
    """
    for field in fields:
        if _SECRET_NAME.search(field.name) or _SECRET_NAME.search(field.title):
            return field.title
        if field.schema.get("format") == "password":
            return field.title
        if found := _SECRET.search(f"{field.title} {_text(field.schema.get('description'))}"):
            return found[0]
    found = _SECRET.search(message)
    return found[0] if found else ""


def _choices(field: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    titled = field.get("oneOf") or field.get("anyOf")
    if isinstance(titled, list):
        pairs = [(i.get("const"), i.get("title")) for i in titled if isinstance(i, dict)]
        return tuple((str(value), str(title or value)) for value, title in pairs)
    values = field.get("enum")
    if not isinstance(values, list):
        return ()
    names = field.get("enumNames")
    shown = names if isinstance(names, list) and len(names) == len(values) else values
    return tuple((str(value), str(name)) for value, name in zip(values, shown, strict=True))


def _read_text(answer: str, schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(answer))
    if not least <= len(answer) <= most:
        raise ValueError(f"from {least} to {most} characters")
    pattern, words = _FORMATS.get(str(schema.get("format")), (None, ""))
    if pattern is not None and not pattern.fullmatch(answer):
        raise ValueError(words)
    return answer


def _read_number(answer: str, schema: Mapping[str, Any]) -> float:
    value: float
    kind = str(schema.get("type"))
    try:
        value = int(answer) if kind == "integer" else float(answer)
    except ValueError:
        raise ValueError(_number_words(schema, kind)) from None
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    if not low <= value <= high:  # false for NaN, too
        raise ValueError(_number_words(schema, kind))
    return value


def _read_truth(answer: str, schema: Mapping[str, Any]) -> bool:
    if answer.lower() not in (*_YES, *_NO):
        raise ValueError("yes or no")
    return answer.lower() in _YES


_READERS = {
    "string": _read_text,
    "number": _read_number,
    "integer": _read_number,
    "boolean": _read_truth,
}


def _number_words(schema: Mapping[str, Any], kind: str) -> str:
    words = "a whole number" if kind == "integer" else "a number"
    if "minimum" in schema:
        words += f" from {schema['minimum']}"
    if "maximum" in schema:
        words += f" up to {schema['maximum']}"
    return words


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
