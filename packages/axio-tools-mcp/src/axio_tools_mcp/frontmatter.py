"""The head of a SKILL.md, between two lines of `---`: the common part of YAML. Pure.

Scalars stay texts. YAML that is not read here (anchors, tags, objects in one line) is refused, so
that nothing is taken for something else.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias

__all__ = ("frontmatter_of", "says_the_same")

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#\[\]{}&*!|>%@`,?-][^:#]*?)\s*:(?:\s+|$)"""
)
_LINE_END = re.compile(r"\r\n|\n|\r")  # and no others, as in YAML
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_BLOCK = re.compile(r"([|>])([+-]?)\s*(?:#.*)?$")
_REFUSED = tuple("&*!%@`{?")
_TRUE, _FALSE, _NONE = ("true", "yes", "on"), ("false", "no", "off"), ("", "~", "null")


def frontmatter_of(text: str) -> dict[str, Value]:
    """The object that the head describes. Raises `ValueError`."""
    found = _HEAD.match(text)
    if found is None:
        raise ValueError("it does not begin with a head between two lines of ---")
    lines = _Lines(found[1])
    try:
        value = lines.mapping(0)
    except RecursionError:
        raise ValueError("its head is too deep") from None
    lines.end()
    return value


def says_the_same(value: Value, given: Any) -> bool:
    """True if a JSON value is what the head says."""
    if isinstance(given, dict):
        return (
            isinstance(value, dict)
            and value.keys() == given.keys()
            and all(says_the_same(value[key], given[key]) for key in value)
        )
    if isinstance(given, list):
        return (
            isinstance(value, list)
            and len(value) == len(given)
            and all(map(says_the_same, value, given))
        )
    if not isinstance(value, str):
        return False
    if isinstance(given, bool):
        return value.lower() in (_TRUE if given else _FALSE)
    if given is None:
        return value.lower() in _NONE
    if isinstance(given, (int, float)):
        return bool(_number(value) == given)
    return isinstance(given, str) and value == given


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class _Lines:
    """The lines of a head, read from top to bottom."""

    def __init__(self, text: str) -> None:
        self._lines = _LINE_END.split(text)
        self._at = 0

    def end(self) -> None:
        if self._indent() is not None:
            raise ValueError(f"its head cannot be read at {self._lines[self._at].strip()!r}")

    def mapping(self, indent: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while self._indent() == indent:
            line = self._lines[self._at]
            found = _KEY.match(line, indent)
            if found is None:
                break
            self._at += 1
            key = _unquoted(found[1])
            if key in values:
                raise ValueError(f"its head has {key!r} twice")
            values[key] = self._value(line[found.end() :], indent)
        return values

    def _value(self, rest: str, indent: int) -> Value:
        """The value after a key, or after the dash of an item, that stands at `indent`."""
        rest = _without_comment(rest)
        if block := _BLOCK.match(rest):
            return self._block(indent, folded=block[1] == ">", end=block[2])
        if rest:
            return self._scalar(rest, indent)
        deeper = self._indent()
        if deeper is not None and deeper >= indent and self._is_item():
            return self._items(deeper)
        if deeper is not None and deeper > indent:
            if _KEY.match(self._lines[self._at], deeper):
                return self.mapping(deeper)
            self._at += 1
            return self._scalar(_without_comment(self._lines[self._at - 1].strip()), indent)
        return ""

    def _items(self, indent: int) -> list[Value]:
        values: list[Value] = []
        while self._indent() == indent and self._is_item():
            rest = self._lines[self._at][indent + 1 :]
            if _KEY.match(rest.strip()):  # an object whose first key stands after the dash
                inner = indent + 1 + len(rest) - len(rest.lstrip())
                self._lines[self._at] = " " * inner + rest.lstrip()
                values.append(self.mapping(inner))
                continue
            self._at += 1
            values.append(self._value(rest.strip(), indent))
        return values

    def _scalar(self, first: str, indent: int) -> Value:
        if first.startswith(_REFUSED):
            raise ValueError(f"its head has YAML that is not read here: {first!r}")
        if first[0] == "[":
            return _listed(first)
        if first[0] in "\"'":
            return _unquoted(first)
        parts = [first]
        while (deeper := self._indent()) is not None and deeper > indent:
            parts.append(_without_comment(self._lines[self._at].strip()))
            self._at += 1
        if any(": " in part or part.endswith(":") for part in parts):
            raise ValueError(f"its head has a colon that needs quotes: {first!r}")
        return " ".join(parts)

    def _block(self, indent: int, *, folded: bool, end: str) -> str:
        lines: list[str] = []
        width = 0
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip()
            depth = _depth(line)
            if line and depth <= indent:
                break
            width = width or depth
            lines.append(line[width:])
            self._at += 1
        while lines and not lines[-1]:
            lines.pop()
        if end == "+" or (folded and any(line.startswith(" ") for line in lines)):
            raise ValueError("its head has a block of text that is not read here")
        text = "\n".join(lines)
        if folded:
            text = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
            text = re.sub(r"\n(\n+)", r"\1", text)
        return text if end == "-" or not text else f"{text}\n"

    def _indent(self) -> int | None:
        """The indent of the next line that says something; None at the end."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.strip() and not line.lstrip().startswith("#"):
                return _depth(line)
            self._at += 1
        return None

    def _is_item(self) -> bool:
        return self._lines[self._at].lstrip().split(" ", 1)[0] == "-"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _without_comment(text: str) -> str:
    return text.strip() if text.lstrip()[:1] in tuple("\"'[") else _COMMENT.sub("", text).strip()


def _listed(text: str) -> list[Value]:
    inner = text[1:-1].strip()
    if text[-1] != "]" or any(sign in inner for sign in "[]{}\"'#"):
        raise ValueError(f"its head has YAML that is not read here: {text!r}")
    return [item.strip() for item in inner.split(",") if item.strip()]


def _unquoted(text: str) -> str:
    """A scalar on one line: in double quotes as in JSON, in single quotes, or without."""
    if text[:1] == '"':
        value, end = json.JSONDecoder().raw_decode(text)
    elif text[:1] == "'":
        found = re.match(r"'((?:[^']|'')*)'", text)
        if found is None:
            raise ValueError(f"its head has a quote without an end: {text!r}")
        value, end = found[1].replace("''", "'"), found.end()
    else:
        return text
    if _COMMENT.sub("", text[end:]).strip():
        raise ValueError(f"its head has something after a quote: {text!r}")
    return str(value)
