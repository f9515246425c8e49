"""The paths among the arguments of a call, and where those lead."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, get_args

from axio.tool import AnyTool
from axio_tui_guards.looks import leaving_parts, looks_leaving
from axio_tui_guards.names import (
    names_command,
    names_content,
    names_directory,
    names_path,
    words_of,
)
from axio_tui_guards.paths import Finder, Unresolvable, is_within
from axio_tui_guards.protected import Holding, belongs_to
from axio_tui_guards.values import Leaf, leaves

__all__ = ("Claim", "base_of", "claims")

_MAX_NAME = 255  # of a file, as Linux


@dataclass(frozen=True, slots=True)
class Claim:
    """One path that a call names."""

    field: str
    path: str
    places: frozenset[str]
    """Every resolved path that it may lead to."""
    is_directory: bool
    """Its name says that it is a directory."""

    def directory_of(self, place: str) -> str:
        """The directory that is allowed when the person allows this place.

        A file's directory. What does not exist yet counts as a file if it has a suffix.
        """
        if os.path.isdir(place):
            return place
        is_file = os.path.exists(place) or os.path.splitext(place)[1] != ""
        return os.path.dirname(place) if is_file and not self.is_directory else place


def base_of(tool: AnyTool) -> str:
    """Where relative paths of a tool start: its workspace's root, or the current directory."""
    root = getattr(tool.context, "root", None)
    return os.path.join(os.getcwd(), root) if isinstance(root, str | PurePath) else os.getcwd()


def claims(
    tool: AnyTool,
    kwargs: Mapping[str, Any],
    extra: Container[str] = (),
    finder: Finder | None = None,
) -> list[Claim]:
    """Every path among the arguments: by its name (`extra` has further ones), its type or its look.

    A relative path may start at the tool's base or at any directory that the call names.
    `Unresolvable` for a value that cannot be a path, `Unreadable` for too many values.
    """
    finder = finder or Finder()
    base = base_of(tool)
    named: list[tuple[str, bool, str]] = []
    others: list[Leaf] = []
    for names, value in leaves(kwargs):
        if not names or value is None:
            continue
        if _is_named(names, value, extra):
            named += _named(names, value)
        elif isinstance(value, str) and not _leads_nowhere(names):
            others.append((names, value))
    bases = {base}
    for _, is_directory, text in named:
        if is_directory:
            bases |= finder.leads_to(text, (base,))
    found = [
        Claim(name, text, finder.leads_to(text, bases), is_directory)
        for name, is_directory, text in named
    ]
    for names, value in others:
        for text in _looking(value, base, tool.read_only):
            places = finder.leads_to(text, bases)
            # An absolute path is one; others go down from the base unless a link leads elsewhere.
            if (
                text.startswith("/")
                or any(_is_special(place, tool.read_only) for place in places)
                or not all(_is_below(place, bases, base) for place in places)
            ):
                found.append(Claim(names[-1], text, places, False))
    return found


def _is_below(place: str, bases: set[str], base: str) -> bool:
    return any(is_within(place, directory) for directory in (*bases, os.path.realpath(base)))


def _leads_nowhere(names: tuple[str, ...]) -> bool:
    """True for a command, which is read by others, and for what is only stored."""
    return names_content(names[-1]) or any(map(names_command, names))


def _is_special(place: str, read_only: bool) -> bool:
    """True if it is of a kind that no general rule frees, and there is something to be read or may
    be something to be made."""
    held = any(belongs_to(kind, place) for kind in get_args(Holding))
    return held and (not read_only or os.path.lexists(place))


def _is_named(names: tuple[str, ...], value: Any, extra: Container[str]) -> bool:
    if isinstance(value, PurePath) or any(name in extra for name in names):
        return True
    if words_of(names[-1])[-1:] == ["files"] and isinstance(value, str):
        return looks_leaving(value)  # often a pattern below another directory
    return any(map(names_path, names))


def _named(names: tuple[str, ...], value: Any) -> Iterator[tuple[str, bool, str]]:
    """The path that stands under such a name, and those that hide in it."""
    name = names[-1]
    text = _text(name, value)
    yield name, names_directory(name), text
    for part in leaving_parts(text, one=not name.endswith("s")):
        if part != text:
            yield name, False, part


def _looking(value: str, base: str, read_only: bool) -> Iterator[str]:
    """The paths that a value looks like, whatever its name is."""
    for part in leaving_parts(value):
        # Where there is nothing, there is nothing to be read.
        top = "/" + part.lstrip("/").partition("/")[0]
        if not (read_only and part.startswith("/") and not os.path.lexists(top)):
            yield part
    if len(value) > _MAX_NAME or not value.isprintable() or looks_leaving(value):
        return
    if "/" in value or not read_only or os.path.lexists(os.path.join(base, value)):
        yield value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, PurePath):
        return str(value)
    raise Unresolvable(f"{name} is of type {type(value).__name__}, not a path")
