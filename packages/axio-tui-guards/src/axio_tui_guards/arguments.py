"""What the arguments of a call say: which of them are paths, and where those lead."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from axio.tool import Tool
from axio_tui_guards.paths import Unresolvable, leads_to
from axio_tui_guards.values import leaves

__all__ = ("Claim", "base_of", "claims", "last_word")

_DIRECTORY_WORDS = frozenset(
    "cwd dir directories directory dirs folder folders root workdir".split()
)
PATH_WORDS = _DIRECTORY_WORDS | frozenset(
    "dest destination dst file filename filenames files path paths source src target".split()
)
# `files` is often a pattern below another directory: only one that leaves it is a path.
_LEAVES = re.compile(r"^\s*[/~$]|\.\.|^\s*file:", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True)
class Claim:
    """One path that a call names."""

    field: str
    path: str
    places: frozenset[str]
    """Every resolved path that it may lead to."""
    is_directory: bool
    """Whether its name says that it is a directory."""

    def directory_of(self, place: str) -> str:
        """The directory that is allowed when the person allows this place.

        A file's directory. What does not exist yet counts as a file if it has a suffix.
        """
        if os.path.isdir(place):
            return place
        is_file = os.path.exists(place) or os.path.splitext(place)[1] != ""
        return os.path.dirname(place) if is_file and not self.is_directory else place


def base_of(tool: Tool[Any]) -> str:
    """Where relative paths of a tool start: its workspace's root, or the current directory."""
    root = getattr(tool.context, "root", None)
    return os.path.join(os.getcwd(), root) if isinstance(root, str | PurePath) else os.getcwd()


def claims(base: str, kwargs: Mapping[str, Any], extra: Container[str] = ()) -> list[Claim]:
    """Every path among the arguments: by its name (`extra` has further ones) or by its type.

    A relative path may start at `base` or at any directory that the call names. `Unresolvable` for
    a value that cannot be a path.
    """
    named = [
        (names[-1], _is_directory(names), _text(names[-1], value))
        for names, value in leaves(kwargs)
        if names and value is not None and _is_path(names, value, extra)
    ]
    bases = {base}
    for _, is_directory, text in named:
        if is_directory:
            bases |= leads_to(text, (base,))
    return [
        Claim(name, text, leads_to(text, bases), is_directory) for name, is_directory, text in named
    ]


def _is_path(names: tuple[str, ...], value: Any, extra: Container[str]) -> bool:
    if isinstance(value, PurePath) or any(name in extra for name in names):
        return True
    if last_word(names[-1]) == "files" and isinstance(value, str):
        return _LEAVES.search(value) is not None
    return any(last_word(name) in PATH_WORDS for name in names)


def _is_directory(names: tuple[str, ...]) -> bool:
    return last_word(names[-1]) in _DIRECTORY_WORDS


def last_word(name: str) -> str:
    words = _WORD.findall(name)
    return words[-1].lower() if words else ""


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, bytes):
        return os.fsdecode(value)
    raise Unresolvable(f"{name} is of type {type(value).__name__}, not a path")
