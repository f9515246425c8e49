"""The one error of checks on arguments: where, what came, what is wanted."""

from __future__ import annotations

from typing import Any

__all__ = ("Mismatch", "missing", "not_among", "requires", "shown")


class Mismatch(Exception):
    """A value does not fit. Each container on the way out adds its part of the path."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.text = text
        self._path = [path] if path else []
        """Innermost part first."""
        self.wrong_type = False
        """Whether it says only that the whole value is of a type that is not wanted."""

    def at(self, part: object) -> Mismatch:
        """Say that it happened at this index or key."""
        plain = isinstance(part, str) and part.isidentifier()
        self._path.append(f".{part}" if plain else f"[{part!r}]")
        self.wrong_type = False
        return self

    def message(self, name: str) -> str:
        """The sentence for the model: "Field 'items[2].price' requires float, got str"."""
        outer = name + "".join(reversed(self._path[1:]))
        last = self._path[0] if self._path else ""
        if last[:1] == "[" and last[1:-1].isdigit() and self.text.startswith("requires"):
            return f"Field '{outer}' element {last[1:-1]} {self.text} (at {outer}{last})"
        return f"Field '{outer}{last}' {self.text}"


def requires(wanted: str, value: Any) -> Mismatch:
    mismatch = Mismatch(f"requires {wanted}, got {type(value).__name__}")
    mismatch.wrong_type = True
    return mismatch


def missing() -> Mismatch:
    return Mismatch("is required but missing")


def not_among(values: Any, value: Any) -> Mismatch:
    return Mismatch(f"must be one of {', '.join(map(repr, values))}, got {shown(value)}")


def shown(value: Any) -> str:
    """A value as a message quotes it: long strings are cut, containers only named."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    plain = value is None or isinstance(value, (int, float))
    return repr(value) if plain else type(value).__name__
